//! The log: dense, commit-ordered positions, because the head row is updated in the transaction of every change.

use database::sqlx::{self, PgConnection, SqliteConnection};
use database::{Database, failed};
use model::{Clock, Error, Timestamp};
use proto::change_feed::Entry;
use std::future::Future;

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
#[derive(Debug, Default)]
#[must_use = "announce it after the commit"]
pub struct Appended {
    pub(crate) entries: Vec<Entry>,
}

impl Appended {
    /// The last position, 0 when nothing changed.
    pub fn position(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.position)
    }
}

/// A write transaction's connection, as the feed uses it.
pub trait FeedConnection {
    /// The position that the next [`record`](Self::record) will have. Other writers wait for this transaction from here on.
    fn next_position(&mut self) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Appends one change at the next position.
    fn record(
        &mut self,
        appended: &mut Appended,
        change: Change,
        now: Timestamp,
    ) -> impl Future<Output = Result<u64, Error>> + Send;
}

macro_rules! feed_connection {
    ($connection:ty) => {
        impl FeedConnection for $connection {
            async fn next_position(&mut self) -> Result<u64, Error> {
                // An update that changes nothing takes the row's lock.
                let head = sqlx::query_scalar::<_, i64>("UPDATE feed_head SET position = position RETURNING position");
                let head = head.fetch_one(self).await.map_err(failed)?;
                Ok(head.unsigned_abs() + 1)
            }

            async fn record(&mut self, appended: &mut Appended, change: Change, now: Timestamp) -> Result<u64, Error> {
                let Change { object, state, keep_until } = change;
                let head = sqlx::query_scalar::<_, i64>("UPDATE feed_head SET position = position + 1 RETURNING position");
                let position = head.fetch_one(&mut *self).await.map_err(failed)?;
                let (removed, bytes) = (state.is_none(), state.unwrap_or_default());
                sqlx::query(
                    "INSERT INTO feed_entries (position, object, state, removed, recorded_at_ms) VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(position)
                .bind(&object)
                .bind(&bytes)
                .bind(removed)
                .bind(now.as_millis())
                .execute(&mut *self)
                .await
                .map_err(failed)?;
                let statement = if removed {
                    sqlx::query("DELETE FROM feed_objects WHERE object = $1").bind(&object)
                } else {
                    sqlx::query(
                        "INSERT INTO feed_objects (object, position, state, keep_until_ms) VALUES ($1, $2, $3, $4)
                         ON CONFLICT (object) DO UPDATE
                         SET position = excluded.position, state = excluded.state, keep_until_ms = excluded.keep_until_ms",
                    )
                    .bind(&object)
                    .bind(position)
                    .bind(&bytes)
                    .bind(keep_until.map(Timestamp::as_millis))
                };
                statement.execute(&mut *self).await.map_err(failed)?;
                let position = position.unsigned_abs();
                appended.entries.push(Entry { position, object, state: bytes, removed });
                Ok(position)
            }
        }
    };
}

feed_connection!(PgConnection);
feed_connection!(SqliteConnection);

/// The head: the last committed position, and the name of this history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub epoch: String,
    pub position: u64,
}

/// Creates the head row of a new database, and reads it.
pub async fn open(database: &Database) -> Result<Head, Error> {
    let epoch = uuid::Uuid::new_v4().simple().to_string();
    database::with!(database, |pool| {
        sqlx::query(
            "INSERT INTO feed_head (id, position, epoch) VALUES (1, 0, $1) ON CONFLICT (id) DO NOTHING",
        )
        .bind(epoch)
        .execute(pool)
        .await
        .map_err(failed)?;
    });
    head(database).await
}

pub async fn head(database: &Database) -> Result<Head, Error> {
    let row: (String, i64) = database::with!(database, |pool| {
        sqlx::query_as("SELECT epoch, position FROM feed_head").fetch_one(pool).await.map_err(failed)?
    });
    Ok(Head { epoch: row.0, position: row.1.unsigned_abs() })
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
