//! The clocks of one machine: a boot clock that never steps and runs at a rate of its own, and a calendar that jumps.

use model::{BootTime, Clock, Timestamp};
use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// Where every calendar begins.
const BEGINNING: i64 = 1_800_000_000_000;

pub struct MachineClock {
    start: Instant,
    /// Too fast, in millionths.
    drift: i64,
    state: Mutex<State>,
}

struct State {
    /// The boot clock's reading at the start.
    booted: Duration,
    calendar: i64,
    /// For a boot clock that stands still while the machine is suspended.
    frozen_at: Option<Duration>,
    missed: Duration,
}

impl MachineClock {
    pub fn new(start: Instant, booted: Duration, drift: i64) -> Self {
        let state = State { booted, calendar: 0, frozen_at: None, missed: Duration::ZERO };
        Self { start, drift, state: Mutex::new(state) }
    }

    fn elapsed(&self) -> Duration {
        let elapsed = self.start.elapsed().as_nanos();
        let rate = u128::from((1_000_000 + self.drift).unsigned_abs());
        Duration::from_nanos(u64::try_from(elapsed * rate / 1_000_000).unwrap_or(u64::MAX))
    }

    pub fn step(&self, millis: i64) {
        self.state.lock().calendar += millis;
    }

    pub fn freeze(&self) {
        let elapsed = self.elapsed();
        self.state.lock().frozen_at.get_or_insert(elapsed);
    }

    pub fn thaw(&self) {
        let elapsed = self.elapsed();
        let mut state = self.state.lock();
        if let Some(frozen_at) = state.frozen_at.take() {
            state.missed += elapsed.saturating_sub(frozen_at);
        }
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(BEGINNING + elapsed + self.state.lock().calendar)
    }

    fn boot(&self) -> BootTime {
        let elapsed = self.elapsed();
        let state = self.state.lock();
        let runs = state.frozen_at.unwrap_or(elapsed).saturating_sub(state.missed);
        BootTime::from_duration(state.booted + runs)
    }
}
