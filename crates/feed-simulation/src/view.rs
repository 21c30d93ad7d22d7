//! What enforcement points were told, noted beside the real views.

use crate::change::Change;
use crate::gateway::Life;
use crate::session::short;
use crate::wiring::Mutant;
use crate::world::World;
use change_feed::View;
use parking_lot::Mutex;
use proto::change_feed::Entry;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// By feed and object, the last position that one process was told of.
#[derive(Default)]
pub struct Seen(Mutex<BTreeMap<(usize, String), u64>>);

impl Seen {
    pub fn now(&self) -> BTreeMap<(usize, String), u64> {
        self.0.lock().clone()
    }

    fn note(&self, feed: usize, entries: &[Entry]) {
        let mut seen = self.0.lock();
        for entry in entries {
            let known = seen.entry((feed, entry.object.clone())).or_default();
            *known = entry.position.max(*known);
        }
    }
}

/// Every process of every enforcement point.
#[derive(Default)]
pub struct SeenByAll(Mutex<BTreeMap<String, Vec<Arc<Seen>>>>);

impl SeenByAll {
    /// Of a new process.
    pub fn of(&self, gateway: &str) -> Arc<Seen> {
        let seen = Arc::<Seen>::default();
        self.0.lock().entry(gateway.to_owned()).or_default().push(seen.clone());
        seen
    }

    pub fn has_applied(&self, gateway: &str, change: &Change) -> bool {
        let key = (change.feed, change.object.clone());
        let has = |seen: &Arc<Seen>| seen.0.lock().get(&key).is_some_and(|seen| *seen >= change.position);
        self.0.lock().get(gateway).is_some_and(|processes| processes.iter().any(has))
    }
}

/// The real view, watched.
pub struct Watched<V> {
    view: Arc<V>,
    feed: usize,
    world: Arc<World>,
    process: String,
    seen: Arc<Seen>,
}

impl<V: View> Watched<V> {
    pub fn new(view: Arc<V>, feed: usize, world: &Arc<World>, life: &Life) -> Self {
        Self { view, feed, world: world.clone(), process: life.name.clone(), seen: life.seen.clone() }
    }

    fn note(&self, what: &str, entries: &[Entry]) {
        let object = |entry: &Entry| {
            let (kind, id) = entry.object.split_once('/').unwrap_or_default();
            // An epoch is not the seed's.
            format!(" {kind}/{}@{}", short(&id), entry.position)
        };
        let objects: String = entries.iter().map(object).collect();
        self.world.note(&self.process, &format!("{what}{objects}"));
        if !self.world.wiring.is(Mutant::StrangerHasKey) {
            self.world.checker.saw(self.feed, entries);
        }
        self.seen.note(self.feed, entries);
    }
}

impl<V: View> View for Watched<V> {
    const KINDS: &'static [&'static str] = V::KINDS;

    fn load(&self, objects: Vec<Entry>) {
        self.view.load(objects.clone());
        self.note("loads", &objects);
    }

    fn apply(&self, entries: &[Entry]) {
        if self.world.wiring.is(Mutant::ViewShowsLater) {
            let (view, entries) = (self.view.clone(), entries.to_vec());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                view.apply(&entries);
            });
        } else {
            self.view.apply(entries);
        }
        self.note("applies", entries);
    }
}
