//! What everybody in one simulated world shares.

use crate::chance::Chance;
use crate::checker::Checker;
use crate::profile::{Faults, Profile};
use crate::trace::{Moment, Trace};
use crate::view::SeenByAll;
use crate::wiring::{Mutant, Wiring};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The owners' feeds.
pub const FEEDS: [&str; 2] = ["token-registry", "session-issuer"];
pub const REGISTRY: usize = 0;
pub const ISSUER: usize = 1;

pub struct World {
    pub start: Instant,
    pub chance: Chance,
    pub trace: Trace,
    pub checker: Checker,
    pub seen: SeenByAll,
    pub wiring: Wiring,
    pub faults: Faults,
    pub lease: Duration,
    is_healed: AtomicBool,
    /// Every fault is over: connections that hang are reset.
    pub healed: Notify,
    pub injected: AtomicU64,
}

impl World {
    pub fn new(seed: u64, profile: Profile, wiring: Wiring, is_kept: bool) -> Arc<Self> {
        let chance = Chance::new(seed);
        let start = Instant::now();
        let lease = Duration::from_secs(*chance.pick(&[1, 2, 5]).unwrap_or(&5));
        Arc::new(Self {
            start,
            chance,
            trace: Trace::new(start, is_kept),
            checker: Checker::new(lease),
            seen: SeenByAll::default(),
            wiring,
            faults: profile.faults(),
            lease,
            is_healed: AtomicBool::new(false),
            healed: Notify::new(),
            injected: AtomicU64::new(0),
        })
    }

    pub fn moment(&self) -> Moment {
        self.trace.moment()
    }

    pub fn note(&self, who: &str, what: &str) {
        self.trace.note(who, what);
    }

    /// A fault, noted and counted.
    pub fn fault(&self, who: &str, what: &str) {
        self.injected.fetch_add(1, Ordering::Relaxed);
        self.note(who, what);
    }

    pub fn is_healed(&self) -> bool {
        self.is_healed.load(Ordering::Relaxed)
    }

    /// Whether a message meets a fault that happens to so many of a thousand.
    pub fn befalls(&self, permille: u64) -> bool {
        let befalls = !self.is_healed() && self.chance.permille(permille);
        if befalls {
            self.injected.fetch_add(1, Ordering::Relaxed);
        }
        befalls
    }

    /// Whether gateways may admit on what they knew. What a confirmation says of those is judged by the database's
    /// clock and by its leases: it does not survive a step of the one or the loss of the other.
    pub fn may_be_stale(&self) -> bool {
        let is_sure = self.faults.database_clock == 0 && self.faults.failover == 0;
        is_sure || self.wiring.is(Mutant::StaleBeyondPromise)
    }

    /// How fast a machine's clock is, in millionths.
    pub fn drift(&self) -> i64 {
        self.chance.around(self.faults.drift)
    }

    pub fn gateway_drift(&self) -> i64 {
        let drift = self.drift();
        if self.wiring.is(Mutant::DriftBeyondMargin) { -330_000 } else { drift }
    }

    /// Shorter when all faults are over.
    pub async fn nap(&self, duration: Duration) {
        if self.is_healed() {
            tokio::time::sleep(duration.min(Duration::from_millis(5))).await;
        } else {
            let _ = tokio::time::timeout(duration, self.healed.notified()).await;
        }
    }

    pub fn heal(&self) {
        self.is_healed.store(true, Ordering::Relaxed);
        self.healed.notify_waiters();
        self.note("world", "every fault is over");
    }
}
