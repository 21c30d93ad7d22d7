//! Lists of an account's tokens, oldest first, by pages.

use super::Store;
use crate::token::Token;
use database::{failed, sqlx};
use model::Error;

/// $3 and $4 are patterns for the same part, lower-cased and as it was given: SQLite lowers ASCII alone.
macro_rules! found {
    () => {
        "FROM tokens WHERE account_id = $1 AND (name = $2 OR $2 = '')
           AND ($3 = '' OR lower(name) LIKE $3 ESCAPE '\\' OR name LIKE $4 ESCAPE '\\' OR client_id LIKE $3 ESCAPE '\\')"
    };
}

macro_rules! found_statement {
    () => {
        select!(concat!(
            "WHERE id IN (SELECT id ",
            found!(),
            " ORDER BY created_at_ms, id LIMIT $5 OFFSET $6) ORDER BY created_at_ms, id"
        ))
    };
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

impl Store {
    /// One page, oldest first, and how many there are in all, as of one moment.
    pub async fn list(&self, listing: &Listing<'_>) -> Result<(Vec<Token>, u64), Error> {
        if listing.name.is_empty() && listing.search.is_empty() {
            self.page(listing).await
        } else {
            self.find(listing).await
        }
    }

    /// Read from the nearer end, so that the last page costs what the first does.
    async fn page(&self, listing: &Listing<'_>) -> Result<(Vec<Token>, u64), Error> {
        let Listing { account_id, limit, offset, .. } = *listing;
        Ok(database::snapshot!(&self.database, |tx| {
            let (total, newest): (i64, i64) = sqlx::query_as(
                "SELECT COUNT(*), COALESCE(MAX(created_at_ms), 0) FROM tokens WHERE account_id = $1",
            )
            .bind(account_id)
            .fetch_one(&mut *tx)
            .await
            .map_err(failed)?;
            let number = limit.min(total.saturating_sub(offset));
            let behind = total - offset - number;
            let (statement, skipped) = if behind < offset {
                (page_statement!("DESC"), behind)
            } else {
                (page_statement!("ASC"), offset)
            };
            let mut tokens = Vec::new();
            if number > 0 {
                let page = sqlx::query_as(statement).bind(account_id).bind(newest).bind(number).bind(skipped);
                tokens = page.fetch_all(&mut *tx).await.map_err(failed)?;
            }
            (tokens, total.unsigned_abs())
        }))
    }

    async fn find(&self, listing: &Listing<'_>) -> Result<(Vec<Token>, u64), Error> {
        let (lowered, as_given) = (contains(&listing.search.to_lowercase()), contains(listing.search));
        Ok(database::snapshot!(&self.database, |tx| {
            let tokens = sqlx::query_as(found_statement!())
                .bind(listing.account_id)
                .bind(listing.name)
                .bind(&lowered)
                .bind(&as_given)
                .bind(listing.limit)
                .bind(listing.offset)
                .fetch_all(&mut *tx)
                .await
                .map_err(failed)?;
            let total = sqlx::query_scalar::<_, i64>(concat!("SELECT COUNT(*) ", found!()))
                .bind(listing.account_id)
                .bind(listing.name)
                .bind(&lowered)
                .bind(&as_given)
                .fetch_one(&mut *tx)
                .await
                .map_err(failed)?;
            (tokens, total.unsigned_abs())
        }))
    }
}

/// A LIKE pattern for "has this part"; empty for an empty part.
fn contains(part: &str) -> String {
    if part.is_empty() {
        return String::new();
    }
    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
