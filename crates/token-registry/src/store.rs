//! The SQL. Every change of a token is one transaction with its feed entry.

use crate::pepper::DIGEST;
use crate::token::Token;
use audit::AuditConnection as _;
use audited::of_token;
use change_feed::Feed;
use database::sqlx::{self, FromRow as _, Row as _};
use database::{Database, failed};
use model::{Clock, Error, ErrorKind};
use std::sync::Arc;

macro_rules! credential_columns {
    () => {
        "id, account_id, name, client_id, duration, enabled, created_at_ms, updated_at_ms, expires_at_ms, \
         secret_version, secret_digest, pepper_id, previous_digest, previous_pepper_id, previous_version, \
         previous_expires_at_ms, revoked_as_of, changed_at_position, restored_version"
    };
}

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT ",
            credential_columns!(),
            ", (SELECT MAX(last_seen_at_ms) FROM token_usage WHERE token_id = tokens.id) AS last_seen_at_ms FROM tokens ",
            $rest
        )
    };
}

/// A page of an account's tokens as far as $2, the time of the newest: the ids from the index alone, so that what is
/// skipped is not read; `DESC`: counted from the newest.
macro_rules! page_statement {
    ($direction:literal) => {
        select!(concat!(
            "WHERE id IN (SELECT id FROM tokens WHERE account_id = $1 AND created_at_ms <= $2 ORDER BY created_at_ms ",
            $direction,
            ", id ",
            $direction,
            " LIMIT $3 OFFSET $4) ORDER BY created_at_ms, id"
        ))
    };
}

/// $1: a Client ID. $2 and $3: a digest and its pepper for one that does not exist.
macro_rules! look_up_statement {
    () => {
        "SELECT COALESCE(id, '00000000-0000-0000-0000-000000000000') AS id,
            COALESCE(account_id, '00000000000000000000000000000000') AS account_id,
            COALESCE(name, 'no such token') AS name, COALESCE(client_id, $1) AS client_id,
            COALESCE(duration, '8760h') AS duration, COALESCE(enabled, FALSE) AS enabled,
            COALESCE(created_at_ms, 0) AS created_at_ms, COALESCE(updated_at_ms, 0) AS updated_at_ms,
            COALESCE(expires_at_ms, 0) AS expires_at_ms, COALESCE(secret_version, 1) AS secret_version,
            COALESCE(secret_digest, $2) AS secret_digest, COALESCE(pepper_id, $3) AS pepper_id, previous_digest,
            previous_pepper_id, previous_version, previous_expires_at_ms, COALESCE(revoked_as_of, 0) AS revoked_as_of,
            COALESCE(changed_at_position, 0) AS changed_at_position, restored_version, CAST(NULL AS BIGINT) AS last_seen_at_ms, as_of,
            CAST(CASE WHEN id IS NULL THEN 0 ELSE 1 END AS BIGINT) AS is_there
         FROM (SELECT position AS as_of FROM feed_head) AS head LEFT JOIN tokens ON client_id = $1"
    };
}

macro_rules! expiring_statement {
    () => {
        select!(
            "WHERE enabled AND expires_at_ms < $1 AND expires_at_ms >= $2 AND (expires_at_ms > $2 OR id > $3)
             ORDER BY expires_at_ms, id LIMIT $4"
        )
    };
}

pub mod api_tokens;
mod audited;
mod changes;
#[cfg(test)]
pub mod conformance;
mod ended;
mod inactive;
mod listing;
mod references;
mod secrets;
mod uses;

pub use changes::{End, Only};
pub use inactive::{MARGIN, Rule, Turn};
pub use listing::Listing;
pub use references::checked_token_ids;
pub use secrets::Used;
pub use uses::Use;

#[cfg(test)]
thread_local! {
    /// Look-ups by Client ID on this thread.
    pub static LOOK_UPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The tokens' tables.
pub struct Store {
    database: Database,
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
}

/// What a Client ID stands for.
pub struct Found {
    /// Of no meaning unless it exists.
    pub token: Token,
    pub as_of: u64,
    pub exists: bool,
}

fn no_such_token() -> Error {
    Error::not_found("service token")
}

impl Store {
    pub fn new(database: Database, feed: Arc<Feed>, clock: Arc<dyn Clock>) -> Self {
        Self { database, feed, clock }
    }

    pub async fn insert(&self, token: &Token) -> Result<(), Error> {
        let now = self.clock.now();
        database::transaction!(&self.database, |tx| {
            let outcome = sqlx::query(concat!(
                "INSERT INTO tokens (",
                credential_columns!(),
                ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19
                 WHERE NOT EXISTS (SELECT 1 FROM deleted_tokens WHERE id = $1)
                   AND NOT EXISTS (SELECT 1 FROM deleted_tokens WHERE client_id = $4)"
            ))
            .bind(&token.id)
            .bind(&token.account_id)
            .bind(&token.name)
            .bind(&token.client_id)
            .bind(&token.duration)
            .bind(token.enabled)
            .bind(token.created_at_ms)
            .bind(token.updated_at_ms)
            .bind(token.expires_at_ms)
            .bind(token.secret_version)
            .bind(&token.secret_digest)
            .bind(&token.pepper_id)
            .bind(&token.previous_digest)
            .bind(&token.previous_pepper_id)
            .bind(token.previous_version)
            .bind(token.previous_expires_at_ms)
            .bind(token.revoked_as_of)
            .bind(token.changed_at_position)
            .bind(token.restored_version)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
            if outcome.rows_affected() == 0 {
                let message = "a service token with this id existed before; ids are never used again";
                return Err(Error::new(ErrorKind::AlreadyExists, "ALREADY_EXISTS", message));
            }
            tx.audit(of_token("create", None, Some(token)), now).await?;
        });
        Ok(())
    }

    /// The token of a Client ID, and the feed's position in the same read. A Client ID that does not exist brings one row
    /// as well, of the same size, so that the time of an answer does not tell.
    pub async fn look_up(&self, client_id: &str, pepper_id: &str) -> Result<Found, Error> {
        #[cfg(test)]
        LOOK_UPS.set(LOOK_UPS.get() + 1);
        database::with!(&self.database, |pool| {
            let row = sqlx::query(look_up_statement!())
                .bind(client_id)
                .bind([0_u8; DIGEST].as_slice())
                .bind(pepper_id)
                .fetch_one(pool)
                .await
                .map_err(failed)?;
            let as_of = row.try_get::<i64, _>("as_of").map_err(failed)?.unsigned_abs();
            let exists = row.try_get::<i64, _>("is_there").map_err(failed)? == 1;
            Ok(Found { token: Token::from_row(&row).map_err(failed)?, as_of, exists })
        })
    }

    #[cfg(test)]
    pub async fn find_by_client_id(&self, client_id: &str) -> Result<Option<(Token, u64)>, Error> {
        let Found { token, as_of, exists } = self.look_up(client_id, "").await?;
        Ok(exists.then_some((token, as_of)))
    }

    /// `account_id` empty: whichever account.
    pub async fn get(&self, account_id: &str, id: &str) -> Result<Token, Error> {
        let token: Option<Token> = database::with!(&self.database, |pool| {
            sqlx::query_as(select!("WHERE id = $1 AND (account_id = $2 OR $2 = '')"))
                .bind(id)
                .bind(account_id)
                .fetch_optional(pool)
                .await
                .map_err(failed)?
        });
        token.ok_or_else(no_such_token)
    }

    /// Live tokens that expire before a time, soonest first, after the one that the page before ended with.
    pub async fn list_expiring(
        &self,
        before: i64,
        after: (i64, &str),
        limit: i64,
    ) -> Result<Vec<Token>, Error> {
        database::with!(&self.database, |pool| {
            sqlx::query_as(expiring_statement!())
                .bind(before)
                .bind(after.0)
                .bind(after.1)
                .bind(limit)
                .fetch_all(pool)
                .await
                .map_err(failed)
        })
    }
}
