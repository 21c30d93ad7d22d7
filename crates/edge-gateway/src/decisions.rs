//! What was decided, told to the operator and to the access log: one event for each decision, whichever front asked.
//!
//! A request leaves its event in a bounded queue and goes on; it never waits, and takes no lock. A worker takes the
//! events out, writes log lines and publishes reports. What finds a full queue is counted and lost.
//!
//! | module | holds |
//! |---|---|
//! | `ray` | the name of one request |
//! | `event` | what is recorded, and how it is read off a decision |
//! | `words` | what of hosts, paths and Client IDs may be written |
//! | `line` | the log line |
//! | `turned` | what was refused before there was anything to decide |
//! | `report` | the worker |

mod event;
mod line;
mod ray;
mod report;
mod turned;
mod words;

#[cfg(test)]
mod tests;

pub use event::{CredentialKind, Event, Made};
pub use ray::{CF_RAY, Ray};
pub use turned::{Front, Turned};

use crossbeam_queue::ArrayQueue;
use metrics::{Counter, counter};
use serde::Deserialize;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use turned::TurnedAway;

/// Events that wait, over all queues.
const WAITING: usize = 16 * 1024;

/// `[edge_gateway.decisions]`: what becomes of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which have a log line.
    pub log: Log,
    /// Which are published for the access log.
    pub publish: Publish,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Log {
    All,
    #[default]
    Denied,
    None,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Publish {
    All,
    /// A credential was presented: every Client ID and Client Secret, and sessions that were refused.
    #[default]
    Logins,
    None,
}

/// Where events wait for the worker.
pub struct Decisions {
    settings: Settings,
    /// One for about every core. A thread always uses the same.
    queues: Box<[ArrayQueue<Event>]>,
    full: Counter,
    turned_away: TurnedAway,
}

/// Nothing is recorded.
impl Default for Decisions {
    fn default() -> Self {
        Self::new(Settings { log: Log::None, publish: Publish::None })
    }
}

impl Decisions {
    pub fn new(settings: Settings) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(64);
        let count = if settings.records_nothing() { 0 } else { cores };
        let room = WAITING / cores;
        Self {
            settings,
            queues: (0..count).map(|_| ArrayQueue::new(room)).collect(),
            full: counter!("sallyport_decision_events_dropped_total", "reason" => "full"),
            turned_away: TurnedAway::new(),
        }
    }

    /// Whether there is anything to measure and record.
    pub const fn is_on(&self) -> bool {
        !self.settings.records_nothing()
    }

    /// Whether such a decision is told to anybody.
    pub fn wants(&self, is_allowed: bool, credential: CredentialKind) -> bool {
        self.settings.logs(is_allowed) || self.settings.publishes(is_allowed, credential)
    }

    /// Never waits.
    pub fn record(&self, event: Event) {
        let Some(queue) = self.queues.get(lane() % self.queues.len().max(1)) else { return };
        if queue.push(event).is_err() {
            self.full.increment(1);
        }
    }

    /// Never waits. It belongs to no application, so it has a line in the log at most.
    pub fn record_turned(&self, turned: Turned) {
        if self.settings.logs(false) {
            self.turned_away.record(turned);
        }
    }

    fn take(&self) -> impl Iterator<Item = Event> {
        // Not more than there was room for: a flood must not hold the worker.
        self.queues.iter().flat_map(|queue| std::iter::from_fn(|| queue.pop()).take(queue.capacity()))
    }
}

impl Settings {
    const fn records_nothing(self) -> bool {
        matches!(self, Self { log: Log::None, publish: Publish::None })
    }

    fn logs(self, is_allowed: bool) -> bool {
        match self.log {
            Log::All => true,
            Log::Denied => !is_allowed,
            Log::None => false,
        }
    }

    fn publishes(self, is_allowed: bool, credential: CredentialKind) -> bool {
        match self.publish {
            Publish::All => true,
            Publish::Logins => match credential {
                CredentialKind::Pair => true,
                CredentialKind::Session => !is_allowed,
                CredentialKind::None => false,
            },
            Publish::None => false,
        }
    }
}

/// The number of this thread.
fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static LANE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    LANE.get().unwrap_or_else(|| {
        let lane = NEXT.fetch_add(1, Ordering::Relaxed);
        LANE.set(Some(lane));
        lane
    })
}
