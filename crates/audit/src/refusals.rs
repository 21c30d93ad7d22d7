//! Attempts that were refused. Nothing was changed, so they are no part of any transaction, and they are kept shortly:
//! whoever is refused must not fill a disk.

use database::{Database, failed, sqlx};
use model::{AccountId, Clock, Error};
use proto::audit::refusal_log_server::{RefusalLog, RefusalLogServer};
use proto::audit::{AuditRecord, RecordRefusalsRequest, RecordRefusalsResponse};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// In one call.
const MOST: usize = 500;
/// Characters of any one text.
const LONGEST: usize = 400;

struct Rpc {
    database: Database,
    clock: Arc<dyn Clock>,
}

/// What the service that keeps them adds to its routes.
pub fn server(database: Database, clock: Arc<dyn Clock>) -> RefusalLogServer<impl RefusalLog> {
    RefusalLogServer::new(Rpc { database, clock })
}

#[tonic::async_trait]
impl RefusalLog for Rpc {
    async fn record_refusals(
        &self,
        request: Request<RecordRefusalsRequest>,
    ) -> Result<Response<RecordRefusalsResponse>, Status> {
        service_kit::actor::answer(request, async |request| self.record(request.refusals).await).await
    }
}

impl Rpc {
    async fn record(&self, refusals: Vec<AuditRecord>) -> Result<RecordRefusalsResponse, Error> {
        if refusals.len() > MOST {
            return Err(Error::invalid("refusals", format!("must not have more than {MOST} entries")));
        }
        refusals.iter().try_for_each(check)?;
        let now = self.clock.now().as_millis();
        database::transaction!(&self.database, |tx| {
            for refusal in &refusals {
                let actor = refusal.actor.clone().unwrap_or_default();
                sqlx::query(
                    "INSERT INTO audit_records (id, recorded_at_ms, account_id, actor_kind, actor_id, actor_name,
                         address, agent, request_id, operation, object_kind, object_id, before_json, after_json,
                         outcome, status, error_code, call, attempts)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', '', 'refused', $13, $14, $15, $16)
                     ON CONFLICT (id) DO NOTHING",
                )
                .bind(&refusal.id)
                .bind(now)
                .bind(&refusal.account_id)
                .bind(cut(actor.kind))
                .bind(cut(actor.id))
                .bind(cut(actor.name))
                .bind(cut(actor.address))
                .bind(cut(actor.agent))
                .bind(cut(actor.request_id))
                .bind(cut(refusal.operation.clone()))
                .bind(cut(refusal.object_kind.clone()))
                .bind(cut(refusal.object_id.clone()))
                .bind(i64::from(refusal.status))
                .bind(i64::from(refusal.error_code))
                .bind(cut(refusal.call.clone()))
                .bind(i64::from(refusal.attempts.max(1)))
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
        });
        Ok(RecordRefusalsResponse {})
    }
}

fn check(refusal: &AuditRecord) -> Result<(), Error> {
    refusal.account_id.parse::<AccountId>()?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if refusal.id.len() != 32 || !refusal.id.bytes().all(is_hex) {
        return Err(Error::invalid("refusals/id", "must have 32 lowercase hex digits"));
    }
    Ok(())
}

/// PostgreSQL keeps no NUL.
fn cut(text: String) -> String {
    if text.len() <= LONGEST && !text.contains('\0') {
        return text;
    }
    text.chars().filter(|it| *it != '\0').take(LONGEST).collect()
}
