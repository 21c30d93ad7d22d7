//! What happened, readable, and the same for the same seed.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// How much of it a failing seed shows.
const SHOWN: usize = 60;

/// A moment of the world; `order` tells apart what happens within one millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub at: Duration,
    pub order: u64,
}

pub struct Trace {
    start: Instant,
    state: Mutex<State>,
}

struct State {
    order: u64,
    is_kept: bool,
    lines: VecDeque<String>,
    digest: u64,
}

impl Trace {
    /// `is_kept`: all of it, not only its end.
    pub fn new(start: Instant, is_kept: bool) -> Self {
        let state = State { order: 0, is_kept, lines: VecDeque::new(), digest: 0xcbf2_9ce4_8422_2325 };
        Self { start, state: Mutex::new(state) }
    }

    pub fn moment(&self) -> Moment {
        let mut state = self.state.lock();
        state.order += 1;
        Moment { at: self.start.elapsed(), order: state.order }
    }

    pub fn note(&self, who: &str, what: &str) {
        let at = self.start.elapsed();
        let line = format!("{:>9.3} s  {who:<18} {what}", at.as_secs_f64());
        let mut state = self.state.lock();
        for byte in line.bytes() {
            state.digest = (state.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        state.lines.push_back(line);
        if !state.is_kept && state.lines.len() > SHOWN {
            state.lines.pop_front();
        }
    }

    /// Of all that ever happened.
    pub fn digest(&self) -> u64 {
        self.state.lock().digest
    }

    pub fn lines(&self) -> Vec<String> {
        self.state.lock().lines.iter().cloned().collect()
    }
}
