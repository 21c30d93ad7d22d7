//! What the streams of one connection share with it.

use super::Rides;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static NUMBERS: AtomicUsize = AtomicUsize::new(0);

/// One client's connection, as its streams know it.
pub struct Line {
    /// Spreads connections evenly over locks.
    number: usize,
    pub(super) rides: Arc<Rides>,
    open: AtomicUsize,
    is_cut: AtomicBool,
}

impl Line {
    pub fn new(rides: Arc<Rides>) -> Self {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Self { number, rides, open: AtomicUsize::new(0), is_cut: AtomicBool::new(false) }
    }

    pub(super) const fn number(&self) -> usize {
        self.number
    }

    /// Whether a stream is open: then silence is no fault.
    pub fn is_ridden(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// The connection must end now, whatever is still to be written.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
    }

    pub(super) fn enter(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
