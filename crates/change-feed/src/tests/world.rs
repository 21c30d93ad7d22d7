//! One owner's database, and what the facts need around it.

use crate::source::Source;
use crate::{Appended, Change, Feed, FeedConnection as _, Gate, Replica, Settings, Staleness, View};
use bus::Bus;
use database::Database;
use database::migrations::CHANGE_FEED;
use model::{Clock, SystemClock};
use proto::change_feed::{self as wire, Broadcast, Entry};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

pub const FEED: &str = "tests";
/// A lease whose end, and whose heartbeat, no test sees.
pub const LONG: Settings = Settings {
    lease: Duration::from_mins(1),
    deadline: Duration::from_secs(40),
    keep_entries: Duration::from_hours(1),
};
/// A lease whose heartbeat and end a test can wait for, and that a busy machine does not lose.
pub const PACED: Settings = Settings { lease: Duration::from_secs(4), ..LONG };
/// A lease that ends soon: for facts that are true whenever it does.
pub const SHORT: Settings = Settings { lease: Duration::from_millis(600), ..LONG };
/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_mins(1);

pub struct World {
    pub database: Database,
    pub clock: Arc<dyn Clock>,
    pub bus: Arc<dyn Bus>,
}

impl World {
    pub async fn new(url: &str) -> Self {
        let database = Database::connect(url, 10).await.unwrap();
        database.migrate(&CHANGE_FEED).await.unwrap();
        crate::log::open(&database).await.unwrap();
        Self { database, clock: Arc::new(SystemClock), bus: bus::connect("memory:").await.unwrap() }
    }

    /// One instance of the owner.
    pub async fn feed(&self, settings: Settings) -> Arc<Feed> {
        let (database, bus, clock) = (self.database.clone(), self.bus.clone(), self.clock.clone());
        Arc::new(Feed::open(FEED, database, bus, clock, settings).await.unwrap())
    }

    /// Commits one change per state.
    pub async fn write(&self, object: &str, states: &[&str]) -> Appended {
        let mut appended = Appended::default();
        self.try_write(&mut appended, object, states).await.unwrap();
        appended
    }

    async fn try_write(
        &self,
        appended: &mut Appended,
        object: &str,
        states: &[&str],
    ) -> Result<(), model::Error> {
        database::transaction!(&self.database, |tx| {
            for state in states {
                let change = Change { object: object.into(), state: Some((*state).into()), keep_until: None };
                tx.record(appended, change, self.clock.now()).await?;
            }
        });
        Ok(())
    }

    pub async fn execute(&self, statement: &'static str) {
        database::with!(&self.database, |pool| {
            database::sqlx::query(statement).execute(pool).await.map(drop).unwrap();
        });
    }

    /// A message of the owner's, on the bus.
    pub async fn broadcast(&self, epoch: &str, entries: &[Entry]) {
        let message = Broadcast {
            epoch: epoch.into(),
            entries: entries.to_vec(),
            position: entries.last().map_or(0, |entry| entry.position),
        };
        let key = crate::log::head(&self.database).await.unwrap().broadcast_key;
        self.broadcast_with(&key.0, &message).await;
    }

    /// Sealed with that key.
    pub async fn broadcast_with(&self, key: &[u8], message: &Broadcast) {
        let sealed = crate::broadcast::BroadcastKey::new(key).unwrap().seal(message);
        self.bus.publish(&crate::subject(FEED), sealed).await.unwrap();
    }

    pub async fn epoch(&self) -> String {
        crate::log::head(&self.database).await.unwrap().epoch
    }

    pub fn replica(&self, source: impl Source) -> Follower {
        self.replica_on(self.bus.clone(), source)
    }

    pub fn replica_on(&self, bus: Arc<dyn Bus>, source: impl Source) -> Follower {
        let (view, gate) = (Arc::new(Known::default()), Arc::new(Gate::default()));
        let (staleness, told) = watch::channel(Staleness::None);
        let replica = Replica {
            feed: FEED,
            name: "edge-1".into(),
            source: Arc::new(source),
            bus,
            clock: self.clock.clone(),
            view: view.clone(),
            gate: gate.clone(),
            staleness: told,
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(replica.follow(stop.clone()));
        Follower { view, gate, staleness, clock: self.clock.clone(), task, stop: stop.drop_guard() }
    }
}

/// A running replica; dropping it stops it.
pub struct Follower {
    pub view: Arc<Known>,
    pub gate: Arc<Gate>,
    /// What its applications' failure modes ask for.
    pub staleness: watch::Sender<Staleness>,
    clock: Arc<dyn Clock>,
    pub task: tokio::task::JoinHandle<()>,
    pub stop: DropGuard,
}

impl Follower {
    pub fn is_live(&self) -> bool {
        self.gate.is_live(self.clock.boot())
    }

    pub async fn is_live_soon(&self) {
        eventually(async || self.is_live()).await;
    }

    pub async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }
}

/// Remembers what it was told.
pub struct Known(watch::Sender<Objects>);

#[derive(Default, Clone, Debug)]
pub struct Objects {
    pub states: BTreeMap<String, String>,
    pub loads: usize,
    /// Positions in the order in which they were applied.
    pub applied: Vec<u64>,
}

impl Default for Known {
    fn default() -> Self {
        Self(watch::Sender::new(Objects::default()))
    }
}

impl Known {
    pub fn now(&self) -> Objects {
        self.0.borrow().clone()
    }

    pub async fn until(&self, is_so: impl FnMut(&Objects) -> bool) -> Objects {
        let mut objects = self.0.subscribe();
        let reached = tokio::time::timeout(LIMIT, objects.wait_for(is_so)).await;
        let known = reached.unwrap_or_else(|_| panic!("never came; known: {:?}", self.now()));
        known.unwrap().clone()
    }

    pub async fn until_state(&self, object: &str, state: &str) -> Objects {
        self.until(|known| known.states.get(object).is_some_and(|known| known == state)).await
    }
}

fn text(entry: &Entry) -> String {
    String::from_utf8(entry.state.clone()).unwrap()
}

impl View for Known {
    const KINDS: &'static [&'static str] = &["a", "b", "c"];

    fn load(&self, objects: Vec<Entry>) {
        self.0.send_modify(|known| {
            known.loads += 1;
            let objects = objects.iter().filter(|entry| !entry.object.starts_with("history/"));
            known.states = objects.map(|entry| (entry.object.clone(), text(entry))).collect();
        });
    }

    fn apply(&self, entries: &[Entry]) {
        self.0.send_modify(|known| {
            for entry in entries.iter().filter(|entry| !entry.object.starts_with("history/")) {
                known.applied.push(entry.position);
                known.states.insert(entry.object.clone(), text(entry));
            }
        });
    }
}

/// A replica played by hand.
pub fn heartbeat(number: u8, applied: u64) -> wire::HeartbeatRequest {
    wire::HeartbeatRequest {
        replica: format!("edge-{number}"),
        incarnation: format!("{number:032x}"),
        applied,
        version: "1".into(),
        staleness_ms: 0,
    }
}

/// Looks again and again: for what nobody announces.
pub async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, looks).await.expect("it comes about");
}

/// Whether a task is still at it after a while.
pub async fn is_waiting<T>(task: &mut tokio::task::JoinHandle<T>) -> bool {
    tokio::time::timeout(Duration::from_millis(150), task).await.is_err()
}
