//! How many requests may wait for the session issuer, and how many may ask it at once.

use crate::config::Throttle as Settings;
use crate::measure;
use crate::refusal::Refusal;
use metrics::{Gauge, gauge};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Places in the waiting room, and turns. Turns are given in order of arrival.
pub struct Turns {
    places: Semaphore,
    calls: Semaphore,
    patience: Duration,
    in_flight: Gauge,
    waiting: Gauge,
}

/// A request that waits for an answer, its own or one that another has asked for.
pub struct Place<'t> {
    turns: &'t Turns,
    _permit: SemaphorePermit<'t>,
    /// When it gives up.
    until: Instant,
}

/// A call that goes on.
struct Turn<'t> {
    in_flight: &'t Gauge,
    _permit: SemaphorePermit<'t>,
}

fn permits(number: u32) -> Semaphore {
    Semaphore::new(usize::try_from(number).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS))
}

impl Turns {
    pub fn new(settings: &Settings) -> Self {
        Self {
            places: permits(settings.max_waiting.get()),
            calls: permits(settings.max_exchanges.get()),
            patience: settings.exchange_timeout(),
            in_flight: gauge!("sallyport_exchanges_in_flight"),
            waiting: gauge!("sallyport_exchanges_waiting"),
        }
    }

    pub fn enter(&self) -> Result<Place<'_>, Refusal> {
        let full = |_| shed("full", "too many requests wait for their credentials to be checked; retry");
        let place = self.places.try_acquire().map_err(full)?;
        self.waiting.increment(1.0);
        Ok(Place { turns: self, _permit: place, until: Instant::now() + self.patience })
    }
}

impl Place<'_> {
    /// Calls when its turn has come, for as long as it may still wait.
    ///
    /// Whoever asks for many came first among those who are left, so nobody waits for longer than its own patience.
    pub async fn call<A>(&self, call: impl Future<Output = Result<A, Refusal>>) -> Result<A, Refusal> {
        let Turns { calls, in_flight, .. } = self.turns;
        let turn = tokio::time::timeout_at(self.until, calls.acquire()).await;
        // Many whose time is over at once do not all begin a call that none of them waits for.
        let (Ok(Ok(turn)), true) = (turn, Instant::now() < self.until) else {
            return Err(shed("turn", "too many credentials are being checked; retry"));
        };
        in_flight.increment(1.0);
        let _turn = Turn { in_flight, _permit: turn };
        let silent = |_| shed("silent", "the session issuer takes too long; retry");
        tokio::time::timeout_at(self.until, call).await.map_err(silent)?
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.in_flight.decrement(1.0);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.waiting.decrement(1.0);
    }
}

fn shed(reason: &'static str, message: &'static str) -> Refusal {
    measure::shed(reason);
    Refusal::unavailable(message)
}
