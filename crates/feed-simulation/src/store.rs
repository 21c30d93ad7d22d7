//! A database server in the simulated world: slow, away, failing before or after a commit, and replaced by a standby.

use crate::clocks::MachineClock;
use crate::tables::{Tables, Transaction};
use crate::trace::Moment;
use crate::wiring::Mutant;
use crate::world::World;
use async_trait::async_trait;
use change_feed::lease::Lease;
use change_feed::log::Head;
use change_feed::{Appended, Store};
use model::{Clock as _, Error, Timestamp};
use parking_lot::Mutex;
use proto::change_feed::{Entry, HeartbeatRequest};
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// How many writes a standby can be behind.
const LAG: usize = 12;

pub struct SimulatedStore {
    pub feed: &'static str,
    world: Arc<World>,
    pub clock: MachineClock,
    state: Mutex<State>,
}

struct State {
    tables: Tables,
    /// Before each of the last writes: what a standby may have.
    behind: VecDeque<Tables>,
    server: u64,
    is_away: bool,
    /// The longest that a statement takes, in milliseconds.
    slow: u64,
    /// How many of a thousand statements fail.
    failing: u64,
}

impl SimulatedStore {
    pub fn new(feed: &'static str, world: Arc<World>, clock: MachineClock) -> Self {
        let state = State {
            tables: Tables::default(),
            behind: VecDeque::new(),
            server: 1,
            is_away: false,
            slow: 2,
            failing: 0,
        };
        Self { feed, world, clock, state: Mutex::new(state) }
    }

    pub fn set_away(&self, is_away: bool) {
        self.state.lock().is_away = is_away;
    }

    pub fn set_slow(&self, millis: u64) {
        self.state.lock().slow = millis;
    }

    pub fn set_failing(&self, permille: u64) {
        self.state.lock().failing = permille;
    }

    /// Another server goes on with what it has. Returns the last position that survived, and the last there was.
    pub fn fail_over(&self, writes_lost: usize) -> (u64, u64) {
        let mut state = self.state.lock();
        let last = state.tables.position();
        let kept = state.behind.len().checked_sub(writes_lost.max(1)).and_then(|at| state.behind.get(at));
        if writes_lost > 0
            && let Some(kept) = kept.cloned()
        {
            state.tables = kept;
        }
        state.behind.clear();
        state.server += 1;
        (state.tables.position(), last)
    }

    pub fn lose_leases(&self) {
        self.state.lock().tables.forget_leases();
    }

    pub fn peek<T>(&self, look: impl FnOnce(&Tables) -> T) -> T {
        look(&self.state.lock().tables)
    }

    fn unavailable(&self) -> Error {
        Error::unavailable("the database", format!("{} is simulated to be away", self.feed))
    }

    async fn reach(&self) -> Result<(), Error> {
        let (slow, is_away, failing) = {
            let state = self.state.lock();
            (state.slow, state.is_away, state.failing)
        };
        let chance = &self.world.chance;
        self.world.nap(chance.delay(slow)).await;
        if is_away {
            self.world.nap(chance.millis(0..1_000)).await;
            return Err(self.unavailable());
        }
        if chance.permille(failing) { Err(self.unavailable()) } else { Ok(()) }
    }

    /// A statement that changes nothing, but for the history that may begin with it.
    async fn read<T: Send>(&self, read: impl FnOnce(&mut Transaction<'_>) -> T + Send) -> Result<T, Error> {
        self.reach().await?;
        let value = self.run(false, read);
        self.reach().await?;
        Ok(value)
    }

    /// One transaction. After an error it may have committed, or not.
    pub async fn write<T: Send>(
        &self,
        write: impl FnOnce(&mut Transaction<'_>) -> T + Send,
    ) -> Result<T, Error> {
        self.reach().await?;
        let value = self.run(true, write);
        self.reach().await?;
        Ok(value)
    }

    fn run<T>(&self, is_write: bool, step: impl FnOnce(&mut Transaction<'_>) -> T) -> T {
        let mut state = self.state.lock();
        let State { tables, server, behind, .. } = &mut *state;
        let server = *server;
        let before = (is_write || !tables.is_of(server)).then(|| tables.clone());
        let value =
            step(&mut Transaction { tables, server, now: self.clock.now(), chance: &self.world.chance });
        if let Some(before) = before {
            // A standby that has not got the beginning of a history is another backup: see the crate.
            if before.epoch() != tables.epoch() && !self.world.wiring.is(Mutant::StandbyBehindResumption) {
                behind.clear();
            } else {
                behind.push_back(before);
                if behind.len() > LAG {
                    behind.pop_front();
                }
            }
        }
        value
    }

    /// A change with its feed entry.
    pub async fn change<T: Send>(
        &self,
        change: impl FnOnce(&mut Transaction<'_>, &mut Appended) -> T + Send,
    ) -> Result<(T, Appended), Error> {
        self.write(|transaction| {
            let mut appended = Appended::default();
            let value = change(transaction, &mut appended);
            (value, appended)
        })
        .await
    }

    /// The head's position, and when it was read.
    pub async fn position(&self) -> Result<(u64, Moment), Error> {
        self.read(|transaction| (transaction.head().position, self.world.moment())).await
    }

    pub async fn select<T: Send>(&self, read: impl FnOnce(&Tables) -> T + Send) -> Result<T, Error> {
        self.read(|transaction| read(transaction.tables)).await
    }
}

/// As a feed sees it.
pub struct Connection(pub Arc<SimulatedStore>);

impl Deref for Connection {
    type Target = Arc<SimulatedStore>;

    fn deref(&self) -> &Arc<SimulatedStore> {
        &self.0
    }
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method itself is of one lifetime alone")]
#[async_trait]
impl Store for Connection {
    async fn open(&self) -> Result<Head, Error> {
        self.write(|transaction| transaction.open()).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.read(|transaction| transaction.now).await
    }

    async fn head(&self) -> Result<Head, Error> {
        self.read(|transaction| transaction.head()).await
    }

    async fn grant(&self, request: &HeartbeatRequest, now: Timestamp, length: Duration) -> Result<(), Error> {
        if self.world.wiring.is(Mutant::LeaseAfterHead) {
            let (store, request) = (self.0.clone(), request.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                store.run(true, |transaction| transaction.tables.grant(&request, now, length));
            });
            return Ok(());
        }
        self.write(|transaction| transaction.tables.grant(request, now, length)).await
    }

    async fn acknowledge(&self, applied: &[(String, u64)]) -> Result<(), Error> {
        self.write(|transaction| {
            for (incarnation, applied) in applied {
                transaction.tables.acknowledge(incarnation, *applied);
            }
        })
        .await
    }

    async fn release(&self, incarnation: &str) -> Result<(), Error> {
        self.write(|transaction| transaction.tables.release(incarnation)).await
    }

    async fn leases(&self) -> Result<Vec<Lease>, Error> {
        if self.world.wiring.is(Mutant::LeasesReadFromStandby) {
            self.reach().await?;
            let state = self.state.lock();
            return Ok(state.behind.front().unwrap_or(&state.tables).leases());
        }
        self.read(|transaction| transaction.tables.leases()).await
    }

    async fn objects(&self, after: &str, limit: u32) -> Result<Vec<Entry>, Error> {
        self.read(|transaction| transaction.tables.objects(after, limit)).await
    }

    async fn entries(&self, after: u64, limit: u32) -> Result<Option<Vec<Entry>>, Error> {
        // The head first, as the SQL does.
        let head = Store::head(self).await?.position;
        self.read(|transaction| transaction.tables.entries(after, limit, head)).await
    }

    async fn compact(&self, entries_before: Timestamp, leases_before: Timestamp) -> Result<(), Error> {
        self.write(|transaction| {
            let now = transaction.now;
            transaction.tables.compact(now, entries_before, leases_before);
        })
        .await
    }
}
