//! What is known of the use of one token's secrets.

use super::{Store, no_such_token};
use crate::token::Token;
use database::{failed, sqlx};
use model::Error;

database::row! {
    /// The use of one version.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Used {
        secret_version: i64,
        last_seen_at_ms: i64,
        uses: i64,
        gateway: String,
        source: i64,
    }
}

/// Versions of which one answer tells.
const MOST: i64 = 60;

impl Store {
    /// The token, and its secrets' uses, the newest version first.
    pub async fn secrets(&self, account_id: &str, id: &str) -> Result<(Token, Vec<Used>), Error> {
        database::with!(&self.database, |pool| {
            let token: Option<Token> = sqlx::query_as(select!("WHERE id = $1 AND account_id = $2"))
                .bind(id)
                .bind(account_id)
                .fetch_optional(pool)
                .await
                .map_err(failed)?;
            let token = token.ok_or_else(no_such_token)?;
            let uses = sqlx::query_as(
                "SELECT secret_version, last_seen_at_ms, uses, gateway, source FROM token_usage
                 WHERE token_id = $1 ORDER BY secret_version DESC LIMIT $2",
            )
            .bind(id)
            .bind(MOST)
            .fetch_all(pool)
            .await
            .map_err(failed)?;
            Ok((token, uses))
        })
    }
}
