//! When a replica may decide.

use model::BootTime;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether this replica may decide, and as of which position. Read on every request: two loads, no lock.
#[derive(Debug, Default)]
pub struct Gate {
    /// Nanoseconds of boot time; 0: no lease.
    live_until: AtomicU64,
    applied: AtomicU64,
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
    use std::time::Duration;

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
