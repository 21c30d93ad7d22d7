//! Tokens that were ended because nobody used them, and those that are about to be: what people are told of.

use super::Store;
use super::inactive::{BACK, DELETE, GAP, GRACE, MARGIN, millis};
use crate::token::Token;
use database::sqlx::FromRow as _;
use database::{failed, sqlx};
use model::{Error, Timestamp};
use proto::token_registry::{EndedToken, InactivityAction, Token as WireToken, UnusedToken};
use std::time::Duration;

/// How long ends are remembered.
const KEPT: Duration = Duration::from_hours(31 * 24);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

database::row! {
    struct EndRow {
        token_id: String,
        ended_at_ms: i64,
        account_id: String,
        name: String,
        client_id: String,
        expires_at_ms: i64,
        last_seen_at_ms: Option<i64>,
        action: String,
        threshold_days: i64,
    }
}

database::row! {
    struct Rule {
        threshold_days: i64,
        action: String,
        since_ms: i64,
    }
}

/// $1 and $2: when a rule that holds was said; $3: the time, less the margin; $4: after this id; $5: this one, unless empty.
macro_rules! unused_statement {
    () => {
        concat!(
            "SELECT ",
            credential_columns!(),
            ", threshold_days, action, since_ms,
                 (SELECT MAX(last_seen_at_ms) FROM token_usage WHERE token_id = tokens.id) AS last_seen_at_ms
             FROM tokens JOIN (SELECT account_id AS ruled, threshold_days, action, since_ms FROM inactivity_rules
                               WHERE stated_at_ms BETWEEN $1 AND $2) AS rules ON ruled = account_id
             WHERE (enabled OR action = 'delete')
               AND created_at_ms < $3 - threshold_days * 86400000 AND updated_at_ms < $3 - threshold_days * 86400000
               AND NOT EXISTS (SELECT 1 FROM token_usage WHERE token_id = tokens.id
                               AND last_seen_at_ms >= $3 - threshold_days * 86400000)
               AND NOT EXISTS (SELECT 1 FROM token_references WHERE token_id = tokens.id)
               AND id > $4 AND ($5 = '' OR id = $5)
             ORDER BY id LIMIT $6"
        )
    };
}

fn action(stored: &str) -> i32 {
    if stored == DELETE { InactivityAction::Delete.into() } else { InactivityAction::Disable.into() }
}

fn days(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or_default()
}

impl From<EndRow> for EndedToken {
    fn from(row: EndRow) -> Self {
        let EndRow {
            token_id,
            ended_at_ms,
            account_id,
            name,
            client_id,
            expires_at_ms,
            last_seen_at_ms,
            action: stored,
            threshold_days,
        } = row;
        let token = WireToken {
            id: token_id,
            account_id,
            name,
            client_id,
            expires_at_ms,
            last_seen_at_ms,
            ..WireToken::default()
        };
        let (action, threshold_days) = (action(&stored), days(threshold_days));
        Self { token: Some(token), ended_at_ms, action, threshold_days }
    }
}

impl Store {
    /// Ends since a time, the earliest first, after the one that the page before ended with.
    pub async fn list_ended(
        &self,
        after: (i64, &str),
        token_id: &str,
        limit: i64,
    ) -> Result<Vec<EndedToken>, Error> {
        let rows: Vec<EndRow> = database::with!(&self.database, |pool| {
            sqlx::query_as(
                "SELECT token_id, ended_at_ms, account_id, name, client_id, expires_at_ms, last_seen_at_ms, action,
                     threshold_days
                 FROM ended_tokens
                 WHERE ended_at_ms >= $1 AND (ended_at_ms > $1 OR token_id > $2) AND ($3 = '' OR token_id = $3)
                 ORDER BY ended_at_ms, token_id LIMIT $4",
            )
            .bind(after.0)
            .bind(after.1)
            .bind(token_id)
            .bind(limit)
            .fetch_all(pool)
            .await
            .map_err(failed)?
        });
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Tokens that would be ended before a time by rules that hold now, by id, after the one that the page before ended
    /// with.
    pub async fn list_unused(
        &self,
        now: Timestamp,
        before_ms: i64,
        (after, token_id): (&str, &str),
        limit: i64,
    ) -> Result<Vec<UnusedToken>, Error> {
        database::with!(&self.database, |pool| {
            let rows = sqlx::query(unused_statement!())
                .bind(now.as_millis().saturating_sub(millis(GAP)))
                .bind(now.as_millis().saturating_add(millis(BACK)))
                .bind(before_ms.saturating_sub(millis(MARGIN)))
                .bind(after)
                .bind(token_id)
                .bind(limit)
                .fetch_all(pool)
                .await
                .map_err(failed)?;
            let read = |row| {
                let (token, rule) = (Token::from_row(row)?, Rule::from_row(row)?);
                Ok(unused(token, &rule))
            };
            rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(failed)
        })
    }

    /// Forgets ends that are too long ago.
    pub async fn forget_ended(&self, now: Timestamp) -> Result<(), Error> {
        database::with!(&self.database, |pool| {
            sqlx::query("DELETE FROM ended_tokens WHERE ended_at_ms < $1")
                .bind(now.as_millis().saturating_sub(millis(KEPT)))
                .execute(pool)
                .await
                .map(drop)
                .map_err(failed)
        })
    }
}

fn unused(token: Token, rule: &Rule) -> UnusedToken {
    let unused = rule.threshold_days.saturating_mul(DAY_MS).saturating_add(millis(MARGIN));
    let due_at_ms = token.touched_at_ms().saturating_add(unused);
    let begins = rule.since_ms.saturating_add(millis(GRACE));
    UnusedToken {
        token: Some(token.into()),
        due_at_ms,
        ends_at_ms: due_at_ms.max(begins),
        action: action(&rule.action),
        threshold_days: days(rule.threshold_days),
    }
}
