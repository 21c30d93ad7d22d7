//! Writing.

use crate::state::text;
use database::failed;
use database::sqlx::{self, PgConnection, SqliteConnection};
use model::{Error, Timestamp};
use serde_json::Value;
use service_kit::actor;
use std::future::Future;

/// One change of one object.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    pub account_id: &'a str,
    /// For example `create`.
    pub operation: &'static str,
    /// For example `service_token`.
    pub object_kind: &'static str,
    pub object_id: &'a str,
    /// As it was, without secrets; `None`: it was not there.
    pub before: Option<Value>,
    /// As it is now, without secrets; `None`: it is gone.
    pub after: Option<Value>,
}

/// A write transaction's connection.
pub trait AuditConnection {
    /// Writes one record, in the name of whoever asked for the change.
    fn audit(&mut self, record: Record<'_>, now: Timestamp)
    -> impl Future<Output = Result<(), Error>> + Send;
}

macro_rules! audit_connection {
    ($connection:ty) => {
        impl AuditConnection for $connection {
            async fn audit(&mut self, record: Record<'_>, now: Timestamp) -> Result<(), Error> {
                let actor = actor::current();
                sqlx::query(
                    "INSERT INTO audit_records (id, recorded_at_ms, account_id, actor_kind, actor_id, actor_name,
                         address, agent, request_id, operation, object_kind, object_id, before_json, after_json)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
                )
                .bind(uuid::Uuid::new_v4().simple().to_string())
                .bind(now.as_millis())
                .bind(record.account_id)
                .bind(actor.kind)
                .bind(actor.id)
                .bind(actor.name)
                .bind(actor.address)
                .bind(actor.agent)
                .bind(actor.request_id)
                .bind(record.operation)
                .bind(record.object_kind)
                .bind(record.object_id)
                .bind(text(record.before))
                .bind(text(record.after))
                .execute(self)
                .await
                .map_err(failed)?;
                Ok(())
            }
        }
    };
}

audit_connection!(PgConnection);
audit_connection!(SqliteConnection);
