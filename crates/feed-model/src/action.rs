//! What can happen next. A pause is no action: between any two steps of anybody, time and everybody else may go on.

use crate::scope::Operation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Time passes; by the clocks of these replicas it does not.
    Tick {
        slow: [bool; 2],
    },
    Owner(Owner),
    Replica(usize, Step),
    Decision(Decide),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// One transaction: the change, the head row, the entry, the object.
    Commit(Operation),
    /// Broken on purpose: a position is taken before the transaction commits …
    Reserve(Operation),
    /// … and it commits later.
    CommitReserved,
    /// The confirmation of this position reads the leases for the first time. It ends by itself, as soon as it may.
    Look(u8),
    /// Everything in the log up to the head is forgotten; the objects stay.
    Compact,
    /// The database's clock is set ahead by more than a lease.
    SetClockAhead,
    /// It is set back by a lease.
    SetClockBack,
    AcknowledgementArrives(usize),
    ReleaseArrives(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Start,
    /// Killed; also the end of a process that was told to stop.
    End,
    /// Told to stop, or its history is lost: fences itself and sends its lease back.
    Stop,
    SendHeartbeat,
    HeartbeatArrives,
    Grant,
    ReadHead,
    /// The head, or the next page of objects, is read.
    LoadPage,
    /// All pages are there: they become the view.
    Install,
    /// The next entry is read from the log and applied.
    Fetch,
    /// The lease counts.
    Extend,
    /// An answer did not come in time, or a call failed.
    GiveUp,
    /// A broadcast arrives: late, again, out of order, or never. The bus needs no state.
    Receive(u8),
    Acknowledge,
}

/// Only the first replica decides: the replicas are alike, and no decision changes what happens elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decide {
    TakeLease,
    /// A session of this token is looked up. It was minted from a fill that was read when the log ended at `filled_at`,
    /// and that arrives now: a fill may be delayed for any time, cached for any time, and read any number of times.
    LookUp {
        token: usize,
        filled_at: u8,
    },
    CheckLease,
}
