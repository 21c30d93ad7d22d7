//! Signing keys: at most one `current` and one `next` an account, and the `previous` ones whose grace runs.

use super::Store;
use super::stored_key::{KeyRow, NewKey, StoredKey, object};
use change_feed::{Appended, Change, FeedConnection};
use database::failed;
use database::sqlx;
use model::{AccountId, Error, ErrorKind, Timestamp};
use session_token::KeyId;

macro_rules! key_columns {
    () => {
        "kid, account_id, jwk, certificate_pem, key_use, created_at_ms, confirmed_at_ms"
    };
}

const SELECT: &str = concat!("SELECT ", key_columns!(), " FROM signing_keys WHERE kid = $1");

const INSERT: &str = "INSERT INTO signing_keys
    (kid, account_id, jwk, certificate_pem, private_key_encrypted, key_use, created_at_ms, activated_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $6 = 'current' THEN $7 END)";

/// Inserts a key and records it, in a transaction of either database.
macro_rules! insert {
    ($tx:ident, $appended:ident, $account:expr, $key:expr, $key_use:literal, $now:expr) => {
        sqlx::query(INSERT)
            .bind($key.kid.to_string())
            .bind($account.to_string())
            .bind(&$key.jwk_json)
            .bind(&$key.certificate_pem)
            .bind(&$key.sealed)
            .bind($key_use)
            .bind($now.as_millis())
            .execute(&mut *$tx)
            .await
            .map_err(failed)?;
        record!($tx, $appended, $key.kid, $now);
    };
}

/// Records a key as it is now.
macro_rules! record {
    ($tx:ident, $appended:ident, $kid:expr, $now:expr) => {
        let row: KeyRow =
            sqlx::query_as(SELECT).bind($kid.to_string()).fetch_one(&mut *$tx).await.map_err(failed)?;
        $tx.record(&mut $appended, StoredKey::try_from(row)?.into(), $now).await?;
    };
}

/// Another issuer was faster.
fn lost_race() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "KEY_ROTATION_CONFLICT",
        "the key is being rotated; read it again and retry",
    )
}

impl Store {
    /// An account's keys, the signing key first; empty if it has none yet.
    pub async fn list_keys(&self, account: AccountId) -> Result<Vec<StoredKey>, Error> {
        let rows: Vec<KeyRow> = database::with!(&self.database, |pool| {
            sqlx::query_as(concat!(
                "SELECT ",
                key_columns!(),
                " FROM signing_keys WHERE account_id = $1 ORDER BY created_at_ms DESC, kid"
            ))
            .bind(account.to_string())
            .fetch_all(pool)
            .await
            .map_err(failed)?
        });
        let mut keys = rows.into_iter().map(StoredKey::try_from).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| key.usage);
        Ok(keys)
    }

    /// A private key, sealed.
    pub async fn find_sealed(&self, kid: KeyId) -> Result<Option<Vec<u8>>, Error> {
        database::with!(&self.database, |pool| {
            sqlx::query_scalar("SELECT private_key_encrypted FROM signing_keys WHERE kid = $1")
                .bind(kid.to_string())
                .fetch_optional(pool)
                .await
                .map_err(failed)
        })
    }

    /// An account's first two keys.
    ///
    /// # Errors
    /// `AlreadyExists` when another issuer was faster.
    pub async fn create_keys(
        &self,
        account: AccountId,
        team_domain: &str,
        current: &NewKey,
        next: &NewKey,
    ) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            sqlx::query(
                "INSERT INTO key_settings
                 (account_id, key_rotation_interval_days, last_key_rotation_at_ms, team_domain)
                 VALUES ($1, $2, $3, $4)",
            )
            .bind(account.to_string())
            .bind(DEFAULT_INTERVAL_DAYS)
            .bind(now.as_millis())
            .bind(team_domain)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
            insert!(tx, appended, account, current, "current", now);
            insert!(tx, appended, account, next, "next", now);
        });
        Ok(appended)
    }

    /// The key that follows the current one.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one.
    pub async fn add_next(&self, account: AccountId, next: &NewKey) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            insert!(tx, appended, account, next, "next", now);
        });
        Ok(appended)
    }

    /// Records keys once more as they are, to be confirmed again.
    pub async fn record_again(&self, kids: &[KeyId]) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            for kid in kids {
                record!(tx, appended, kid, now);
            }
        });
        Ok(appended)
    }

    /// Every enforcement point knows these keys.
    pub async fn mark_confirmed(&self, kids: &[KeyId]) -> Result<(), Error> {
        let now = self.clock.now().as_millis();
        database::transaction!(&self.database, |tx| {
            for kid in kids {
                sqlx::query(
                    "UPDATE signing_keys SET confirmed_at_ms = $2 WHERE kid = $1 AND confirmed_at_ms IS NULL",
                )
                .bind(kid.to_string())
                .bind(now)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
        });
        Ok(())
    }

    /// `next` signs from now on, and what signed before stays in the key set until `retire_at`.
    ///
    /// # Errors
    /// `Conflict` unless `next` is the account's confirmed next key and the last rotation is the one that was `seen`.
    pub async fn rotate(
        &self,
        account: AccountId,
        next: KeyId,
        seen: Timestamp,
        retire_at: Timestamp,
    ) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            // Two rotations in one millisecond are two.
            let rotated_at = now.as_millis().max(seen.as_millis() + 1);
            let settings = sqlx::query(
                "UPDATE key_settings SET last_key_rotation_at_ms = $3
                 WHERE account_id = $1 AND last_key_rotation_at_ms = $2",
            )
            .bind(account.to_string())
            .bind(seen.as_millis())
            .bind(rotated_at);
            if settings.execute(&mut *tx).await.map_err(failed)?.rows_affected() != 1 {
                return Err(lost_race());
            }
            // Before the next one takes its place: only one is current.
            let before: Vec<String> = sqlx::query_scalar(
                "UPDATE signing_keys SET key_use = 'previous', retire_at_ms = $2
                 WHERE account_id = $1 AND key_use = 'current' RETURNING kid",
            )
            .bind(account.to_string())
            .bind(retire_at.as_millis())
            .fetch_all(&mut *tx)
            .await
            .map_err(failed)?;
            let activated = sqlx::query(
                "UPDATE signing_keys SET key_use = 'current', activated_at_ms = $3
                 WHERE kid = $1 AND account_id = $2 AND key_use = 'next' AND confirmed_at_ms IS NOT NULL",
            )
            .bind(next.to_string())
            .bind(account.to_string())
            .bind(now.as_millis());
            if activated.execute(&mut *tx).await.map_err(failed)?.rows_affected() != 1 {
                return Err(lost_race());
            }
            // The new signing key first: nobody sees the account without one.
            record!(tx, appended, next, now);
            for kid in before {
                record!(tx, appended, kid, now);
            }
        });
        Ok(appended)
    }

    /// Previous keys whose grace is over.
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

    /// Forgets a previous key whose grace is over; nothing is appended if another issuer did it.
    pub async fn retire(&self, kid: KeyId) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
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

    /// Accounts whose key set has the current key alone.
    pub async fn list_without_next(&self) -> Result<Vec<AccountId>, Error> {
        self.accounts(
            "SELECT account_id FROM signing_keys GROUP BY account_id HAVING COUNT(*) = 1
             ORDER BY account_id LIMIT 100",
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
}

/// Six weeks.
const DEFAULT_INTERVAL_DAYS: i64 = 42;
