//! One moment of the world. Every time in it is relative: ticks that are left, or ticks that have passed up to a bound
//! beyond which they make no difference. So the states are finite although time is not bounded.

use crate::Invariant;
use crate::scope::{Operation, Scope};

pub const COMMITS: usize = 3;
const POSITIONS: [u8; COMMITS] = [1, 2, 3];
pub const REPLICAS: usize = 2;
pub const TOKENS: usize = 2;
/// Incarnations that the database can know at once.
pub const SLOTS: usize = 3;

/// One committed change; its position is its index and one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    pub operation: Operation,
    /// Ticks since the commit, up to a lease; kept only while it matters.
    pub age: u8,
}

/// A row of the lease table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// By the database's clock.
    pub left: u8,
    pub applied: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// The leases have not been looked at.
    None,
    Waiting {
        /// Since the look, up to a lease.
        age: u8,
        /// By incarnation: what is left of the lease that was running at the look; 0: not waited for.
        ends: [u8; SLOTS],
    },
    Done,
}

/// What a replica's one task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    Idle,
    /// A heartbeat is under way. `age`: since it was sent, by the replica's clock.
    Sent {
        age: u8,
    },
    /// The owner has read the database's clock, `read` ticks ago.
    Timed {
        age: u8,
        read: u8,
    },
    /// Broken on purpose: the head was read before the lease is written.
    HeadRead {
        age: u8,
        read: u8,
        head: u8,
    },
    Granted {
        age: u8,
    },
    /// Answered: load, catch up with this head, then let the lease count.
    Renewing {
        age: u8,
        head: u8,
    },
    /// A broadcast showed a gap.
    Catching {
        target: u8,
    },
}

/// Objects on their way to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Loading {
    /// The head, read before the first page.
    pub from: Option<u8>,
    /// One object a page: of each token that was read, the position of its last change.
    pub pages: usize,
    pub objects: [u8; TOKENS],
}

/// A decision in progress, on another thread than the replica's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    None,
    /// The lease is taken; nothing is looked up yet.
    Taken {
        left: u8,
    },
    /// A session was found good that was not: it is admitted if the lease covers it.
    Found {
        left: u8,
        wrong: Invariant,
    },
}

/// A running process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Life {
    /// Its incarnation.
    pub slot: usize,
    /// It has fenced itself, and is stopping.
    pub is_fenced: bool,
    pub is_loaded: bool,
    pub applied: u8,
    /// Of each token: the position of the last change that its view shows.
    pub known: [u8; TOKENS],
    /// What is left of its lease, by its own clock.
    pub live: u8,
    pub task: Task,
    pub loading: Option<Loading>,
    pub decision: Decision,
}

impl Life {
    pub const fn new(slot: usize) -> Self {
        Self {
            slot,
            is_fenced: false,
            is_loaded: false,
            applied: 0,
            known: [0; TOKENS],
            live: 0,
            task: Task::Idle,
            loading: None,
            decision: Decision::None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Replica {
    /// Ticks until its clock may lose one again.
    pub steady: u8,
    /// The highest position that any of its lives has applied.
    pub seen: u8,
    pub life: Option<Life>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    pub log: [Option<Entry>; COMMITS],
    /// Broken on purpose: a position that was taken from a sequence, and is not committed yet.
    pub reserved: Option<(u8, Operation)>,
    /// Entries up to here are forgotten.
    pub compacted: u8,
    pub leases: [Option<Lease>; SLOTS],
    /// On their way to the owner, by incarnation; 0: none.
    pub acknowledgements: [u8; SLOTS],
    pub releases: [bool; SLOTS],
    pub confirmations: [Confirmation; COMMITS],
    /// Ticks since the database's clock stepped, up to a lease.
    pub since_step: u8,
    pub replicas: [Replica; REPLICAS],
    pub broken: Option<Invariant>,
}

impl State {
    pub fn new(scope: &Scope) -> Self {
        let replica =
            |index| Replica { steady: 0, seen: 0, life: (index < scope.replicas).then(|| Life::new(index)) };
        Self {
            log: [None; COMMITS],
            reserved: None,
            compacted: 0,
            leases: [None; SLOTS],
            acknowledgements: [0; SLOTS],
            releases: [false; SLOTS],
            confirmations: [Confirmation::None; COMMITS],
            since_step: scope.lease,
            replicas: std::array::from_fn(replica),
            broken: None,
        }
    }

    /// Committed changes with their positions, in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (u8, Entry)> + '_ {
        POSITIONS.into_iter().zip(self.log).filter_map(|(position, entry)| Some((position, entry?)))
    }

    pub fn entry(&self, position: u8) -> Option<Entry> {
        self.log.get(usize::from(position).checked_sub(1)?).copied().flatten()
    }

    /// The highest committed position.
    pub fn head(&self) -> u8 {
        self.entries().next_back().map_or(0, |(position, _)| position)
    }

    /// The position of a token's last change.
    pub fn last_change(&self, token: usize) -> u8 {
        let mut changes = self.entries().rev().filter(|(_, entry)| entry.operation.token() == token);
        changes.next().map_or(0, |(position, _)| position)
    }

    pub fn confirmation(&self, position: u8) -> Confirmation {
        self.confirmations[usize::from(position) - 1]
    }

    pub fn is_confirmed(&self, position: u8) -> bool {
        self.confirmation(position) == Confirmation::Done
    }

    /// Whether a confirmation waits for an incarnation.
    pub fn is_waited_for(&self, slot: usize) -> bool {
        self.confirmations
            .iter()
            .any(|confirmation| matches!(confirmation, Confirmation::Waiting { ends, .. } if ends[slot] > 0))
    }

    pub fn is_owned(&self, slot: usize) -> bool {
        self.replicas.iter().any(|replica| replica.life.is_some_and(|life| life.slot == slot))
    }
}
