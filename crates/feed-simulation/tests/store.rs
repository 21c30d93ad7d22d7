//! The tables in memory answer as the SQL does: whatever is asked in whatever order, both say the same.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::redundant_closure_for_method_calls,
    reason = "helpers of tests"
)]

use change_feed::lease::Lease;
use change_feed::log::Head;
use change_feed::store::Sql;
use change_feed::{Appended, Change, FeedConnection as _, Store as _};
use database::Database;
use database::migrations::CHANGE_FEED;
use feed_simulation::chance::Chance;
use feed_simulation::tables::{Tables, Transaction};
use model::{Clock as _, ManualClock, Timestamp};
use proto::change_feed::{Entry, HeartbeatRequest};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Long ago: SQLite takes the time of a new history from its own machine, and nothing here is to outlive that.
const BEGINNING: Timestamp = Timestamp::from_millis(1_000_000_000_000);

/// Both, and what they call the same history.
struct Pair {
    chance: Chance,
    clock: Arc<ManualClock>,
    sql: Sql,
    tables: Tables,
    server: u64,
    /// The SQL's epoch, by the tables'.
    epochs: BTreeMap<String, String>,
}

impl Pair {
    async fn new(seed: u64, url: &str) -> Self {
        let clock = Arc::new(ManualClock::new(BEGINNING));
        let database = Database::connect(url, 1).await.unwrap();
        database.migrate(&CHANGE_FEED).await.unwrap();
        let sql = Sql { database, clock: clock.clone() };
        let mut pair = Self {
            chance: Chance::new(seed),
            clock,
            sql,
            tables: Tables::default(),
            server: 1,
            epochs: BTreeMap::new(),
        };
        let opened = pair.sql.open().await.unwrap();
        let ours = pair.transaction(|transaction| transaction.open());
        pair.compare_heads(&ours, &opened);
        pair
    }

    fn transaction<T>(&mut self, step: impl FnOnce(&mut Transaction<'_>) -> T) -> T {
        let (server, now) = (self.server, self.clock.now());
        step(&mut Transaction { tables: &mut self.tables, server, now, chance: &self.chance })
    }

    fn compare_heads(&mut self, ours: &Head, theirs: &Head) {
        let epoch = self.epochs.entry(ours.epoch.clone()).or_insert_with(|| theirs.epoch.clone());
        assert_eq!((*epoch).as_str(), theirs.epoch);
        assert_eq!(ours.position, theirs.position);
        assert_eq!(ours.broadcast_key.0.len(), theirs.broadcast_key.0.len());
        // SQLite takes the time of a new history from its own machine.
        assert_eq!(ours.resumed_at.as_millis() == 0, theirs.resumed_at.as_millis() == 0);
    }

    /// With the epochs' names in common.
    fn translated(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let translate = |mut entry: Entry| {
            if let Some(theirs) =
                entry.object.strip_prefix("history/").and_then(|epoch| self.epochs.get(epoch))
            {
                entry.object = format!("history/{theirs}");
            }
            entry
        };
        let mut entries: Vec<_> = entries.into_iter().map(translate).collect();
        entries.sort_by(|a, b| a.object.cmp(&b.object));
        entries
    }

    async fn compare_all(&mut self) {
        let (theirs, ours) =
            (self.sql.head().await.unwrap(), self.transaction(|transaction| transaction.head()));
        self.compare_heads(&ours, &theirs);
        let leases = |leases: Vec<Lease>| leases;
        assert_eq!(leases(self.tables.leases()), self.sql.leases().await.unwrap());
        let theirs = self.translated(self.sql.objects("", 1_000).await.unwrap());
        assert_eq!(self.translated(self.tables.objects("", 1_000)), theirs);
        for after in [0, ours.position.saturating_sub(3), ours.position, ours.position + 1] {
            for limit in [1, 2, 1_000] {
                let theirs = self.sql.entries(after, limit).await.unwrap();
                let found = self.tables.entries(after, limit, ours.position);
                assert_eq!(found.map(|it| self.translated(it)), theirs.map(|it| self.translated(it)));
            }
        }
    }

    async fn step(&mut self) {
        self.clock.advance(self.chance.millis(0..3_000));
        let now = self.clock.now();
        let incarnation = format!("{:032x}", self.chance.below(4));
        let position = self.tables.position();
        let applied = (position + 2).saturating_sub(self.chance.below(6));
        match self.chance.below(20) {
            0..=7 => self.change(now).await,
            8..=11 => {
                let request = HeartbeatRequest {
                    replica: format!("edge-{}", self.chance.below(3)),
                    incarnation,
                    applied,
                    version: self.chance.below(2).to_string(),
                    staleness_ms: self.chance.around(1),
                };
                let at = now.after(self.chance.millis(0..4_000));
                let length = Duration::from_secs(5);
                self.tables.grant(&request, at, length);
                self.sql.grant(&request, at, length).await.unwrap();
            }
            12..=14 => {
                self.tables.acknowledge(&incarnation, applied);
                self.sql.acknowledge(&[(incarnation, applied)]).await.unwrap();
            }
            15 => {
                self.tables.release(&incarnation);
                self.sql.release(&incarnation).await.unwrap();
            }
            16 | 17 => {
                let before = |age: u64| Timestamp::from_millis(now.as_millis() - i64::try_from(age).unwrap());
                let (entries, leases) =
                    (before(self.chance.below(20_000)), before(self.chance.below(20_000)));
                self.tables.compact(now, entries, leases);
                self.sql.compact(entries, leases).await.unwrap();
            }
            18 => self.meet_another_server().await,
            _ => {
                let after = format!("b/{}", self.chance.below(4));
                let theirs = self.sql.objects(&after, 2).await.unwrap();
                // Histories have other names there: only what comes before them is compared.
                let plain = |entries: Vec<Entry>| -> Vec<Entry> {
                    entries.into_iter().filter(|entry| !entry.object.starts_with("history/")).collect()
                };
                assert_eq!(plain(self.tables.objects(&after, 2)), plain(theirs));
            }
        }
    }

    /// One or two changes in one transaction.
    async fn change(&mut self, now: Timestamp) {
        let count = self.chance.within(1..3);
        let chance = &self.chance;
        let change = |_| Change {
            object: format!(
                "{}/{}",
                ["a", "b", "x"][usize::try_from(chance.below(3)).unwrap()],
                chance.below(4)
            ),
            state: (chance.below(4) > 0).then(|| chance.bytes::<5>().to_vec()),
            keep_until: (chance.below(2) == 0).then(|| now.after(chance.millis(0..30_000))),
        };
        let changes: Vec<Change> = (0..count).map(change).collect();
        let asks_first = self.chance.below(2) == 0;
        let (mut ours, mut theirs) = (Appended::default(), Appended::default());
        let next = self.transaction(|transaction| {
            let next = asks_first.then(|| transaction.next_position());
            for change in &changes {
                transaction.record(&mut ours, change.clone(), now);
            }
            next
        });
        let written: Result<Option<u64>, model::Error> = async {
            Ok(database::transaction!(&self.sql.database, |tx| {
                let next = if asks_first { Some(tx.next_position().await?) } else { None };
                for change in &changes {
                    tx.record(&mut theirs, change.clone(), now).await?;
                }
                next
            }))
        }
        .await;
        assert_eq!(next, written.unwrap());
        self.epochs.entry(ours.epoch.clone()).or_insert_with(|| theirs.epoch.clone());
        assert_eq!(self.epochs[&ours.epoch], theirs.epoch);
        assert_eq!(ours.position(), theirs.position());
        assert_eq!(self.translated(ours.entries), self.translated(theirs.entries));
    }

    /// As after a failover: what the head says of its server is no longer so.
    async fn meet_another_server(&mut self) {
        self.server += 1;
        let Database::Sqlite(pool) = &self.sql.database else { unreachable!() };
        database::sqlx::query("UPDATE feed_head SET server = 'another'").execute(pool).await.unwrap();
    }
}

#[tokio::test]
async fn both_stores_answer_alike() {
    let directory = tempfile::tempdir().unwrap();
    for seed in 0..12 {
        let url = format!("sqlite:{}", directory.path().join(format!("{seed}.db")).display());
        let mut pair = Pair::new(seed, &url).await;
        for step in 0..60 {
            pair.step().await;
            if step % 3 == 0 {
                pair.compare_all().await;
            }
        }
        pair.compare_all().await;
        assert!(pair.tables.position() > 10, "seed {seed} changes something");
        pair.sql.database.close().await;
    }
}
