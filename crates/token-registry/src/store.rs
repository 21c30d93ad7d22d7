//! The SQL. Every change of a token is one transaction with its feed entry.

#[cfg(test)]
mod conformance;
mod references;

use crate::token::Token;
use change_feed::{Appended, Change, Feed, FeedConnection as _};
use database::sqlx::{self, FromRow as _, Row as _};
use database::{Database, failed};
use model::{Clock, Error, Timestamp};
use prost::Message as _;
use proto::token_registry as wire;
use std::sync::Arc;

pub use references::Referrer;

macro_rules! credential_columns {
    () => {
        "id, account_id, name, client_id, duration, enabled, created_at_ms, updated_at_ms, expires_at_ms, \
         secret_version, secret_digest, pepper_id, previous_digest, previous_pepper_id, previous_version, \
         previous_expires_at_ms, revoked_as_of, changed_at_position"
    };
}

macro_rules! select {
    ($($rest:literal),+) => {
        concat!(
            "SELECT ", credential_columns!(),
            ", (SELECT MAX(last_seen_at_ms) FROM token_usage WHERE token_id = tokens.id) AS last_seen_at_ms FROM tokens ",
            $($rest),+
        )
    };
}

/// The tokens' tables.
pub struct Store {
    database: Database,
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
}

/// Which tokens a list shows.
pub struct Listing<'a> {
    pub account_id: &'a str,
    /// Exact; empty: any.
    pub name: &'a str,
    /// Part of name or Client ID; empty: any.
    pub search: &'a str,
    pub limit: i64,
    pub offset: i64,
}

fn no_such_token() -> Error {
    Error::not_found("service token")
}

impl Store {
    pub fn new(database: Database, feed: Arc<Feed>, clock: Arc<dyn Clock>) -> Self {
        Self { database, feed, clock }
    }

    pub async fn insert(&self, token: &Token) -> Result<(), Error> {
        database::with!(&self.database, |pool| {
            sqlx::query(concat!(
                "INSERT INTO tokens (",
                credential_columns!(),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
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
            .execute(pool)
            .await
            .map(drop)
            .map_err(failed)
        })
    }

    /// The token of a Client ID, and the feed's position in the same read.
    pub async fn find_by_client_id(&self, client_id: &str) -> Result<Option<(Token, u64)>, Error> {
        database::with!(&self.database, |pool| {
            let row = sqlx::query(concat!(
                "SELECT ",
                credential_columns!(),
                ", CAST(NULL AS BIGINT) AS last_seen_at_ms, (SELECT position FROM feed_head) AS as_of
                 FROM tokens WHERE client_id = $1"
            ))
            .bind(client_id)
            .fetch_optional(pool)
            .await
            .map_err(failed)?;
            let Some(row) = row else { return Ok(None) };
            let as_of = row.try_get::<i64, _>("as_of").map_err(failed)?.unsigned_abs();
            Ok(Some((Token::from_row(&row).map_err(failed)?, as_of)))
        })
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

    /// One page, oldest first, and how many there are in all.
    pub async fn list(&self, listing: &Listing<'_>) -> Result<(Vec<Token>, u64), Error> {
        let pattern = contains(listing.search);
        database::with!(&self.database, |pool| {
            let tokens = sqlx::query_as(select!(
                "WHERE account_id = $1 AND (name = $2 OR $2 = '')
                   AND ($3 = '' OR lower(name) LIKE $3 ESCAPE '\\' OR client_id LIKE $3 ESCAPE '\\')
                 ORDER BY created_at_ms, id LIMIT $4 OFFSET $5"
            ))
            .bind(listing.account_id)
            .bind(listing.name)
            .bind(&pattern)
            .bind(listing.limit)
            .bind(listing.offset)
            .fetch_all(pool)
            .await
            .map_err(failed)?;
            let total = sqlx::query_scalar::<_, i64>(
                "SELECT COUNT(*) FROM tokens WHERE account_id = $1 AND (name = $2 OR $2 = '')
                   AND ($3 = '' OR lower(name) LIKE $3 ESCAPE '\\' OR client_id LIKE $3 ESCAPE '\\')",
            )
            .bind(listing.account_id)
            .bind(listing.name)
            .bind(&pattern)
            .fetch_one(pool)
            .await
            .map_err(failed)?;
            Ok((tokens, total.unsigned_abs()))
        })
    }

    /// Live tokens that expire before a time, soonest first, after the one that the page before ended with.
    pub async fn list_expiring(
        &self,
        before: i64,
        after: (i64, &str),
        limit: i64,
    ) -> Result<Vec<Token>, Error> {
        database::with!(&self.database, |pool| {
            sqlx::query_as(select!(
                "WHERE enabled AND expires_at_ms < $1 AND expires_at_ms >= $2 AND (expires_at_ms > $2 OR id > $3)
                 ORDER BY expires_at_ms, id LIMIT $4"
            ))
            .bind(before)
            .bind(after.0)
            .bind(after.1)
            .bind(limit)
            .fetch_all(pool)
            .await
            .map_err(failed)
        })
    }

    /// Changes one token and tells the feed. `change` also gets the position that the change will have.
    pub async fn modify<T>(
        &self,
        account_id: &str,
        id: &str,
        change: impl FnOnce(&mut Token, i64) -> Result<T, Error>,
    ) -> Result<(T, Token, Appended), Error> {
        let now = self.clock.now();
        let mut appended = Appended::default();
        let changed = database::transaction!(&self.database, |tx| {
            // Also the lock: changes of one feed follow one another.
            let position = i64::try_from(tx.next_position().await?).unwrap_or(i64::MAX);
            let mut token: Token = sqlx::query_as(select!("WHERE id = $1 AND account_id = $2"))
                .bind(id)
                .bind(account_id)
                .fetch_optional(&mut *tx)
                .await
                .map_err(failed)?
                .ok_or_else(no_such_token)?;
            let version = token.secret_version;
            let value = change(&mut token, position)?;
            token.changed_at_position = position;
            sqlx::query(
                "UPDATE tokens SET name = $2, duration = $3, enabled = $4, updated_at_ms = $5, expires_at_ms = $6,
                     previous_expires_at_ms = $7, revoked_as_of = $8, changed_at_position = $9
                 WHERE id = $1",
            )
            .bind(id)
            .bind(&token.name)
            .bind(&token.duration)
            .bind(token.enabled)
            .bind(token.updated_at_ms)
            .bind(token.expires_at_ms)
            .bind(token.previous_expires_at_ms)
            .bind(token.revoked_as_of)
            .bind(token.changed_at_position)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
            if token.previous_digest.is_none() {
                sqlx::query(
                    "UPDATE tokens SET previous_digest = NULL, previous_pepper_id = NULL, previous_version = NULL
                     WHERE id = $1",
                )
                .bind(id)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
            // Only a rotation touches secrets.
            if token.secret_version != version {
                sqlx::query(
                    "UPDATE tokens SET secret_version = $2, secret_digest = $3, pepper_id = $4, previous_digest = $5,
                         previous_pepper_id = $6, previous_version = $7
                     WHERE id = $1",
                )
                .bind(id)
                .bind(token.secret_version)
                .bind(&token.secret_digest)
                .bind(&token.pepper_id)
                .bind(&token.previous_digest)
                .bind(&token.previous_pepper_id)
                .bind(token.previous_version)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
            tx.record(&mut appended, self.change(id, &token.state()), now).await?;
            (value, token)
        });
        let (value, token) = changed;
        Ok((value, token, appended))
    }

    /// Deletes one token for good; refused while a policy or group names it.
    pub async fn delete(&self, account_id: &str, id: &str) -> Result<(Token, Appended), Error> {
        let now = self.clock.now();
        let mut appended = Appended::default();
        let token = database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            let token: Token = sqlx::query_as(select!("WHERE id = $1 AND account_id = $2"))
                .bind(id)
                .bind(account_id)
                .fetch_optional(&mut *tx)
                .await
                .map_err(failed)?
                .ok_or_else(no_such_token)?;
            let referrers: Vec<Referrer> = sqlx::query_as(
                "SELECT referrer, referrer_name FROM token_references WHERE token_id = $1 ORDER BY referrer_name LIMIT 20",
            )
            .bind(id)
            .fetch_all(&mut *tx)
            .await
            .map_err(failed)?;
            references::refuse_if_named(&referrers)?;
            sqlx::query("INSERT INTO deleted_tokens (id, client_id, deleted_at_ms) VALUES ($1, $2, $3)")
                .bind(id)
                .bind(&token.client_id)
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            for statement in
                ["DELETE FROM tokens WHERE id = $1", "DELETE FROM token_usage WHERE token_id = $1"]
            {
                sqlx::query(statement).bind(id).execute(&mut *tx).await.map_err(failed)?;
            }
            tx.record(&mut appended, self.change(id, &token.state_when_deleted()), now).await?;
            token
        });
        Ok((token, appended))
    }

    /// Adds to what is known of the use of a secret.
    pub async fn record_use(
        &self,
        token_id: &str,
        version: i64,
        last: Timestamp,
        uses: i64,
    ) -> Result<(), Error> {
        database::with!(&self.database, |pool| {
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
            .bind(uses)
            .execute(pool)
            .await
            .map(drop)
            .map_err(failed)
        })
    }

    fn change(&self, id: &str, state: &wire::TokenState) -> Change {
        Change {
            object: format!("token/{id}"),
            state: Some(state.encode_to_vec()),
            keep_until: Some(self.feed.keep_revocation_until()),
        }
    }
}

/// A LIKE pattern for "has this part", lower-cased; empty for an empty part.
fn contains(part: &str) -> String {
    if part.is_empty() {
        return String::new();
    }
    let escaped = part.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
