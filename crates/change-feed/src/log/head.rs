//! The head: the last committed position, and whose history it is.

use super::connection::FeedConnection as _;
use crate::broadcast;
use aws_lc_rs::rand;
use database::sqlx;
use database::{Database, failed};
use model::{Error, Timestamp};

/// The database server, in SQL. A standby that takes over has another timeline, a cluster filled from a dump another
/// identifier.
macro_rules! postgres_server {
    () => {
        "((SELECT system_identifier::text FROM pg_control_system())
          || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8))"
    };
}
/// A file has no server: one that was copied back is noticed only by replicas that have come further.
macro_rules! sqlite_server {
    () => {
        "''"
    };
}
pub(super) use {postgres_server, sqlite_server};

database::row! {
    struct Row {
        epoch: String,
        position: i64,
        broadcast_key: Option<Vec<u8>>,
        resumed_at_ms: i64,
        is_ours: bool,
    }
}

/// The last committed position, and the history it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub epoch: String,
    pub position: u64,
    /// The key of the broadcasts' tags.
    pub broadcast_key: BroadcastKeyBytes,
    /// When this history began after another was lost; 0: it is the first. By the database's clock.
    pub resumed_at: Timestamp,
}

/// Shown to nobody but replicas.
#[derive(Clone, PartialEq, Eq)]
pub struct BroadcastKeyBytes(pub Vec<u8>);

impl std::fmt::Debug for BroadcastKeyBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BroadcastKeyBytes")
    }
}

/// Makes the head of a new database, completes that of an older one, and reads it.
pub async fn open(database: &Database) -> Result<Head, Error> {
    let epoch = uuid::Uuid::new_v4().simple().to_string();
    let mut key = vec![0; broadcast::KEY];
    rand::fill(&mut key).map_err(|_| Error::internal("no random bytes"))?;
    database::with!(database, |pool| {
        sqlx::query(
            "INSERT INTO feed_head (id, position, epoch) VALUES (1, 0, $1) ON CONFLICT (id) DO NOTHING",
        )
        .bind(epoch)
        .execute(pool)
        .await
        .map_err(failed)?;
        sqlx::query("UPDATE feed_head SET broadcast_key = $1 WHERE broadcast_key IS NULL")
            .bind(key)
            .execute(pool)
            .await
            .map_err(failed)?;
    });
    if let Database::Postgres(pool) = database {
        sqlx::query(concat!("UPDATE feed_head SET server = ", postgres_server!(), " WHERE server = ''"))
            .execute(pool)
            .await
            .map_err(failed)?;
    }
    head(database).await
}

/// Reads the head. On another server than before, a new history begins first.
pub async fn head(database: &Database) -> Result<Head, Error> {
    let mut row = read(database).await?;
    if !row.is_ours {
        database::transaction!(database, |tx| {
            tx.next_position().await?;
        });
        row = read(database).await?;
    }
    let Row { epoch, position, broadcast_key, resumed_at_ms, is_ours: _ } = row;
    Ok(Head {
        epoch,
        position: position.unsigned_abs(),
        broadcast_key: BroadcastKeyBytes(broadcast_key.unwrap_or_default()),
        resumed_at: Timestamp::from_millis(resumed_at_ms),
    })
}

async fn read(database: &Database) -> Result<Row, Error> {
    let row = match database {
        Database::Postgres(pool) => {
            sqlx::query_as(concat!(
                "SELECT epoch, position, broadcast_key, resumed_at_ms, server = ",
                postgres_server!(),
                " AS is_ours FROM feed_head"
            ))
            .fetch_one(pool)
            .await
        }
        Database::Sqlite(pool) => {
            sqlx::query_as(concat!(
                "SELECT epoch, position, broadcast_key, resumed_at_ms, server = ",
                sqlite_server!(),
                " AS is_ours FROM feed_head"
            ))
            .fetch_one(pool)
            .await
        }
    };
    row.map_err(failed)
}
