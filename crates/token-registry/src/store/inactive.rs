//! Tokens that nobody uses, and whose turn it is to end some of them.

use super::Store;
use database::{failed, sqlx};
use model::{Error, Timestamp};
use std::time::Duration;

/// What an account wants done with unused tokens.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    pub account_id: &'a str,
    pub threshold_days: u32,
    /// Delete them; otherwise disable them.
    pub deletes: bool,
}

/// As the action is stored.
pub(super) const DELETE: &str = "delete";

/// What is to be done about a rule now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing before then.
    Begins(Timestamp),
    /// Nothing: somebody has just done so.
    Taken,
    /// Some tokens may be ended.
    Mine,
}

/// How long a rule must have been stated before it acts.
pub(super) const GRACE: Duration = Duration::from_hours(24);
/// Statements that are further apart begin anew: meanwhile nobody could use a token, or the clock was set.
pub(super) const GAP: Duration = Duration::from_hours(1);
/// A clock that went back by more than this was set.
pub(super) const BACK: Duration = Duration::from_mins(1);
/// Beyond the threshold: much longer than a use is on its way from a gateway to the table.
pub const MARGIN: Duration = Duration::from_hours(1);
/// Between two times that tokens are ended.
const ROUND: Duration = Duration::from_mins(10);

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Rule<'_> {
    /// As it is stored.
    pub(super) const fn action(&self) -> &'static str {
        if self.deletes { DELETE } else { "disable" }
    }
}

impl Store {
    /// The earlier of the database's clock and this process's: one that is ahead makes no token older.
    pub async fn cautious_now(&self) -> Result<Timestamp, Error> {
        let here = self.clock.now();
        Ok(self.database.now(&*self.clock).await?.min(here))
    }

    /// Notes that the rule holds now, and takes the turn if it is time. Each round is taken once, by whoever is first.
    pub async fn state_rule(&self, rule: &Rule<'_>, now: Timestamp) -> Result<Turn, Error> {
        let Rule { account_id, threshold_days, deletes: _ } = *rule;
        let now_ms = now.as_millis();
        database::with!(&self.database, |pool| {
            let since_ms = sqlx::query_scalar::<_, i64>(
                "INSERT INTO inactivity_rules (account_id, threshold_days, action, since_ms, stated_at_ms, acted_at_ms)
                 VALUES ($1, $2, $3, $4, $4, 0)
                 ON CONFLICT (account_id) DO UPDATE
                 SET since_ms = CASE WHEN inactivity_rules.threshold_days = excluded.threshold_days
                                      AND inactivity_rules.action = excluded.action
                                      AND inactivity_rules.stated_at_ms BETWEEN $5 AND $6
                                THEN inactivity_rules.since_ms ELSE excluded.since_ms END,
                     threshold_days = excluded.threshold_days, action = excluded.action,
                     stated_at_ms = excluded.stated_at_ms
                 RETURNING since_ms",
            )
            .bind(account_id)
            .bind(i64::from(threshold_days))
            .bind(rule.action())
            .bind(now_ms)
            .bind(now_ms.saturating_sub(millis(GAP)))
            .bind(now_ms.saturating_add(millis(BACK)))
            .fetch_one(pool)
            .await
            .map_err(failed)?;
            let begins = Timestamp::from_millis(since_ms).after(GRACE);
            if now < begins {
                return Ok(Turn::Begins(begins));
            }
            let taken = sqlx::query(
                "UPDATE inactivity_rules SET acted_at_ms = $2
                 WHERE account_id = $1 AND NOT (acted_at_ms BETWEEN $3 AND $4)",
            )
            .bind(account_id)
            .bind(now_ms)
            .bind(now_ms.saturating_sub(millis(ROUND)).saturating_add(1))
            .bind(now_ms.saturating_add(millis(BACK)))
            .execute(pool)
            .await
            .map_err(failed)?;
            Ok(if taken.rows_affected() == 1 { Turn::Mine } else { Turn::Taken })
        })
    }

    /// Tokens that were neither used nor changed since a time and that nobody names, oldest first. Those that are disabled
    /// are among them only if they are to be deleted.
    pub async fn unused_since(
        &self,
        rule: &Rule<'_>,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<String>, Error> {
        database::with!(&self.database, |pool| {
            sqlx::query_scalar(
                "SELECT id FROM tokens
                 WHERE account_id = $1 AND created_at_ms < $2 AND updated_at_ms < $2 AND (enabled OR $3)
                   AND NOT EXISTS (SELECT 1 FROM token_usage WHERE token_id = tokens.id AND last_seen_at_ms >= $2)
                   AND NOT EXISTS (SELECT 1 FROM token_references WHERE token_id = tokens.id)
                 ORDER BY created_at_ms, id LIMIT $4",
            )
            .bind(rule.account_id)
            .bind(since.as_millis())
            .bind(rule.deletes)
            .bind(limit)
            .fetch_all(pool)
            .await
            .map_err(failed)
        })
    }
}
