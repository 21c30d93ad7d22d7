//! The gateway's clock: the machine's, moved ahead when told to. What it measures leases by jumps; the calendar does not.

use model::{BootTime, Clock, SystemClock, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Default)]
pub struct Time {
    ahead_s: AtomicU64,
}

impl Time {
    /// Lets so much time pass at once.
    pub fn pass(&self, duration: Duration) {
        self.ahead_s.fetch_add(duration.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn boot(&self) -> BootTime {
        SystemClock.boot().after(Duration::from_secs(self.ahead_s.load(Ordering::SeqCst)))
    }
}
