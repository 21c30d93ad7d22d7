//! One call for all who ask the same at the same time.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::OnceCell;

type Flight<A> = Arc<OnceCell<A>>;

/// The calls that are under way.
pub struct Flights<Q, A>(Mutex<HashMap<Q, Flight<A>>>);

impl<Q, A> Default for Flights<Q, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Q: Copy + Eq + Hash, A: Clone> Flights<Q, A> {
    pub fn join(&self, question: Q) -> Seat<'_, Q, A> {
        let flight = self.0.lock().entry(question).or_default().clone();
        Seat { flights: self, question, flight }
    }
}

/// One who waits for the answer. The flight ends with its answer, or when the last one has left it.
pub struct Seat<'f, Q: Copy + Eq + Hash, A> {
    flights: &'f Flights<Q, A>,
    question: Q,
    flight: Flight<A>,
}

impl<Q: Copy + Eq + Hash, A: Clone> Seat<'_, Q, A> {
    /// Whoever comes first calls; if it leaves before the answer, another one calls again.
    pub async fn answer<F: Future<Output = A>>(self, call: impl FnOnce() -> F) -> A {
        self.flight.get_or_init(call).await.clone()
    }
}

impl<Q: Copy + Eq + Hash, A> Drop for Seat<'_, Q, A> {
    fn drop(&mut self) {
        let mut flights = self.flights.0.lock();
        let Some(current) = flights.get(&self.question) else { return };
        // Seats are taken under the same lock: the map and this one hold it, and nobody else.
        let is_last = Arc::strong_count(current) <= 2;
        if Arc::ptr_eq(current, &self.flight) && (is_last || self.flight.initialized()) {
            flights.remove(&self.question);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn many_share_one_call_and_leave_nothing_behind() {
        let (flights, calls, answer) = (Flights::default(), AtomicUsize::new(0), Notify::new());
        let ask = || {
            flights.join(1).answer(async || {
                calls.fetch_add(1, Ordering::Relaxed);
                answer.notified().await;
                7
            })
        };
        let answers = async { tokio::join!(ask(), ask(), ask()) };
        let (answers, ()) = tokio::join!(answers, async { answer.notify_one() });
        assert_eq!((answers, calls.load(Ordering::Relaxed)), ((7, 7, 7), 1));
        assert!(flights.0.lock().is_empty());
    }

    #[tokio::test]
    async fn whoever_leaves_first_keeps_nobody_from_the_answer() {
        let flights = Flights::<u8, u8>::default();
        let mut first = Box::pin(flights.join(1).answer(std::future::pending));
        let second = flights.join(1).answer(async || 2);
        assert!(futures_are_pending(&mut first).await);
        drop(first);
        assert_eq!(second.await, 2);
        assert!(flights.0.lock().is_empty());
    }

    #[tokio::test]
    async fn a_flight_that_all_have_left_is_forgotten() {
        let flights = Flights::<u8, u8>::default();
        let mut only = Box::pin(flights.join(1).answer(std::future::pending));
        assert!(futures_are_pending(&mut only).await);
        assert_eq!(flights.0.lock().len(), 1);
        drop(only);
        assert!(flights.0.lock().is_empty());
    }

    async fn futures_are_pending(future: &mut (impl Future<Output = u8> + Unpin)) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
        })
        .await
    }
}
