//! What a decision stands on: live leases, or what an application's failure mode allows without them.

use crate::knowledge::Leases;
use directory::FailureMode;
use model::BootTime;

/// What a decision stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footing {
    /// Every lease covers what was looked up.
    Leases,
    /// What was known last may still be judged by.
    LastKnown,
    /// Nothing is judged: everything is admitted.
    Unjudged,
    /// Nothing: everything is refused.
    Nothing,
}

/// Why something was admitted without live leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fallback {
    LastKnownGood,
    Open,
}

impl Footing {
    /// Of a decision that was looked up under these leases, for an application with this mode.
    pub fn of(leases: Leases<'_>, mode: FailureMode, now: BootTime) -> Self {
        if leases.cover(now) {
            return Self::Leases;
        }
        if !leases.allow(mode.staleness(), now) {
            return Self::Nothing;
        }
        match mode {
            FailureMode::Closed => Self::Nothing,
            FailureMode::LastKnownGood(_) => Self::LastKnown,
            FailureMode::Open => Self::Unjudged,
        }
    }
}

impl Fallback {
    /// As operators and applications see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LastKnownGood => "last_known_good",
            Self::Open => "open",
        }
    }
}
