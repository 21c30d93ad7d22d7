//! Signing keys: rings of one algorithm each. In a ring are at most one `current` and one `next` key of an account, and the
//! `previous` ones whose grace runs. All rings of an account rotate together.
//!
//! A change takes the feed's head first. So changes come one after the other, and what is recorded of a key is never
//! older than what was recorded of it before.

use super::Store;
use super::audited::{KeyChange, of_key};
use super::stored_key::{KeyRow, NewKey, StoredKey};
use audit::AuditConnection as _;
use change_feed::{Appended, FeedConnection};
use database::failed;
use database::sqlx;
use model::{AccountId, Error, ErrorKind, Timestamp};
use session_token::KeyId;
use std::time::Duration;

/// What a rotation does to one ring.
#[derive(Clone, Copy)]
pub struct Turned<'a> {
    /// Signs from then on.
    pub next: KeyId,
    /// Of the ring's algorithm.
    pub following: &'a NewKey,
}

macro_rules! key_columns {
    () => {
        "kid, account_id, algorithm, jwk, certificate_pem, key_use, created_at_ms, confirmed_at_ms, revoked_at_ms"
    };
}

pub(super) const SELECT: &str = concat!("SELECT ", key_columns!(), " FROM signing_keys WHERE kid = $1");

pub(super) const INSERT: &str = "INSERT INTO signing_keys
    (kid, account_id, jwk, certificate_pem, private_key_encrypted, key_use, created_at_ms, activated_at_ms, algorithm)
    VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $6 = 'current' THEN $7 END, $8)";

/// Inserts a key and records it, in a transaction of either database.
macro_rules! insert {
    ($tx:ident, $appended:ident, $account:expr, $key:expr, $key_use:expr, $now:expr) => {
        sqlx::query(INSERT)
            .bind($key.kid.to_string())
            .bind($account.to_string())
            .bind(&$key.jwk_json)
            .bind(&$key.certificate_pem)
            .bind(&$key.sealed)
            .bind($key_use)
            .bind($now.as_millis())
            .bind($key.algorithm.name())
            .execute(&mut *$tx)
            .await
            .map_err(failed)?;
        record!($tx, $appended, $key.kid, $now);
    };
}

/// Records a key as it is now.
macro_rules! record {
    ($tx:ident, $appended:ident, $kid:expr, $now:expr) => {
        let row: Option<KeyRow> =
            sqlx::query_as(SELECT).bind($kid.to_string()).fetch_optional(&mut *$tx).await.map_err(failed)?;
        if let Some(row) = row {
            $tx.record(&mut $appended, StoredKey::try_from(row)?.into(), $now).await?;
        }
    };
}

pub(super) use {insert, key_columns, record};

/// Another issuer was faster.
pub(super) fn lost_race() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "KEY_ROTATION_CONFLICT",
        "the key is being rotated; read it again and retry",
    )
}

impl Store {
    /// The keys of an account's key set, RS256's ring first and in a ring the signing key; empty if it has none yet.
    pub async fn list_keys(&self, account: AccountId) -> Result<Vec<StoredKey>, Error> {
        let rows: Vec<KeyRow> = database::with!(&self.database, |pool| {
            sqlx::query_as(concat!(
                "SELECT ",
                key_columns!(),
                " FROM signing_keys WHERE account_id = $1 AND revoked_at_ms IS NULL
                 ORDER BY created_at_ms DESC, kid"
            ))
            .bind(account.to_string())
            .fetch_all(pool)
            .await
            .map_err(failed)?
        });
        let mut keys = rows.into_iter().map(StoredKey::try_from).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| (key.algorithm, key.usage));
        Ok(keys)
    }

    /// A private key, sealed. None: it is retired or revoked.
    pub async fn find_sealed(&self, kid: KeyId) -> Result<Option<Vec<u8>>, Error> {
        database::with!(&self.database, |pool| {
            sqlx::query_scalar(
                "SELECT private_key_encrypted FROM signing_keys WHERE kid = $1 AND revoked_at_ms IS NULL",
            )
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
            tx.next_position().await?;
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
            let change = KeyChange { signing: current.kid, next: Some(next.kid), before: None };
            tx.audit(of_key("create", &account.to_string(), &current.kid.to_string(), &change), now).await?;
        });
        Ok(appended)
    }

    /// An account's first two keys of one more algorithm.
    ///
    /// # Errors
    /// `AlreadyExists` when another issuer was faster.
    pub async fn add_ring(
        &self,
        account: AccountId,
        current: &NewKey,
        next: &NewKey,
    ) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            insert!(tx, appended, account, current, "current", now);
            insert!(tx, appended, account, next, "next", now);
            let change = KeyChange { signing: current.kid, next: Some(next.kid), before: None };
            tx.audit(of_key("create", &account.to_string(), &current.kid.to_string(), &change), now).await?;
        });
        Ok(appended)
    }

    /// The key that follows the current one of its ring.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one.
    pub async fn add_next(&self, account: AccountId, next: &NewKey) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            insert!(tx, appended, account, next, "next", now);
        });
        Ok(appended)
    }

    /// Records keys once more as they are, to be confirmed again. Those that are gone are left out.
    pub async fn record_again(&self, kids: &[KeyId]) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
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

    /// In each of these rings `next` signs from now on, `following` is the next one, and what signed before stays in the
    /// key set for its grace, or for as long as it has promised.
    ///
    /// # Errors
    /// `Conflict` unless each `next` is its ring's confirmed next key and the last rotation is the one that was `seen`.
    pub async fn rotate(
        &self,
        account: AccountId,
        rings: &[Turned<'_>],
        seen: Timestamp,
    ) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
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
            for &Turned { next, following } in rings {
                // Before the next one takes its place: only one is current.
                let before: Vec<String> = sqlx::query_scalar(
                    "UPDATE signing_keys SET key_use = 'previous',
                     retire_at_ms = $2 + CASE WHEN longest_session_ms > $3 THEN longest_session_ms ELSE $3 END
                     WHERE account_id = $1 AND key_use = 'current' AND algorithm = $4 RETURNING kid",
                )
                .bind(account.to_string())
                .bind(now.as_millis())
                .bind(millis(GRACE))
                .bind(following.algorithm.name())
                .fetch_all(&mut *tx)
                .await
                .map_err(failed)?;
                let activated = sqlx::query(
                    "UPDATE signing_keys SET key_use = 'current', activated_at_ms = $3
                     WHERE kid = $1 AND account_id = $2 AND key_use = 'next' AND confirmed_at_ms IS NOT NULL
                     AND algorithm = $4",
                )
                .bind(next.to_string())
                .bind(account.to_string())
                .bind(now.as_millis())
                .bind(following.algorithm.name());
                if activated.execute(&mut *tx).await.map_err(failed)?.rows_affected() != 1 {
                    return Err(lost_race());
                }
                // The new signing key first: nobody sees the account without one.
                record!(tx, appended, next, now);
                insert!(tx, appended, account, following, "next", now);
                let signed = before.first().map(|kid| kid.parse()).transpose()?;
                for kid in before {
                    record!(tx, appended, kid, now);
                }
                let before = signed.map(|kid| (kid, "current"));
                let change = KeyChange { signing: next, next: Some(following.kid), before };
                tx.audit(of_key("rotate", &account.to_string(), &next.to_string(), &change), now).await?;
            }
        });
        Ok(appended)
    }

    /// Keeps a key in the key set for `longest` after it signs last: some sessions under it live that long.
    pub async fn keep_for(&self, kid: KeyId, longest: Duration) -> Result<(), Error> {
        let retire_at = self.clock.now().after(longest);
        // Of a key that was rotated away meanwhile the end moves.
        database::with!(&self.database, |pool| {
            sqlx::query(
                "UPDATE signing_keys SET longest_session_ms = $2,
                 retire_at_ms = CASE WHEN retire_at_ms < $3 THEN $3 ELSE retire_at_ms END
                 WHERE kid = $1 AND longest_session_ms < $2 AND revoked_at_ms IS NULL",
            )
            .bind(kid.to_string())
            .bind(millis(longest))
            .bind(retire_at.as_millis())
            .execute(pool)
            .await
            .map(drop)
            .map_err(failed)
        })
    }
}

/// How long a key stays in the key set after it signed last, unless a longer session lives under it.
pub const GRACE: Duration = Duration::from_hours(7 * 24);

/// Six weeks.
const DEFAULT_INTERVAL_DAYS: i64 = 42;

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
