//! Reading, and forgetting what is too old.

use database::{Database, failed, sqlx};
use futures::TryStreamExt as _;
use model::{Clock, Error, Timestamp};
use prost::Message as _;
use proto::audit::{Actor, AuditRecord, ListAuditRequest, ListAuditResponse};
use service_kit::Worker;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long records of changes are kept: a year and a month.
pub const RETENTION: Duration = Duration::from_hours(24 * 396);
/// Those of what was refused: a month.
pub const REFUSED_RETENTION: Duration = Duration::from_hours(24 * 31);
/// Bytes of one answer, from which on it ends.
const ENOUGH: usize = 4 * 1024 * 1024;
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
        outcome: String,
        status: i64,
        error_code: i64,
        call: String,
        attempts: i64,
    }
}

fn number(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(u32::MAX)
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
            outcome: row.outcome,
            status: number(row.status),
            error_code: number(row.error_code),
            call: row.call,
            attempts: number(row.attempts),
        }
    }
}

/// Newest first.
pub async fn list(database: &Database, asked: &ListAuditRequest) -> Result<ListAuditResponse, Error> {
    let unless_zero = |at: i64, default| if at == 0 { default } else { at };
    let limit = if asked.limit == 0 { PAGE } else { asked.limit.min(MOST) };
    let (mut records, mut bytes, mut has_more) = (Vec::new(), 0, false);
    database::with!(database, |pool| {
        let mut rows = sqlx::query_as::<_, Row>(
            "SELECT id, recorded_at_ms, account_id, actor_kind, actor_id, actor_name, address, agent, request_id,
                 operation, object_kind, object_id, before_json, after_json, outcome, status, error_code, call, attempts
             FROM audit_records
             WHERE account_id = $1 AND recorded_at_ms >= $2 AND recorded_at_ms < $3
               AND (recorded_at_ms < $4 OR (recorded_at_ms = $4 AND id < $5))
               AND ($6 = '' OR actor_id = $6) AND ($7 = '' OR operation = $7)
               AND ($8 = '' OR object_kind = $8) AND ($9 = '' OR object_id = $9) AND ($10 = '' OR outcome = $10)
             ORDER BY recorded_at_ms DESC, id DESC LIMIT $11",
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
        .bind(&asked.outcome)
        .bind(i64::from(limit))
        .fetch(pool);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let record = AuditRecord::from(row);
            bytes += record.encoded_len();
            records.push(record);
            has_more = bytes >= ENOUGH || records.len() == limit as usize;
            if has_more {
                break;
            }
        }
    });
    Ok(ListAuditResponse { records, has_more })
}

/// Forgets at most [`BATCH`] changes from before a time, and as many refusals from before another: how many.
pub(crate) async fn forget(
    database: &Database,
    changes_before: Timestamp,
    refusals_before: Timestamp,
) -> Result<u64, Error> {
    let outcome = database::with!(database, |pool| {
        let deleted = sqlx::query(
            "DELETE FROM audit_records WHERE id IN
                 (SELECT id FROM audit_records WHERE recorded_at_ms < $1 ORDER BY recorded_at_ms LIMIT $2)
             OR id IN (SELECT id FROM audit_records WHERE outcome = 'refused' AND recorded_at_ms < $3
                       ORDER BY recorded_at_ms LIMIT $2)",
        )
        .bind(changes_before.as_millis())
        .bind(BATCH)
        .bind(refusals_before.as_millis())
        .execute(pool)
        .await
        .map_err(failed)?;
        deleted.rows_affected()
    });
    Ok(outcome)
}

/// What forgets, beside a service's other workers.
pub fn worker(name: &'static str, database: Database, clock: Arc<dyn Clock>) -> Worker {
    Worker::new(name, async move |stop| {
        keep_forgetting(database, clock, stop).await;
        Ok(())
    })
}

/// Until `stop`: every hour, in small steps.
async fn keep_forgetting(database: Database, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let forgetting = async {
        loop {
            let now = clock.now().as_millis();
            let before = |kept: Duration| {
                let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(now.saturating_sub(kept))
            };
            match forget(&database, before(RETENTION), before(REFUSED_RETENTION)).await {
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
