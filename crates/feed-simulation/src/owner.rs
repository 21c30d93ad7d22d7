//! An owning service: a database, and instances that may be killed at any moment.

use crate::bus::{Endpoint, SimulatedBus};
use crate::clocks::MachineClock;
use crate::process::Process;
use crate::store::{Connection, SimulatedStore};
use crate::tables::Token;
use crate::world::{FEEDS, World};
use change_feed::{Feed, Settings};
use model::{Clock, TokenId};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub struct Owner {
    pub number: usize,
    pub store: Connection,
    pub settings: Settings,
    pub instances: Vec<Arc<Instance>>,
    world: Arc<World>,
    bus: Arc<SimulatedBus>,
}

pub struct Instance {
    pub name: String,
    pub clock: Arc<MachineClock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    process: Arc<Process>,
    feed: Option<Arc<Feed>>,
}

impl Instance {
    /// What serves, if it does.
    pub fn running(&self) -> Option<(Arc<Process>, Arc<Feed>)> {
        let state = self.state.lock();
        Some((state.process.clone(), state.feed.clone()?))
    }

    pub fn process(&self) -> Arc<Process> {
        self.state.lock().process.clone()
    }

    pub fn kill(&self) {
        let mut state = self.state.lock();
        state.feed = None;
        state.process.kill();
    }
}

impl Owner {
    pub fn new(world: &Arc<World>, bus: &Arc<SimulatedBus>, number: usize) -> Arc<Self> {
        let chance = &world.chance;
        let feed = FEEDS.get(number).copied().unwrap_or_default();
        let clock = MachineClock::new(world.start, Duration::ZERO, world.drift());
        let store = Connection(Arc::new(SimulatedStore::new(feed, world.clone(), clock)));
        let settings = Settings {
            lease: world.lease,
            deadline: world.lease * 2,
            keep_entries: Duration::from_secs(*chance.pick(&[2, 3_600]).unwrap_or(&3_600)),
        };
        let count = chance.within(1..3);
        let instance = |index| {
            let booted = chance.millis(1_000..100_000_000);
            Arc::new(Instance {
                name: format!("{feed}-{index}"),
                clock: Arc::new(MachineClock::new(world.start, booted, world.drift())),
                state: Mutex::default(),
            })
        };
        let instances = (1..=count).map(instance).collect();
        Arc::new(Self { number, store, settings, instances, world: world.clone(), bus: bus.clone() })
    }

    pub fn clock_of(&self, instance: &str) -> Option<Arc<MachineClock>> {
        self.instances.iter().find(|it| it.name == instance).map(|it| it.clock.clone())
    }

    /// Also the first time. It serves once its feed is open.
    pub fn start(self: &Arc<Self>, instance: &Arc<Instance>) {
        let process = Arc::new(Process::default());
        *instance.state.lock() = State { process: process.clone(), feed: None };
        let (owner, instance) = (self.clone(), instance.clone());
        process.spawn(async move {
            let feed = owner.open(&instance).await;
            let mut state = instance.state.lock();
            state.feed = Some(feed.clone());
            let process = state.process.clone();
            drop(state);
            owner.world.note(&instance.name, "serves");
            process.spawn(async move { feed.keep_compact(CancellationToken::new()).await });
        });
    }

    async fn open(&self, instance: &Instance) -> Arc<Feed> {
        let name = FEEDS.get(self.number).copied().unwrap_or_default();
        loop {
            let store = Arc::new(Connection(self.store.0.clone()));
            let bus = Arc::new(Endpoint::new(self.bus.clone(), &instance.name));
            let clock: Arc<dyn Clock> = instance.clock.clone();
            match Feed::open_on(name, store, bus, clock, self.settings).await {
                Ok(feed) => return Arc::new(feed),
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }

    /// Another instance's compaction.
    pub async fn compact(&self) {
        let now = self.store.clock.now();
        let ago = |age: Duration| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            model::Timestamp::from_millis(now.as_millis().saturating_sub(age))
        };
        let before = (ago(self.settings.keep_entries), ago(Duration::from_hours(1)));
        let compacted = change_feed::Store::compact(&self.store, before.0, before.1).await;
        if compacted.is_ok() {
            self.world.note(FEEDS.get(self.number).unwrap_or(&""), "compacted");
        }
    }

    /// A new token is no change: nobody can know it yet.
    pub async fn create_token(&self) -> Option<TokenId> {
        let token = TokenId::from_bytes(self.world.chance.bytes());
        let inserted = self.store.write(|it| it.tables.tokens.insert(token, Token::NEW)).await;
        inserted.is_ok().then_some(token)
    }
}
