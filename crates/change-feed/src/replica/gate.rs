//! When a replica may decide.

use super::{DRIFT_DIVISOR, Staleness};
use model::BootTime;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Whether this replica may decide, and as of which position. Read on every request: two loads, no lock.
#[derive(Debug, Default)]
pub struct Gate {
    /// Nanoseconds of boot time; 0: no lease.
    live_until: AtomicU64,
    applied: AtomicU64,
    told: Mutex<Told>,
}

/// What the owner was told, and what ended it all.
#[derive(Debug, Default)]
struct Told {
    staleness: Staleness,
    fenced: Option<Fence>,
}

/// Why a replica decides nothing any more, until its process is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// The owner's history is not the one that was followed.
    History,
    /// The owner said what this version does not understand.
    UnknownKind,
    /// The owner is another service.
    WrongFeed,
}

impl Fence {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::UnknownKind => "unknown_kind",
            Self::WrongFeed => "wrong_feed",
        }
    }
}

/// The lease at one moment. Taken *before* the view is looked up and checked *after*: a lease that was lost and won
/// again in between does not cover what was looked up before, nor does one that was given back.
#[derive(Debug, Clone, Copy)]
pub struct Lease<'g> {
    gate: &'g Gate,
    live_until: u64,
}

impl Lease<'_> {
    /// Whether a decision made now, from what was looked up since the lease was taken, may stand.
    pub fn covers(self, now: BootTime) -> bool {
        // Between fences the end only rises. Whoever gives a lease back fences first, so what is decided here is
        // decided before anybody hears that it was given back.
        let is_kept = self.gate.live_until.load(Ordering::Acquire) >= self.live_until;
        nanos(now) < self.live_until && is_kept
    }

    /// Whether what was looked up since the lease was taken may stand at least by an application's failure mode, which
    /// lets it be so stale: for so long after the lease, less a part for clocks that differ, and for no longer than the
    /// owner was told. Never if there has been no lease since the start, it was given back or taken away for good, or
    /// another was won in between.
    pub fn allows(self, staleness: Staleness, now: BootTime) -> bool {
        if self.covers(now) {
            return true;
        }
        let is_latest = self.gate.live_until.load(Ordering::Acquire) == self.live_until;
        if self.live_until == 0 || !is_latest {
            return false;
        }
        match staleness.min(self.gate.staleness()) {
            Staleness::None => false,
            Staleness::UpTo(longest) => {
                let since = Duration::from_nanos(nanos(now).saturating_sub(self.live_until));
                since < longest.saturating_sub(longest / DRIFT_DIVISOR)
            }
            Staleness::Unbounded => true,
        }
    }
}

impl Gate {
    /// Taken after the last await before a decision.
    pub fn lease(&self) -> Lease<'_> {
        Lease { gate: self, live_until: self.live_until.load(Ordering::Acquire) }
    }

    /// Whether a decision may be made now.
    pub fn is_live(&self, now: BootTime) -> bool {
        self.lease().covers(now)
    }

    /// Highest position applied. Everything at or before it is visible.
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(super) fn set_applied(&self, position: u64) {
        self.applied.fetch_max(position, Ordering::AcqRel);
    }

    /// How stale the owner was told that this replica may be: its confirmations count on no more than that.
    pub fn staleness(&self) -> Staleness {
        self.told.lock().staleness
    }

    /// Set once nothing is decided here any more, whatever an application's failure mode says.
    pub fn fenced_for_good(&self) -> Option<Fence> {
        self.told.lock().fenced
    }

    pub(super) fn tell(&self, staleness: Staleness) {
        self.told.lock().staleness = staleness;
    }

    pub(super) fn fence_for_good(&self, because: Fence) {
        self.told.lock().fenced = Some(because);
        self.fence();
    }

    pub(super) fn extend(&self, until: BootTime) {
        self.live_until.fetch_max(nanos(until), Ordering::AcqRel);
    }

    pub(super) fn fence(&self) {
        self.live_until.store(0, Ordering::Release);
    }
}

fn nanos(time: BootTime) -> u64 {
    u64::try_from(time.as_duration().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> BootTime {
        BootTime::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn without_a_lease_nothing_is_decided() {
        let gate = Gate::default();
        assert!(!gate.is_live(at(0)));
        gate.extend(at(100));
        assert!(gate.is_live(at(99)));
        assert!(!gate.is_live(at(100)));
        gate.fence();
        assert!(!gate.is_live(at(0)));
    }

    #[test]
    fn a_lease_lost_and_won_again_in_between_does_not_cover() {
        let gate = Gate::default();
        gate.extend(at(100));
        let lease = gate.lease();
        gate.extend(at(300));
        assert!(lease.covers(at(99)));
        assert!(!lease.covers(at(200)), "what was looked up before the gap is stale");
        assert!(gate.lease().covers(at(200)));
    }

    #[test]
    fn a_lease_that_was_given_back_covers_no_decision_under_way() {
        let gate = Gate::default();
        gate.extend(at(100));
        let lease = gate.lease();
        gate.fence();
        assert!(!lease.covers(at(1)));
    }

    #[test]
    fn a_failure_mode_counts_from_the_end_of_the_lease_and_less_a_tenth() {
        let gate = Gate::default();
        let allows = |lease: Lease<'_>, staleness, now| lease.allows(staleness, at(now));
        let second = Staleness::UpTo(Duration::from_secs(1));
        gate.tell(Staleness::Unbounded);
        assert!(!allows(gate.lease(), Staleness::Unbounded, 0), "nothing was ever known");
        gate.extend(at(100));
        let lease = gate.lease();
        assert!(allows(lease, Staleness::None, 99) && !allows(lease, Staleness::None, 100));
        assert!(allows(lease, second, 999) && !allows(lease, second, 1000));
        assert!(allows(lease, Staleness::Unbounded, 1_000_000));
        gate.extend(at(300));
        assert!(!allows(lease, second, 200), "there is a newer one");
        assert!(allows(gate.lease(), second, 1199));
        let lease = gate.lease();
        gate.fence_for_good(Fence::History);
        assert!(!allows(lease, Staleness::Unbounded, 1));
        assert!(!allows(gate.lease(), Staleness::Unbounded, 1));
    }

    #[test]
    fn no_failure_mode_counts_for_longer_than_the_owner_was_told() {
        let gate = Gate::default();
        gate.extend(at(100));
        let lease = gate.lease();
        assert!(lease.allows(Staleness::Unbounded, at(99)) && !lease.allows(Staleness::Unbounded, at(100)));
        gate.tell(Staleness::UpTo(Duration::from_secs(1)));
        assert!(lease.allows(Staleness::Unbounded, at(999)) && !lease.allows(Staleness::Unbounded, at(1000)));
        assert!(!lease.allows(Staleness::None, at(100)));
    }

    #[test]
    fn answers_that_overtake_one_another_shorten_nothing() {
        let gate = Gate::default();
        gate.extend(at(300));
        gate.extend(at(100));
        gate.set_applied(7);
        gate.set_applied(3);
        assert!(gate.is_live(at(299)));
        assert_eq!(gate.applied(), 7);
    }
}
