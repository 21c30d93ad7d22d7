//! When secrets were used.

use super::Store;
use database::{failed, sqlx};
use model::{Error, Timestamp};

/// Uses of one version of one token's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub token_id: String,
    pub version: i64,
    pub last: Timestamp,
    pub count: i64,
}

impl Store {
    /// Adds to what is known of the use of secrets. Touches no credential; a token that is gone is left out.
    ///
    /// Sorted by token and version, so that two that write the same rows at once do not lock each other out.
    pub async fn record_uses(&self, uses: &[Use]) -> Result<(), Error> {
        database::transaction!(&self.database, |tx| {
            for Use { token_id, version, last, count } in uses {
                sqlx::query(
                    "INSERT INTO token_usage (token_id, secret_version, last_seen_at_ms, uses)
                     SELECT id, $2, $3, $4 FROM tokens WHERE id = $1
                     ON CONFLICT (token_id, secret_version) DO UPDATE
                     SET last_seen_at_ms = CASE WHEN excluded.last_seen_at_ms > token_usage.last_seen_at_ms
                                           THEN excluded.last_seen_at_ms ELSE token_usage.last_seen_at_ms END,
                         uses = token_usage.uses + excluded.uses",
                )
                .bind(token_id)
                .bind(version)
                .bind(last.as_millis())
                .bind(count)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
        });
        Ok(())
    }
}
