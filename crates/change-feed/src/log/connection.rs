//! A write transaction's connection, as the feed uses it.

use super::head::{postgres_server, sqlite_server};
use super::{Appended, Change, signed};
use crate::history;
use database::failed;
use database::sqlx::{self, PgConnection, SqliteConnection};
use model::{Error, SessionDuration, Timestamp};
use prost::Message as _;
use proto::change_feed::{Entry, HistoryState};
use std::future::Future;
use std::time::Duration;

/// Where positions go on after a history was lost: far beyond whatever was given out in it.
const STRIDE: u64 = 1 << 32;

/// What a service writes its changes with, in its own transaction.
pub trait FeedConnection {
    /// The position that the next [`record`](Self::record) will have. Other writers wait for this transaction from
    /// here on.
    fn next_position(&mut self) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Appends one change at the next position.
    fn record(
        &mut self,
        appended: &mut Appended,
        change: Change,
        now: Timestamp,
    ) -> impl Future<Output = Result<u64, Error>> + Send;
}

database::row! {
    /// The head after an update, and whether it is this server's.
    struct Locked {
        position: i64,
        epoch: String,
        resumed_at_ms: i64,
        is_ours: bool,
    }
}

macro_rules! feed_connection {
    ($module:ident, $connection:ty, $server:ident, $time:literal) => {
        mod $module {
            use super::*;

            /// Takes the head's lock, and moves it by so many.
            async fn advance(connection: &mut $connection, by: i64) -> Result<Locked, Error> {
                sqlx::query_as(concat!(
                    "UPDATE feed_head SET position = position + $1
                     RETURNING position, epoch, resumed_at_ms, server = ",
                    $server!(),
                    " AS is_ours"
                ))
                .bind(by)
                .fetch_one(connection)
                .await
                .map_err(failed)
            }

            /// Begins a new history after the last position that is left of the one before.
            async fn resume(connection: &mut $connection, survived: u64) -> Result<Entry, Error> {
                let now = sqlx::query_scalar($time).fetch_one(&mut *connection).await;
                let now = Timestamp::from_millis(now.map_err(failed)?);
                let epoch = uuid::Uuid::new_v4().simple().to_string();
                let position = (survived / STRIDE + 1) * STRIDE;
                tracing::error!(survived, position, "another database server: a new history begins");
                sqlx::query(concat!(
                    "UPDATE feed_head SET position = $1, epoch = $2, resumed_at_ms = $3, server = ",
                    $server!()
                ))
                .bind(signed(position))
                .bind(&epoch)
                .bind(now.as_millis())
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
                let change = Change {
                    object: format!("{}/{epoch}", history::KIND),
                    state: Some(HistoryState { survived }.encode_to_vec()),
                    keep_until: Some(now.after(SessionDuration::LONGEST + Duration::from_hours(24))),
                };
                insert(connection, position, change, now).await
            }

            async fn insert(
                connection: &mut $connection,
                position: u64,
                change: Change,
                now: Timestamp,
            ) -> Result<Entry, Error> {
                let Change { object, state, keep_until } = change;
                let (removed, bytes) = (state.is_none(), state.unwrap_or_default());
                sqlx::query(
                    "INSERT INTO feed_entries (position, object, state, removed, recorded_at_ms)
                     VALUES ($1, $2, $3, $4, $5)",
                )
                .bind(signed(position))
                .bind(&object)
                .bind(&bytes)
                .bind(removed)
                .bind(now.as_millis())
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
                let statement = if removed {
                    sqlx::query("DELETE FROM feed_objects WHERE object = $1").bind(&object)
                } else {
                    sqlx::query(
                        "INSERT INTO feed_objects (object, position, state, keep_until_ms) VALUES ($1, $2, $3, $4)
                         ON CONFLICT (object) DO UPDATE
                         SET position = excluded.position, state = excluded.state,
                             keep_until_ms = excluded.keep_until_ms",
                    )
                    .bind(&object)
                    .bind(signed(position))
                    .bind(&bytes)
                    .bind(keep_until.map(Timestamp::as_millis))
                };
                statement.execute(connection).await.map_err(failed)?;
                Ok(Entry { position, object, state: bytes, removed })
            }

            impl FeedConnection for $connection {
                async fn next_position(&mut self) -> Result<u64, Error> {
                    let locked = advance(self, 0).await?;
                    let head = if locked.is_ours {
                        locked.position.unsigned_abs()
                    } else {
                        resume(self, locked.position.unsigned_abs()).await?.position
                    };
                    Ok(head + 1)
                }

                async fn record(
                    &mut self,
                    appended: &mut Appended,
                    change: Change,
                    now: Timestamp,
                ) -> Result<u64, Error> {
                    let mut locked = advance(self, 1).await?;
                    if !locked.is_ours {
                        appended.entries.push(resume(self, locked.position.unsigned_abs() - 1).await?);
                        locked = advance(self, 1).await?;
                    }
                    let position = locked.position.unsigned_abs();
                    appended.entries.push(insert(self, position, change, now).await?);
                    appended.epoch = locked.epoch;
                    appended.resumed_at = Timestamp::from_millis(locked.resumed_at_ms);
                    Ok(position)
                }
            }
        }
    };
}

feed_connection!(
    postgres,
    PgConnection,
    postgres_server,
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT"
);
feed_connection!(
    sqlite,
    SqliteConnection,
    sqlite_server,
    "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
);
