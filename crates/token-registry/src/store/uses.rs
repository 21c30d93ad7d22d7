//! When and where secrets were used.

use super::Store;
use database::{failed, sqlx};
use model::{AddressClass, Error, Timestamp};

/// Uses of one version of one token's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub token_id: String,
    pub version: i64,
    pub last: Timestamp,
    pub count: i64,
    /// Where the last one was: the gateway's name; empty: unknown.
    pub gateway: String,
    /// From where it came.
    pub source: AddressClass,
}

impl Store {
    /// Adds to what is known of the use of secrets. Touches no credential; a token that is gone is left out.
    ///
    /// Sorted by token and version, so that two that write the same rows at once do not lock each other out.
    pub async fn record_uses(&self, uses: &[Use]) -> Result<(), Error> {
        database::transaction!(&self.database, |tx| {
            for Use { token_id, version, last, count, gateway, source } in uses {
                sqlx::query(
                    "INSERT INTO token_usage (token_id, secret_version, last_seen_at_ms, uses, gateway, source)
                     SELECT id, $2, $3, $4, $5, $6 FROM tokens WHERE id = $1
                     ON CONFLICT (token_id, secret_version) DO UPDATE
                     SET gateway = CASE WHEN excluded.last_seen_at_ms > token_usage.last_seen_at_ms
                                   THEN excluded.gateway ELSE token_usage.gateway END,
                         source = CASE WHEN excluded.last_seen_at_ms > token_usage.last_seen_at_ms
                                  THEN excluded.source ELSE token_usage.source END,
                         last_seen_at_ms = CASE WHEN excluded.last_seen_at_ms > token_usage.last_seen_at_ms
                                           THEN excluded.last_seen_at_ms ELSE token_usage.last_seen_at_ms END,
                         uses = token_usage.uses + excluded.uses",
                )
                .bind(token_id)
                .bind(version)
                .bind(last.as_millis())
                .bind(count)
                .bind(gateway)
                .bind(i64::from(source.number()))
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
        });
        Ok(())
    }
}
