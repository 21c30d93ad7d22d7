//! What can be wrong with the world or with how it is wired, to see that the checker notices.

use std::str::FromStr;

/// One thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Machines' clocks run a third too slow: three times the margin.
    DriftBeyondMargin,
    /// A boot clock that stands still while its machine is suspended.
    ClockStopsSuspended,
    /// The database takes the lease down after the head was read.
    LeaseAfterHead,
    /// A crash of the database forgets the leases.
    LeasesForgotten,
    /// Decisions do not check the lease.
    LeaseUnchecked,
    /// Decisions take the lease after they have looked up.
    LeaseTakenAfter,
    /// A fill carries the position at which it arrived.
    FillWithoutPosition,
    /// The position of a fill is read after what was validated.
    PositionAfterRead,
    /// A view shows what it was told a moment later.
    ViewShowsLater,
    /// Something between replica and owner acknowledges what the replica has not applied.
    AcknowledgedByProxy,
    /// The owner's answer about its leases comes from a standby that is behind.
    LeasesReadFromStandby,
    /// Who sends on the bus knows the key.
    StrangerHasKey,
    /// Gateways that admit on what they knew, where the database's clock steps and leases are lost with a history.
    StaleBeyondPromise,
    /// A standby takes over that has not got the beginning of the history before.
    StandbyBehindResumption,
}

/// How the world is wired: as it should be, or wrong in one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wiring(pub Option<Mutant>);

impl Wiring {
    pub const SOUND: Self = Self(None);

    pub fn is(self, mutant: Mutant) -> bool {
        self.0 == Some(mutant)
    }
}

impl Mutant {
    pub const ALL: [Self; 14] = [
        Self::DriftBeyondMargin,
        Self::ClockStopsSuspended,
        Self::LeaseAfterHead,
        Self::LeasesForgotten,
        Self::LeaseUnchecked,
        Self::LeaseTakenAfter,
        Self::FillWithoutPosition,
        Self::PositionAfterRead,
        Self::ViewShowsLater,
        Self::AcknowledgedByProxy,
        Self::LeasesReadFromStandby,
        Self::StrangerHasKey,
        Self::StaleBeyondPromise,
        Self::StandbyBehindResumption,
    ];
}

impl FromStr for Mutant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|mutant| format!("{mutant:?}") == name);
        found.ok_or_else(|| format!("one of {:?}", Self::ALL))
    }
}
