//! What changes a token: each one transaction with its feed entry.

use super::audited::of_token;
use super::{Rule, Store, no_such_token, references};
use crate::token::Token;
use audit::AuditConnection as _;
use change_feed::{Appended, Change, FeedConnection as _};
use database::{failed, sqlx};
use model::{Error, ErrorKind, Timestamp};
use prost::Message as _;
use proto::token_registry as wire;

/// Which tokens a change is for.
#[derive(Debug, Clone, Copy)]
pub enum Only<'a> {
    Any,
    Unused(End<'a>),
}

/// An end by a rule. For tokens that were neither used nor changed since a time and that no policy or group names; it is
/// remembered.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    pub rule: &'a Rule<'a>,
    pub since: Timestamp,
    pub at: Timestamp,
}

/// Between the look and the change it was used, changed or named.
fn in_use() -> Error {
    Error::new(ErrorKind::Conflict, "TOKEN_USED", "the token is in use")
}

macro_rules! check {
    ($only:expr, $token:expr, $tx:ident) => {
        if let Only::Unused(End { since, .. }) = $only {
            let named = sqlx::query("SELECT 1 FROM token_references WHERE token_id = $1 LIMIT 1")
                .bind(&$token.id)
                .fetch_optional(&mut *$tx)
                .await
                .map_err(failed)?;
            if named.is_some() || !$token.is_unused_since(since) {
                return Err(in_use());
            }
        }
    };
}

macro_rules! remember_end {
    ($only:expr, $token:expr, $tx:ident) => {
        if let Only::Unused(End { rule, at, .. }) = $only {
            sqlx::query(
                "INSERT INTO ended_tokens (token_id, ended_at_ms, account_id, name, client_id, expires_at_ms,
                     last_seen_at_ms, action, threshold_days)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
            )
            .bind(&$token.id)
            .bind(at.as_millis())
            .bind(&$token.account_id)
            .bind(&$token.name)
            .bind(&$token.client_id)
            .bind($token.expires_at_ms)
            .bind($token.last_seen_at_ms)
            .bind(rule.action())
            .bind(i64::from(rule.threshold_days))
            .execute(&mut *$tx)
            .await
            .map_err(failed)?;
        }
    };
}

impl Store {
    /// Changes one token, records it as `operation` and tells the feed. `change` also gets the position that the change
    /// will have.
    pub async fn modify<T>(
        &self,
        operation: &'static str,
        account_id: &str,
        id: &str,
        change: impl FnOnce(&mut Token, i64) -> Result<T, Error>,
    ) -> Result<(T, Token, Appended), Error> {
        self.modify_only(Only::Any, operation, account_id, id, change).await
    }

    /// The same for some tokens alone.
    ///
    /// # Errors
    /// Also `Conflict` for a token that is not one of them.
    pub async fn modify_only<T>(
        &self,
        only: Only<'_>,
        operation: &'static str,
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
            check!(only, token, tx);
            let (version, before) = (token.secret_version, token.clone());
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
                         previous_pepper_id = $6, previous_version = $7, restored_version = $8
                     WHERE id = $1",
                )
                .bind(id)
                .bind(token.secret_version)
                .bind(&token.secret_digest)
                .bind(&token.pepper_id)
                .bind(&token.previous_digest)
                .bind(&token.previous_pepper_id)
                .bind(token.previous_version)
                .bind(token.restored_version)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
            tx.record(&mut appended, self.change(id, &token.state()), now).await?;
            remember_end!(only, token, tx);
            tx.audit(of_token(operation, Some(&before), Some(&token)), now).await?;
            (value, token)
        });
        let (value, token) = changed;
        Ok((value, token, appended))
    }

    /// Deletes one token for good; refused while a policy or group names it.
    pub async fn delete(&self, account_id: &str, id: &str) -> Result<(Token, Appended), Error> {
        self.delete_only(Only::Any, account_id, id).await
    }

    /// The same for some tokens alone.
    ///
    /// # Errors
    /// Also `Conflict` for a token that is not one of them.
    pub async fn delete_only(
        &self,
        only: Only<'_>,
        account_id: &str,
        id: &str,
    ) -> Result<(Token, Appended), Error> {
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
            check!(only, token, tx);
            let referrers: Vec<references::Referrer> = sqlx::query_as(
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
            remember_end!(only, token, tx);
            tx.audit(of_token("delete", Some(&token), None), now).await?;
            token
        });
        Ok((token, appended))
    }

    fn change(&self, id: &str, state: &wire::TokenState) -> Change {
        Change {
            object: format!("token/{id}"),
            state: Some(state.encode_to_vec()),
            keep_until: Some(self.feed.keep_revocation_until()),
        }
    }
}
