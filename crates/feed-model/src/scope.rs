//! How large a world is searched, and which faults happen in it.

/// A change that the owner commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The token is off, and its sessions are over for good. A deletion is this without an [`Enable`](Self::Enable).
    Disable(usize),
    /// It is on again; only sessions validated from now on are good.
    Enable(usize),
    /// Its sessions are over; it can open new ones.
    EndSessions(usize),
}

impl Operation {
    pub const fn token(self) -> usize {
        match self {
            Self::Disable(token) | Self::Enable(token) | Self::EndSessions(token) => token,
        }
    }

    /// Whether sessions end by it.
    pub const fn revokes(self) -> bool {
        !matches!(self, Self::Enable(_))
    }
}

/// Everything in it is tried in every order; time and the number of heartbeats, messages and restarts are unbounded.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "every one is a fault of its own")]
pub struct Scope {
    /// 1 or 2.
    pub replicas: usize,
    /// How many incarnations the database may know at once, 1 to 3: one for each replica, and those that are over but
    /// still waited for. A replica starts again as soon as there is room.
    pub incarnations: usize,
    /// 1 or 2.
    pub tokens: usize,
    /// The changes that may be committed, each as often as it makes sense, in any order.
    pub operations: &'static [Operation],
    /// How many changes are committed at most: 1 to 3.
    pub commits: u8,
    /// A lease in ticks, 2 to 4; one of them is the drift margin.
    pub lease: u8,
    /// A replica's clock loses one tick in the length of a lease.
    pub drift: bool,
    /// A process is killed and started again.
    pub crashes: bool,
    /// A process is told to stop: it fences itself, gives its lease back, and ends.
    pub stops: bool,
    /// Entries that are applied nowhere are forgotten, so that a replica must load the objects while it may decide.
    pub compaction: bool,
    /// The database's clock is set ahead by more than a lease, and set back by a lease.
    pub clock_steps: bool,
}

impl Scope {
    /// One replica and one change that ends a token's sessions; nothing fails but the network and the scheduler.
    pub const SMALLEST: Self = Self {
        replicas: 1,
        incarnations: 1,
        tokens: 1,
        operations: &[Operation::Disable(0)],
        commits: 1,
        lease: 3,
        drift: false,
        crashes: false,
        stops: false,
        compaction: false,
        clock_steps: false,
    };
}
