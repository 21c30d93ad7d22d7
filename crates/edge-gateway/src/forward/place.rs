//! One address of an application, and how it has been doing.

use http::uri::Authority;
use metrics::{counter, gauge};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long an address is left out after it could not be connected to; twice as long each further time.
const LEFT_OUT: Duration = Duration::from_millis(500);
const LEFT_OUT_MOST: Duration = Duration::from_secs(30);

/// One address.
pub struct Place {
    pub authority: Authority,
    /// Connections in HTTP/1 that may still be opened.
    pub connections: Arc<Semaphore>,
    /// It has not answered as it should when it was asked whether it is well.
    is_ill: AtomicBool,
    failing: Mutex<Failing>,
}

#[derive(Default)]
struct Failing {
    /// In a row.
    times: u32,
    until: Option<Instant>,
}

impl Place {
    pub fn new(authority: Authority, connections: usize) -> Self {
        let connections = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        let place =
            Self { authority, connections, is_ill: AtomicBool::new(false), failing: Mutex::default() };
        place.show(true);
        place
    }

    /// Whether to send requests here, if there is a choice.
    pub fn is_well(&self) -> bool {
        !self.is_ill.load(Ordering::Relaxed)
            && self.failing.lock().until.is_none_or(|until| until <= Instant::now())
    }

    /// It was connected to.
    pub fn reached(&self) {
        let mut failing = self.failing.lock();
        if failing.times > 0 {
            *failing = Failing::default();
            self.show(!self.is_ill.load(Ordering::Relaxed));
            tracing::info!(address = %self.authority, "an application is reached again");
        }
    }

    /// It could not be connected to.
    pub fn failed(&self) {
        let mut failing = self.failing.lock();
        let rest = LEFT_OUT.saturating_mul(1 << failing.times.min(10)).min(LEFT_OUT_MOST);
        *failing = Failing { times: failing.times.saturating_add(1), until: Some(Instant::now() + rest) };
        counter!("sallyport_upstream_connect_failures_total", "address" => self.authority.to_string())
            .increment(1);
        self.show(false);
    }

    /// What it said when it was asked.
    pub fn told(&self, is_well: bool) {
        if self.is_ill.swap(!is_well, Ordering::Relaxed) == is_well {
            tracing::info!(address = %self.authority, is_well, "an application's health has changed");
            self.show(is_well && self.failing.lock().times == 0);
        }
    }

    fn show(&self, is_well: bool) {
        gauge!("sallyport_upstream_address_well", "address" => self.authority.to_string()).set(if is_well {
            1.0
        } else {
            0.0
        });
    }
}

/// All addresses of one application: at least one.
pub struct Places {
    all: Vec<Arc<Place>>,
    turn: AtomicUsize,
}

impl Places {
    pub fn new(first: Place, more: impl IntoIterator<Item = Place>) -> Self {
        let all = std::iter::once(first).chain(more).map(Arc::new).collect();
        Self { all, turn: AtomicUsize::new(0) }
    }

    pub fn all(&self) -> &[Arc<Place>] {
        &self.all
    }

    /// The next in turn that is well; the next, if none is.
    pub fn next(&self) -> usize {
        let count = self.all.len();
        if count == 1 {
            return 0;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let is_well = |at: &usize| self.all.get(*at).is_some_and(|place| place.is_well());
        let mut in_turn = (0..count).map(|step| turn.wrapping_add(step) % count);
        in_turn.find(is_well).unwrap_or(turn % count)
    }

    /// Where to try to connect: at this one, then at the others that are well.
    pub fn from(&self, first: usize) -> impl Iterator<Item = (usize, &Arc<Place>)> {
        let count = self.all.len();
        let others = (1..count).map(move |step| (first + step) % count);
        let others = others.filter_map(|at| Some((at, self.all.get(at)?))).filter(|(_, it)| it.is_well());
        self.all.get(first).map(|place| (first, place)).into_iter().chain(others)
    }

    pub fn find(&self, authority: &Authority) -> usize {
        self.all.iter().position(|place| place.authority == *authority).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        let place = |text: &str| Place::new(text.parse().unwrap(), 1);
        Places::new(place("a:1"), [place("b:1"), place("c:1")])
    }

    #[tokio::test(start_paused = true)]
    async fn requests_take_turns_and_leave_out_whoever_cannot_be_reached() {
        let places = places();
        assert_eq!([places.next(), places.next(), places.next(), places.next()], [0, 1, 2, 0]);
        places.all()[1].failed();
        assert_eq!([places.next(), places.next(), places.next()], [2, 2, 0]);
        tokio::time::advance(LEFT_OUT).await;
        assert!(places.all()[1].is_well());
        places.all()[1].failed();
        tokio::time::advance(LEFT_OUT).await;
        assert!(!places.all()[1].is_well(), "longer the second time");
        places.all()[1].reached();
        assert!(places.all()[1].is_well());
    }

    #[tokio::test]
    async fn if_none_is_well_all_are_tried() {
        let places = places();
        for place in places.all() {
            place.told(false);
        }
        assert_eq!([places.next(), places.next(), places.next()], [0, 1, 2]);
        assert_eq!(places.from(1).map(|(at, _)| at).collect::<Vec<_>>(), [1]);
        places.all()[0].told(true);
        assert_eq!(places.from(1).map(|(at, _)| at).collect::<Vec<_>>(), [1, 0]);
    }
}
