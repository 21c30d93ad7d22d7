//! Reading, and forgetting what is too old.

use database::{Database, failed, sqlx};
use model::{Clock, Error, Timestamp};
use proto::audit::{Actor, AuditRecord, ListAuditRequest};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long records are kept: a year and a month.
pub const RETENTION: Duration = Duration::from_hours(24 * 396);
const MOST: u32 = 1_000;
const PAGE: u32 = 100;
/// Records that are forgotten in one statement: changes wait no longer than for that.
const BATCH: i64 = 500;
const EVERY: Duration = Duration::from_hours(1);

database::row! {
    struct Row {
        id: String,
        recorded_at_ms: i64,
        account_id: String,
        actor_kind: String,
        actor_id: String,
        actor_name: String,
        address: String,
        agent: String,
        request_id: String,
        operation: String,
        object_kind: String,
        object_id: String,
        before_json: String,
        after_json: String,
    }
}

impl From<Row> for AuditRecord {
    fn from(row: Row) -> Self {
        let actor = Actor {
            kind: row.actor_kind,
            id: row.actor_id,
            name: row.actor_name,
            address: row.address,
            agent: row.agent,
            request_id: row.request_id,
        };
        Self {
            id: row.id,
            recorded_at_ms: row.recorded_at_ms,
            account_id: row.account_id,
            actor: Some(actor),
            operation: row.operation,
            object_kind: row.object_kind,
            object_id: row.object_id,
            before: row.before_json,
            after: row.after_json,
        }
    }
}

/// Newest first.
pub async fn list(database: &Database, asked: &ListAuditRequest) -> Result<Vec<AuditRecord>, Error> {
    let unless_zero = |at: i64, default| if at == 0 { default } else { at };
    let limit = if asked.limit == 0 { PAGE } else { asked.limit.min(MOST) };
    let rows: Vec<Row> = database::with!(database, |pool| {
        sqlx::query_as(
            "SELECT id, recorded_at_ms, account_id, actor_kind, actor_id, actor_name, address, agent, request_id,
                 operation, object_kind, object_id, before_json, after_json
             FROM audit_records
             WHERE account_id = $1 AND recorded_at_ms >= $2 AND recorded_at_ms < $3
               AND (recorded_at_ms < $4 OR (recorded_at_ms = $4 AND id < $5))
               AND ($6 = '' OR actor_id = $6) AND ($7 = '' OR operation = $7)
               AND ($8 = '' OR object_kind = $8) AND ($9 = '' OR object_id = $9)
             ORDER BY recorded_at_ms DESC, id DESC LIMIT $10 OFFSET $11",
        )
        .bind(&asked.account_id)
        .bind(asked.since_ms)
        .bind(unless_zero(asked.before_ms, i64::MAX))
        .bind(unless_zero(asked.after_ms, i64::MAX))
        .bind(&asked.after_id)
        .bind(&asked.actor_id)
        .bind(&asked.operation)
        .bind(&asked.object_kind)
        .bind(&asked.object_id)
        .bind(i64::from(limit))
        .bind(i64::try_from(asked.skip).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await
        .map_err(failed)?
    });
    Ok(rows.into_iter().map(AuditRecord::from).collect())
}

/// Forgets at most [`BATCH`] records from before a time: how many.
pub(crate) async fn forget(database: &Database, before: Timestamp) -> Result<u64, Error> {
    let outcome = database::with!(database, |pool| {
        let deleted = sqlx::query(
            "DELETE FROM audit_records WHERE id IN
                 (SELECT id FROM audit_records WHERE recorded_at_ms < $1 ORDER BY recorded_at_ms LIMIT $2)",
        )
        .bind(before.as_millis())
        .bind(BATCH)
        .execute(pool)
        .await
        .map_err(failed)?;
        deleted.rows_affected()
    });
    Ok(outcome)
}

/// Until `stop`: every hour, in small steps.
pub async fn keep_forgetting(database: Database, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let retention = i64::try_from(RETENTION.as_millis()).unwrap_or(i64::MAX);
    let forgetting = async {
        loop {
            let before = Timestamp::from_millis(clock.now().as_millis().saturating_sub(retention));
            match forget(&database, before).await {
                Ok(0) => tokio::time::sleep(EVERY).await,
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => {
                    tracing::warn!(%error, "forgetting old audit records failed; trying again in an hour");
                    tokio::time::sleep(EVERY).await;
                }
            }
        }
    };
    stop.run_until_cancelled(forgetting).await;
}
