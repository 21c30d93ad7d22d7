//! The SQL of API tokens. Each change takes the feed's lock, so that they follow one another and whoever acts is still
//! good when it is written.

use super::Store;
use super::audited::of_api_token;
use crate::api_token::{ApiToken, MOST, Scopes};
use audit::AuditConnection as _;
use change_feed::FeedConnection as _;
use database::{failed, sqlx};
use model::{Error, ErrorKind, Timestamp};

macro_rules! columns {
    () => {
        "id, account_id, name, scopes, enabled, issued_at_ms, modified_at_ms, expires_at_ms, digest, pepper_id"
    };
}

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT ",
            columns!(),
            ", (SELECT last_used_at_ms FROM api_token_usage WHERE token_id = api_tokens.id) AS last_used_at_ms
             FROM api_tokens ",
            $rest
        )
    };
}

/// The token `$id` of `$account_id`, or an early return.
macro_rules! one {
    ($tx:ident, $account_id:expr, $id:expr) => {
        sqlx::query_as::<_, ApiToken>(select!("WHERE id = $1 AND account_id = $2"))
            .bind($id)
            .bind($account_id)
            .fetch_optional(&mut *$tx)
            .await
            .map_err(failed)?
    };
}

/// Whoever acts is good now and has what it gives, or an early return.
macro_rules! check_acting {
    ($tx:ident, $acting:expr, $given:expr, $now:expr) => {
        if !$acting.id.is_empty() {
            let acting = one!($tx, $acting.account_id, $acting.id);
            if !acting.is_some_and(|it| it.may_give($given, $now)) {
                return Err(may_not());
            }
        }
    };
}

/// Who asks for a change: an API token of the account, or, with an empty id, one of the configuration.
#[derive(Clone, Copy)]
pub struct Acting<'a> {
    pub account_id: &'a str,
    pub id: &'a str,
}

fn no_such_token() -> Error {
    Error::not_found("API token")
}

fn may_not() -> Error {
    let message = "an API token cannot give more than it has itself";
    Error::new(ErrorKind::Denied, "API_TOKEN_SCOPE", message)
}

impl Store {
    pub async fn insert_api_token(&self, token: &ApiToken, acting: Acting<'_>) -> Result<(), Error> {
        let now = self.clock.now();
        let given = Scopes::stored(&token.scopes);
        database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            check_acting!(tx, acting, &given, now);
            let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM api_tokens WHERE account_id = $1")
                .bind(&token.account_id)
                .fetch_one(&mut *tx)
                .await
                .map_err(failed)?;
            if count >= MOST {
                let message = format!("the account has {MOST} API tokens, which is the most there may be");
                return Err(Error::new(ErrorKind::NotReady, "API_TOKEN_LIMIT", message));
            }
            sqlx::query(concat!(
                "INSERT INTO api_tokens (",
                columns!(),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
            ))
            .bind(&token.id)
            .bind(&token.account_id)
            .bind(&token.name)
            .bind(&token.scopes)
            .bind(token.enabled)
            .bind(token.issued_at_ms)
            .bind(token.modified_at_ms)
            .bind(token.expires_at_ms)
            .bind(&token.digest)
            .bind(&token.pepper_id)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
            tx.audit(of_api_token("create", None, Some(token)), now).await?;
        });
        Ok(())
    }

    /// By the digests that a value has under each known pepper: one read of an index.
    pub async fn find_api_token(&self, digests: &[Vec<u8>; 2]) -> Result<Option<ApiToken>, Error> {
        let [current, previous] = digests;
        database::with!(&self.database, |pool| {
            sqlx::query_as(select!("WHERE digest IN ($1, $2)"))
                .bind(current)
                .bind(previous)
                .fetch_optional(pool)
                .await
                .map_err(failed)
        })
    }

    pub async fn get_api_token(&self, account_id: &str, id: &str) -> Result<ApiToken, Error> {
        let found: Option<ApiToken> = database::with!(&self.database, |pool| {
            sqlx::query_as(select!("WHERE id = $1 AND account_id = $2"))
                .bind(id)
                .bind(account_id)
                .fetch_optional(pool)
                .await
                .map_err(failed)?
        });
        found.ok_or_else(no_such_token)
    }

    /// One page, oldest first, and how many there are in all.
    pub async fn list_api_tokens(
        &self,
        account_id: &str,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ApiToken>, u64), Error> {
        database::with!(&self.database, |pool| {
            let tokens =
                sqlx::query_as(select!("WHERE account_id = $1 ORDER BY issued_at_ms, id LIMIT $2 OFFSET $3"))
                    .bind(account_id)
                    .bind(limit)
                    .bind(offset)
                    .fetch_all(pool)
                    .await
                    .map_err(failed)?;
            let total = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM api_tokens WHERE account_id = $1")
                .bind(account_id)
                .fetch_one(pool)
                .await
                .map_err(failed)?;
            Ok((tokens, total.unsigned_abs()))
        })
    }

    pub async fn modify_api_token<T>(
        &self,
        operation: &'static str,
        acting: Acting<'_>,
        id: &str,
        change: impl FnOnce(&mut ApiToken, Timestamp) -> Result<T, Error>,
    ) -> Result<(T, ApiToken), Error> {
        let now = self.clock.now();
        let changed = database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            let mut token = one!(tx, acting.account_id, id).ok_or_else(no_such_token)?;
            let before = token.clone();
            let value = change(&mut token, now)?;
            check_acting!(tx, acting, &Scopes::stored(&token.scopes), now);
            sqlx::query(
                "UPDATE api_tokens SET name = $2, scopes = $3, enabled = $4, modified_at_ms = $5,
                     expires_at_ms = $6, digest = $7, pepper_id = $8
                 WHERE id = $1",
            )
            .bind(id)
            .bind(&token.name)
            .bind(&token.scopes)
            .bind(token.enabled)
            .bind(token.modified_at_ms)
            .bind(token.expires_at_ms)
            .bind(&token.digest)
            .bind(&token.pepper_id)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
            tx.audit(of_api_token(operation, Some(&before), Some(&token)), now).await?;
            (value, token)
        });
        Ok(changed)
    }

    pub async fn delete_api_token(&self, acting: Acting<'_>, id: &str) -> Result<ApiToken, Error> {
        let now = self.clock.now();
        let token = database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            check_acting!(tx, acting, &Scopes::none(), now);
            let token = one!(tx, acting.account_id, id).ok_or_else(no_such_token)?;
            for statement in
                ["DELETE FROM api_tokens WHERE id = $1", "DELETE FROM api_token_usage WHERE token_id = $1"]
            {
                sqlx::query(statement).bind(id).execute(&mut *tx).await.map_err(failed)?;
            }
            tx.audit(of_api_token("delete", Some(&token), None), now).await?;
            token
        });
        Ok(token)
    }

    /// Touches no credential; a token that is gone is left out. Sorted by id.
    pub async fn record_api_token_uses(&self, uses: &[(String, Timestamp)]) -> Result<(), Error> {
        database::transaction!(&self.database, |tx| {
            for (id, last) in uses {
                sqlx::query(
                    "INSERT INTO api_token_usage (token_id, last_used_at_ms)
                     SELECT id, $2 FROM api_tokens WHERE id = $1
                     ON CONFLICT (token_id) DO UPDATE
                     SET last_used_at_ms = CASE WHEN excluded.last_used_at_ms > api_token_usage.last_used_at_ms
                                           THEN excluded.last_used_at_ms ELSE api_token_usage.last_used_at_ms END",
                )
                .bind(id)
                .bind(last.as_millis())
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
        });
        Ok(())
    }
}
