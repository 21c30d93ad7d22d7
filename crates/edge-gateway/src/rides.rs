//! Open streams, each riding on what it was let through on.
//!
//! Whatever is still open once its request was let through (an upload, the application's answer, a tunnel) is a ride. It
//! is judged again, by the rule of requests, after every change and every 200 ms; one that would no longer be let
//! through ends. The latter is for what changes with time alone: sessions and secrets expire, leases run out.
//!
//! | module | holds |
//! |---|---|
//! | `changes` | how a change on a feed wakes the judgement |
//! | `line` | [`Line`]: what the streams of one connection share with it |
//! | `ride` | [`Ticket`]: what may become a ride; [`Ride`]: one open stream |
//!
//! # No stream is forgotten
//!
//! A request remembers how many changes there had been before it was decided. Its ride is put among the others first,
//! and judged at once if the number is another by then. A change is counted after it is visible and before the rides
//! are gone through. So whoever is not seen by that round sees the change.

mod changes;
mod line;
mod ride;
#[cfg(test)]
mod tests;

use crate::decide::{Gatekeeper, Grounds};
use crate::refusal::Refusal;
use parking_lot::Mutex;
use ride::Seat;
use slab::Slab;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use changes::{Changes, Told};
pub use line::Line;
pub use ride::{Ride, Ticket};

/// How often every ride is judged again though nothing has changed.
const TICK: Duration = Duration::from_millis(200);
/// After judging the rest is so many times as long: a tenth of one processor at most, until a round takes 22 ms.
const REST: u32 = 9;
const SHARDS: usize = 64;

/// Why a ride was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its session, token or key is no longer good, by its time or by revocation.
    Credential,
    /// The policies would refuse it, or its application is gone or elsewhere.
    Policy,
    /// This gateway has no lease: it knows too little to let anything go on.
    Lease,
}

/// Who judges.
pub trait Judge: Send + Sync + 'static {
    /// Whether what was let through on these grounds may go on.
    fn judge_again(&self, grounds: &Grounds) -> Result<(), Refusal>;
}

impl Judge for Gatekeeper {
    fn judge_again(&self, grounds: &Grounds) -> Result<(), Refusal> {
        self.judge_again(grounds)
    }
}

/// The open rides.
pub struct Rides {
    shards: [Shard; SHARDS],
    changes: Arc<Changes>,
    judge: Arc<dyn Judge>,
    judged: AtomicU64,
    ended: [AtomicU64; 3],
}

type Shard = Mutex<Slab<Weak<Seat>>>;

impl Rides {
    pub fn new(judge: Arc<dyn Judge>, changes: Arc<Changes>) -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard::default()),
            changes,
            judge,
            judged: AtomicU64::default(),
            ended: Default::default(),
        }
    }

    /// How many changes there have been. Taken before the decision on whose strength a ride begins.
    pub fn changes(&self) -> u64 {
        self.changes.count()
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// How many were ended, since the start.
    pub fn ended_by(&self, cause: Cause) -> u64 {
        self.counter(cause).load(Ordering::Relaxed)
    }

    /// How many judgements there were, since the start.
    pub fn judged(&self) -> u64 {
        self.judged.load(Ordering::Relaxed)
    }

    fn counter(&self, cause: Cause) -> &AtomicU64 {
        let [credential, policy, lease] = &self.ended;
        match cause {
            Cause::Credential => credential,
            Cause::Policy => policy,
            Cause::Lease => lease,
        }
    }

    fn shard(&self, line: &Line) -> &Shard {
        let [first, ..] = &self.shards;
        self.shards.get(line.number() % SHARDS).unwrap_or(first)
    }

    fn judge(&self, seat: &Seat) {
        self.judged.fetch_add(1, Ordering::Relaxed);
        if let Err(refusal) = self.judge.judge_again(&seat.grounds) {
            self.end(seat, refusal);
        }
    }

    fn end(&self, seat: &Seat, refusal: Refusal) {
        let cause = Cause::of(&refusal);
        let (host, reason) = (&*seat.grounds.host, refusal.reason.clone());
        if seat.end(refusal) {
            self.counter(cause).fetch_add(1, Ordering::Relaxed);
            metrics::counter!("sallyport_streams_ended_total", "reason" => cause.name()).increment(1);
            tracing::debug!(host, %reason, ?cause, "an open stream was ended");
        }
    }

    /// Judges every ride once. How long that took, without the time in which others had their turn.
    async fn round(&self) -> Duration {
        let (mut took, mut seats) = (Duration::ZERO, Vec::new());
        for shard in &self.shards {
            let began = Instant::now();
            // Judged outside the lock: whoever boards or leaves does not wait for it.
            seats.extend(shard.lock().iter().filter_map(|(_, seat)| seat.upgrade()));
            if seats.is_empty() {
                continue;
            }
            for seat in seats.drain(..).filter(|seat| seat.refusal().is_none()) {
                self.judge(&seat);
            }
            took += began.elapsed();
            tokio::task::yield_now().await;
        }
        took
    }

    /// Until `stop`; then nothing rides on.
    pub async fn keep_judging(self: Arc<Self>, stop: CancellationToken) {
        let open = metrics::gauge!("sallyport_streams_open");
        stop.run_until_cancelled(async {
            loop {
                let next = Instant::now() + TICK;
                let took = self.round().await;
                open.set(f64::from(u32::try_from(self.open()).unwrap_or(u32::MAX)));
                tokio::time::sleep((took * REST).min(TICK)).await;
                let _ = tokio::time::timeout_at(next, self.changes.wait()).await;
            }
        })
        .await;
        for shard in &self.shards {
            let seats: Vec<_> = shard.lock().iter().filter_map(|(_, seat)| seat.upgrade()).collect();
            for seat in seats {
                self.end(&seat, Refusal::unavailable("this gateway is stopping; retry"));
            }
        }
    }
}

impl Cause {
    const fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Policy => "policy",
            Self::Lease => "lease",
        }
    }

    fn of(refusal: &Refusal) -> Self {
        match refusal.status {
            http::StatusCode::SERVICE_UNAVAILABLE => Self::Lease,
            http::StatusCode::UNAUTHORIZED => Self::Credential,
            _ => Self::Policy,
        }
    }
}
