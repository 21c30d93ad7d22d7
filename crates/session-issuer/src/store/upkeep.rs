//! What is due, at most a hundred of each at a time, and what is done about keys whose time is over.

use super::Store;
use super::stored_key::object;
use change_feed::{Appended, Change, FeedConnection as _};
use database::failed;
use database::sqlx;
use model::{AccountId, Error};
use session_token::KeyId;

impl Store {
    /// Previous and revoked keys whose time is over.
    pub async fn list_retiring(&self) -> Result<Vec<KeyId>, Error> {
        let kids: Vec<String> = database::with!(&self.database, |pool| {
            sqlx::query_scalar(
                "SELECT kid FROM signing_keys WHERE retire_at_ms IS NOT NULL AND retire_at_ms <= $1
                 ORDER BY retire_at_ms LIMIT 100",
            )
            .bind(self.clock.now().as_millis())
            .fetch_all(pool)
            .await
            .map_err(failed)?
        });
        kids.iter().map(|kid| kid.parse()).collect()
    }

    /// Forgets a previous or revoked key whose time is over; nothing is appended if another issuer did it.
    pub async fn retire(&self, kid: KeyId) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            let deleted = sqlx::query(
                "DELETE FROM signing_keys WHERE kid = $1 AND key_use = 'previous' AND retire_at_ms <= $2",
            )
            .bind(kid.to_string())
            .bind(now.as_millis());
            if deleted.execute(&mut *tx).await.map_err(failed)?.rows_affected() == 1 {
                let change = Change { object: object(kid), state: None, keep_until: None };
                tx.record(&mut appended, change, now).await?;
            }
        });
        Ok(appended)
    }

    /// Accounts with a ring that has no next key.
    pub async fn list_without_next(&self) -> Result<Vec<AccountId>, Error> {
        self.accounts(
            "SELECT DISTINCT account_id FROM signing_keys GROUP BY account_id, algorithm
             HAVING SUM(CASE WHEN key_use = 'next' THEN 1 ELSE 0 END) = 0 ORDER BY account_id LIMIT 100",
        )
        .await
    }

    /// Accounts with a key that was published and not confirmed.
    pub async fn list_unconfirmed(&self) -> Result<Vec<AccountId>, Error> {
        self.accounts(
            "SELECT DISTINCT account_id FROM signing_keys WHERE confirmed_at_ms IS NULL
             ORDER BY account_id LIMIT 100",
        )
        .await
    }

    async fn accounts(&self, statement: &'static str) -> Result<Vec<AccountId>, Error> {
        let accounts: Vec<String> = database::with!(&self.database, |pool| {
            sqlx::query_scalar(statement).fetch_all(pool).await.map_err(failed)?
        });
        accounts.iter().map(|account| account.parse()).collect()
    }

    /// Accounts whose key has signed for as long as it should.
    pub async fn due_for_rotation(&self) -> Result<Vec<AccountId>, Error> {
        let accounts: Vec<String> = database::with!(&self.database, |pool| {
            sqlx::query_scalar(
                "SELECT account_id FROM key_settings
                 WHERE last_key_rotation_at_ms + key_rotation_interval_days * 86400000 <= $1
                 ORDER BY last_key_rotation_at_ms LIMIT 100",
            )
            .bind(self.clock.now().as_millis())
            .fetch_all(pool)
            .await
            .map_err(failed)?
        });
        accounts.iter().map(|account| account.parse()).collect()
    }
}
