//! One open stream.

use super::Line;
use crate::decide::Grounds;
use crate::refusal::Refusal;
use futures::task::AtomicWaker;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

/// An admitted request: nothing is open yet that could ride.
pub struct Ticket {
    pub line: Arc<Line>,
    pub grounds: Grounds,
    /// [`Rides::changes`](super::Rides::changes) before the decision.
    pub decided_at: u64,
}

impl Ticket {
    /// Begins the ride, which may have ended already.
    pub fn board(self) -> Ride {
        let Self { line, grounds, decided_at } = self;
        line.enter();
        let mut shard = line.rides.shard(&line).lock();
        let place = shard.vacant_entry();
        let seat = Arc::new(Seat {
            grounds,
            line: line.clone(),
            key: place.key(),
            refusal: OnceLock::new(),
            carrier: AtomicWaker::new(),
            takes_line: AtomicBool::new(false),
        });
        place.insert(Arc::downgrade(&seat));
        drop(shard);
        if line.rides.changes() != decided_at {
            line.rides.judge(&seat);
        }
        Ride(seat)
    }
}

/// One open stream, for all its parts: it is over once the last of them has let go.
#[derive(Clone)]
pub struct Ride(Arc<Seat>);

/// What is known of it.
pub struct Seat {
    pub(super) grounds: Grounds,
    line: Arc<Line>,
    /// Where it is found among the others of its line's shard.
    key: usize,
    /// Why it was ended.
    refusal: OnceLock<Refusal>,
    /// Whoever carries its bytes to the client, or waits for the application's answer.
    carrier: AtomicWaker,
    /// Its end is the connection's.
    takes_line: AtomicBool,
}

impl Ride {
    /// From now on its end is the connection's: for HTTP/1, where a stream has no other.
    pub fn take_line(&self) {
        self.0.takes_line.store(true, Ordering::SeqCst);
    }

    /// Ready once it was ended. One caller at a time is woken.
    pub fn poll_ended(&self, context: &Context<'_>) -> Poll<&Refusal> {
        self.0.carrier.register(context.waker());
        self.0.refusal().map_or(Poll::Pending, Poll::Ready)
    }

    pub async fn ended(&self) -> &Refusal {
        std::future::poll_fn(|context| self.poll_ended(context)).await
    }
}

impl Deref for Ride {
    type Target = Seat;

    fn deref(&self) -> &Seat {
        &self.0
    }
}

impl Seat {
    /// Why it was ended, if it was.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.get()
    }

    /// False: it was ended before.
    pub(super) fn end(&self, refusal: Refusal) -> bool {
        let is_first = self.refusal.set(refusal).is_ok();
        if self.takes_line.load(Ordering::SeqCst) {
            self.line.cut();
        }
        self.carrier.wake();
        is_first
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.line.leave();
        self.line.rides.shard(&self.line).lock().try_remove(self.key);
    }
}
