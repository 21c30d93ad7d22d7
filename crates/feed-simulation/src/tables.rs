//! What the SQL store does, as plain data: the feed's tables and the service's own, changed one transaction at a time.

use crate::chance::Chance;
use change_feed::lease::{LONGEST, Lease};
use change_feed::log::{BroadcastKeyBytes, Head};
use change_feed::{Appended, Change};
use model::{SessionDuration, Timestamp, TokenId};
use prost::Message as _;
use proto::change_feed::{Entry, HeartbeatRequest, HistoryState};
use std::collections::BTreeMap;
use std::time::Duration;

/// As in `change_feed::log`; a test compares the two stores.
const STRIDE: u64 = 1 << 32;

#[derive(Clone, Default)]
pub struct Tables {
    head: Option<HeadRow>,
    entries: BTreeMap<u64, (Entry, Timestamp)>,
    objects: BTreeMap<String, Object>,
    leases: BTreeMap<String, Lease>,
    /// The token registry's own table.
    pub tokens: BTreeMap<TokenId, Token>,
}

#[derive(Clone)]
struct HeadRow {
    head: Head,
    server: u64,
}

#[derive(Clone)]
struct Object {
    position: u64,
    state: Vec<u8>,
    keep_until: Option<Timestamp>,
}

/// A row of the token registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub is_enabled: bool,
    pub version: i64,
    /// Its secret works as well, for as long as the world lasts.
    pub previous: Option<i64>,
    pub revoked_as_of: u64,
}

impl Token {
    pub const NEW: Self = Self { is_enabled: true, version: 1, previous: None, revoked_as_of: 0 };

    pub fn accepts(&self, version: i64) -> bool {
        self.is_enabled && (version == self.version || Some(version) == self.previous)
    }
}

/// One transaction on one server at one moment.
pub struct Transaction<'t> {
    pub tables: &'t mut Tables,
    pub server: u64,
    pub now: Timestamp,
    pub chance: &'t Chance,
}

impl Tables {
    /// The last committed position, as a plain `SELECT` sees it.
    pub fn position(&self) -> u64 {
        self.head.as_ref().map_or(0, |row| row.head.position)
    }

    pub fn epoch(&self) -> Option<&str> {
        self.head.as_ref().map(|row| row.head.epoch.as_str())
    }

    /// The key of the broadcasts' tags.
    pub fn broadcast_key(&self) -> Option<&[u8]> {
        self.head.as_ref().map(|row| row.head.broadcast_key.0.as_slice())
    }

    /// Whether nothing has been lost on the way to this server.
    pub fn is_of(&self, server: u64) -> bool {
        self.head.as_ref().is_none_or(|row| row.server == server)
    }

    /// The last position of an object, 0 if there is none.
    pub fn position_of(&self, object: &str) -> u64 {
        self.objects.get(object).map_or(0, |object| object.position)
    }

    fn capped(&self, applied: u64) -> u64 {
        if applied <= self.position() { applied } else { 0 }
    }

    pub fn grant(&mut self, request: &HeartbeatRequest, now: Timestamp, length: Duration) {
        let HeartbeatRequest { replica, incarnation, applied, version, staleness_ms } = request.clone();
        let until = now.after(length).as_millis();
        let applied = i64::try_from(self.capped(applied)).unwrap_or(i64::MAX);
        let lease = self.leases.entry(incarnation.clone()).or_insert_with(|| Lease {
            incarnation,
            replica,
            version,
            applied,
            lease_until_ms: until,
            last_contact_at_ms: 0,
            staleness_ms: 0,
        });
        // One that ends later than any lease can was written while the clock was ahead.
        if lease.lease_until_ms < until || lease.lease_until_ms > now.after(LONGEST).as_millis() {
            lease.lease_until_ms = until;
        }
        lease.applied = lease.applied.max(applied);
        lease.last_contact_at_ms = now.as_millis();
        lease.staleness_ms = staleness_ms;
    }

    pub fn acknowledge(&mut self, incarnation: &str, applied: u64) {
        let applied = i64::try_from(self.capped(applied)).unwrap_or(i64::MAX);
        if let Some(lease) = self.leases.get_mut(incarnation) {
            lease.applied = lease.applied.max(applied);
        }
    }

    pub fn release(&mut self, incarnation: &str) {
        self.leases.remove(incarnation);
    }

    pub fn leases(&self) -> Vec<Lease> {
        let mut leases: Vec<_> = self.leases.values().cloned().collect();
        leases.sort_by(|a, b| (&a.replica, &a.incarnation).cmp(&(&b.replica, &b.incarnation)));
        leases
    }

    pub fn objects(&self, after: &str, limit: u32) -> Vec<Entry> {
        let entry = |(object, Object { position, state, .. }): (&String, &Object)| Entry {
            position: *position,
            object: object.clone(),
            state: state.clone(),
            removed: false,
        };
        let after = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        self.objects.range::<str, _>(after).take(limit as usize).map(entry).collect()
    }

    /// `head`: as it was read before.
    pub fn entries(&self, after: u64, limit: u32, head: u64) -> Option<Vec<Entry>> {
        let found = self.entries.range(after + 1..).take(limit as usize);
        let found: Vec<_> = found.map(|(_, (entry, _))| entry.clone()).collect();
        let reaches_back = match found.first() {
            Some(first) => first.position == after + 1,
            None => head <= after,
        };
        reaches_back.then_some(found)
    }

    pub fn compact(&mut self, now: Timestamp, entries_before: Timestamp, leases_before: Timestamp) {
        self.objects.retain(|_, object| object.keep_until.is_none_or(|until| until >= now));
        let old = self.entries.iter().filter(|(_, (_, recorded_at))| *recorded_at < entries_before);
        if let Some(last) = old.map(|(position, _)| *position).max() {
            self.entries = self.entries.split_off(&(last + 1));
        }
        self.leases.retain(|_, lease| lease.lease_until_ms >= leases_before.as_millis());
    }

    /// The leases that are forgotten when their table is lost.
    pub fn forget_leases(&mut self) {
        self.leases.clear();
    }
}

impl Transaction<'_> {
    /// Makes the head of a new database, and reads it.
    pub fn open(&mut self) -> Head {
        if self.tables.head.is_none() {
            let head = Head {
                epoch: self.chance.hex(),
                position: 0,
                broadcast_key: BroadcastKeyBytes(self.chance.bytes::<32>().to_vec()),
                resumed_at: Timestamp::from_millis(0),
            };
            self.tables.head = Some(HeadRow { head, server: self.server });
        }
        self.head()
    }

    /// Reads the head. On another server than before, a new history begins first.
    pub fn head(&mut self) -> Head {
        self.resume_if_lost();
        self.tables.head.as_ref().map_or_else(|| self.nothing(), |row| row.head.clone())
    }

    fn nothing(&self) -> Head {
        Head {
            epoch: String::new(),
            position: 0,
            broadcast_key: BroadcastKeyBytes(Vec::new()),
            resumed_at: self.now,
        }
    }

    fn resume_if_lost(&mut self) -> Option<Entry> {
        let (server, now) = (self.server, self.now);
        let row = self.tables.head.as_mut().filter(|row| row.server != server)?;
        let survived = row.head.position;
        row.server = server;
        row.head.position = (survived / STRIDE + 1) * STRIDE;
        row.head.epoch = self.chance.hex();
        row.head.resumed_at = now;
        let change = Change {
            object: format!("history/{}", row.head.epoch),
            state: Some(HistoryState { survived }.encode_to_vec()),
            keep_until: Some(now.after(SessionDuration::LONGEST + Duration::from_hours(24))),
        };
        let position = row.head.position;
        Some(self.insert(position, change, now))
    }

    pub fn next_position(&mut self) -> u64 {
        self.head().position + 1
    }

    pub fn record(&mut self, appended: &mut Appended, change: Change, now: Timestamp) -> u64 {
        appended.entries.extend(self.resume_if_lost());
        let Some(row) = &mut self.tables.head else { return 0 };
        row.head.position += 1;
        let position = row.head.position;
        appended.epoch.clone_from(&row.head.epoch);
        appended.resumed_at = row.head.resumed_at;
        let entry = self.insert(position, change, now);
        appended.entries.push(entry);
        position
    }

    fn insert(&mut self, position: u64, change: Change, now: Timestamp) -> Entry {
        let Change { object, state, keep_until } = change;
        let (removed, state) = (state.is_none(), state.unwrap_or_default());
        if removed {
            self.tables.objects.remove(&object);
        } else {
            self.tables.objects.insert(object.clone(), Object { position, state: state.clone(), keep_until });
        }
        let entry = Entry { position, object, state, removed };
        self.tables.entries.insert(position, (entry.clone(), now));
        entry
    }
}
