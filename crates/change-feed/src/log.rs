//! The log: dense, commit-ordered positions, because the head row is updated in the transaction of every change.
//!
//! The head also names the database server whose history it is. Another server, after a failover or out of a backup,
//! may be behind: positions that were given out may be missing there, and must not be given out again. So the first
//! that meets it, be it a writer or a reader of the head, leaves all of them out and begins a new epoch.

mod connection;
mod head;

use database::sqlx;
use database::{Database, failed};
use model::{Clock, Error, Timestamp};
use proto::change_feed::Entry;

pub use connection::FeedConnection;
pub use head::{BroadcastKeyBytes, Head, head, open};

database::row! {
    struct EntryRow {
        position: i64,
        object: String,
        state: Vec<u8>,
        removed: bool,
    }
}

impl From<EntryRow> for Entry {
    fn from(row: EntryRow) -> Self {
        let EntryRow { position, object, state, removed } = row;
        Self { position: position.unsigned_abs(), object, state, removed }
    }
}

/// What happened to one object.
#[derive(Debug, Clone)]
pub struct Change {
    /// `<kind>/<id>`.
    pub object: String,
    /// The encoded state after it; `None`: the object may be forgotten.
    pub state: Option<Vec<u8>>,
    /// When nothing it could affect is alive any more; `None` keeps it.
    pub keep_until: Option<Timestamp>,
}

/// Entries that were appended but not announced yet: hand them to [`crate::Feed::announce`] after the commit.
#[derive(Debug)]
#[must_use = "announce it after the commit"]
pub struct Appended {
    /// The history they are in.
    pub epoch: String,
    /// When it began after another was lost; see [`Head::resumed_at`].
    pub resumed_at: Timestamp,
    pub entries: Vec<Entry>,
}

impl Default for Appended {
    fn default() -> Self {
        Self { epoch: String::new(), resumed_at: Timestamp::from_millis(0), entries: Vec::new() }
    }
}

impl Appended {
    /// The last position, 0 when nothing changed.
    pub fn position(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.position)
    }
}

/// The entries after a position. `None`: the log no longer reaches back that far.
pub async fn entries_after(database: &Database, after: u64, limit: u32) -> Result<Option<Vec<Entry>>, Error> {
    // The head first: an entry that commits between the two reads is found, or not asked for.
    let head = head(database).await?.position;
    let rows: Vec<EntryRow> = database::with!(database, |pool| {
        sqlx::query_as(
            "SELECT position, object, state, removed FROM feed_entries WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .bind(signed(after))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
        .map_err(failed)?
    });
    let reaches_back = match rows.first() {
        Some(first) => first.position.unsigned_abs() == after + 1,
        None => head <= after,
    };
    Ok(reaches_back.then(|| rows.into_iter().map(Entry::from).collect()))
}

/// One page of the objects, each with the position of its last change.
pub async fn objects_after(database: &Database, after: &str, limit: u32) -> Result<Vec<Entry>, Error> {
    let rows: Vec<(String, i64, Vec<u8>)> = database::with!(database, |pool| {
        sqlx::query_as(
            "SELECT object, position, state FROM feed_objects WHERE object > $1 ORDER BY object LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
        .map_err(failed)?
    });
    let entry = |(object, position, state): (String, i64, Vec<u8>)| Entry {
        position: position.unsigned_abs(),
        object,
        state,
        removed: false,
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// Forgets what nobody can need: objects past their time, and entries recorded before `entries_before`.
pub async fn compact(database: &Database, clock: &dyn Clock, entries_before: Timestamp) -> Result<(), Error> {
    let now = database.now(clock).await?;
    database::with!(database, |pool| {
        sqlx::query("DELETE FROM feed_objects WHERE keep_until_ms IS NOT NULL AND keep_until_ms < $1")
            .bind(now.as_millis())
            .execute(pool)
            .await
            .map_err(failed)?;
        // By position: the clocks of several writers differ, and the log has no holes.
        sqlx::query(
            "DELETE FROM feed_entries
             WHERE position <= (SELECT MAX(position) FROM feed_entries WHERE recorded_at_ms < $1)",
        )
        .bind(entries_before.as_millis())
        .execute(pool)
        .await
        .map_err(failed)?;
    });
    Ok(())
}

/// Positions are far from the sign bit.
pub(crate) fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
