//! Policy tests and their results. Nothing else refers to them, and no enforcement point knows them.

use super::Page;
use database::sqlx;
use database::{Database, failed};
use model::{Clock, Error, ErrorKind, PolicyId, Timestamp};
use proto::policy_evaluator as wire;
use proto::policy_evaluator::policy_test_result::Judgement;
use proto::policy_evaluator::{PolicyTestResult, policy_test};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a test is remembered, and how long it may take.
const REMEMBERED: Duration = Duration::from_hours(1);
const PATIENCE: Duration = Duration::from_mins(10);
/// Most tests of one account, beside the one that is made.
const OTHERS: i64 = 9;
/// Tests of one account that are there at all: those that made room are deleted within a minute.
const KEPT: i64 = 30;
/// How much is deleted at a time.
const BATCH: i64 = 1_000;
/// Most tokens of a page.
pub const PAGE: usize = 1_000;

database::row! {
    #[derive(Debug, Clone)]
    pub struct TestRow {
        id: String,
        account_id: String,
        policies: Vec<u8>,
        created_at_ms: i64,
        next_page: i64,
        is_complete: bool,
        total: i64,
        approved: i64,
        blocked: i64,
        errored: i64,
    }
}

database::row! {
    struct ResultRow {
        token_id: String,
        token_name: String,
        judgement: String,
    }
}

macro_rules! test {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, policies, created_at_ms, next_page, is_complete, total, approved, blocked, errored
             FROM policy_tests ",
            $rest
        )
    };
}

macro_rules! results {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " FROM policy_test_results WHERE test_id = $1 AND ($2 = '' OR judgement = $2) ",
            $after
        )
    };
}

impl TestRow {
    pub fn into_wire(self, now: Timestamp) -> wire::PolicyTest {
        let has_time = now < Timestamp::from_millis(self.created_at_ms).after(PATIENCE);
        let status = match (self.is_complete, has_time) {
            (true, _) => policy_test::Status::Complete,
            (false, true) => policy_test::Status::Processing,
            (false, false) => policy_test::Status::ExceededTime,
        };
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        wire::PolicyTest {
            id: self.id,
            account_id: self.account_id,
            status: status.into(),
            next_page: u32::try_from(self.next_page).unwrap_or(u32::MAX),
            total: count(self.total),
            approved: count(self.approved),
            blocked: count(self.blocked),
            errored: count(self.errored),
            created_at_ms: self.created_at_ms,
        }
    }
}

/// Empty: any.
const fn word(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Unspecified => "",
        Judgement::Approved => "approved",
        Judgement::Blocked => "blocked",
        Judgement::Errored => "errored",
    }
}

impl From<ResultRow> for PolicyTestResult {
    fn from(row: ResultRow) -> Self {
        let known = [Judgement::Approved, Judgement::Blocked];
        let judgement = known.into_iter().find(|it| word(*it) == row.judgement);
        Self {
            token_id: row.token_id,
            token_name: row.token_name,
            judgement: judgement.unwrap_or(Judgement::Errored).into(),
        }
    }
}

/// A page of tokens that was judged.
pub struct JudgedPage {
    /// From 1.
    pub number: u32,
    /// At most [`PAGE`].
    pub results: Vec<PolicyTestResult>,
    pub is_last: bool,
    pub total: u64,
}

/// The tables of policy tests.
#[derive(Clone)]
pub struct PolicyTests {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl PolicyTests {
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// `policies` is an encoded message. The account's oldest tests make room.
    pub async fn create(&self, account: &str, policies: Vec<u8>) -> Result<wire::PolicyTest, Error> {
        let (id, now) = (PolicyId::random().to_string(), self.clock.now());
        database::transaction!(&self.database, |tx| {
            let kept = sqlx::query_scalar("SELECT COUNT(*) FROM policy_tests WHERE account_id = $1");
            let kept: i64 = kept.bind(account).fetch_one(&mut *tx).await.map_err(failed)?;
            if kept >= KEPT {
                let message = "the account has begun too many policy tests; retry in a minute";
                return Err(Error::new(ErrorKind::RateLimited, "POLICY_TESTS_TOO_MANY", message));
            }
            sqlx::query(
                "UPDATE policy_tests SET expires_at_ms = 0 WHERE account_id = $1 AND expires_at_ms > $2 AND id NOT IN
                 (SELECT id FROM policy_tests WHERE account_id = $1 AND expires_at_ms > $2
                  ORDER BY created_at_ms DESC, id LIMIT $3)",
            )
            .bind(account)
            .bind(now.as_millis())
            .bind(OTHERS)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
            sqlx::query(
                "INSERT INTO policy_tests (id, account_id, policies, created_at_ms, expires_at_ms, next_page,
                                           is_complete, total, approved, blocked, errored)
                 VALUES ($1, $2, $3, $4, $5, 1, $6, 0, 0, 0, 0)",
            )
            .bind(&id)
            .bind(account)
            .bind(&policies)
            .bind(now.as_millis())
            .bind(now.after(REMEMBERED).as_millis())
            .bind(false)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        });
        Ok(self.get(account, &id).await?.into_wire(now))
    }

    pub async fn get(&self, account: &str, id: &str) -> Result<TestRow, Error> {
        let found: Option<TestRow> = database::with!(&self.database, |pool| {
            let row = sqlx::query_as(test!("WHERE id = $1 AND account_id = $2 AND expires_at_ms > $3"));
            let row = row.bind(id).bind(account).bind(self.clock.now().as_millis());
            row.fetch_optional(pool).await.map_err(failed)?
        });
        found.ok_or_else(|| Error::not_found("policy test"))
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Nothing if somebody has done that page already.
    pub async fn add(&self, id: &str, page: &JudgedPage) -> Result<(), Error> {
        let count = |wanted: Judgement| {
            let these = page.results.iter().filter(|it| it.judgement() == wanted);
            i64::try_from(these.count()).unwrap_or_default()
        };
        let total = i64::try_from(page.total).unwrap_or(i64::MAX);
        let first = (i64::from(page.number) - 1).saturating_mul(i64::try_from(PAGE).unwrap_or_default());
        database::transaction!(&self.database, |tx| {
            let moved = sqlx::query(
                "UPDATE policy_tests SET next_page = next_page + 1, is_complete = $3, approved = approved + $4,
                     blocked = blocked + $5, errored = errored + $6,
                     total = CASE WHEN $3 THEN approved + blocked + errored + $4 + $5 + $6 ELSE $7 END
                 WHERE id = $1 AND next_page = $2 AND NOT is_complete AND expires_at_ms > $8",
            )
            .bind(id)
            .bind(i64::from(page.number))
            .bind(page.is_last)
            .bind(count(Judgement::Approved))
            .bind(count(Judgement::Blocked))
            .bind(count(Judgement::Errored))
            .bind(total)
            .bind(self.clock.now().as_millis());
            let moved = moved.execute(&mut *tx).await.map_err(failed)?.rows_affected();
            if moved == 1 && !page.results.is_empty() {
                let mut insert = sqlx::QueryBuilder::new(
                    "INSERT INTO policy_test_results (test_id, number, token_id, token_name, judgement) ",
                );
                insert.push_values(page.results.iter().zip(first..), |mut row, (result, number)| {
                    row.push_bind(id.to_owned()).push_bind(number).push_bind(result.token_id.clone());
                    row.push_bind(result.token_name.clone()).push_bind(word(result.judgement()));
                });
                insert.build().execute(&mut *tx).await.map_err(failed)?;
            }
        });
        Ok(())
    }

    /// One page in the order in which they were judged, and how many there are in all. Unspecified: all.
    pub async fn results(
        &self,
        id: &str,
        judgement: Judgement,
        page: Page,
    ) -> Result<(Vec<PolicyTestResult>, i64), Error> {
        let judgement = word(judgement);
        let (rows, total): (Vec<ResultRow>, i64) = database::with!(&self.database, |pool| {
            let rows = sqlx::query_as(results!(
                "SELECT token_id, token_name, judgement",
                "ORDER BY number LIMIT $3 OFFSET $4"
            ));
            let rows = rows.bind(id).bind(judgement).bind(page.limit()).bind(page.offset());
            let total = sqlx::query_scalar(results!("SELECT COUNT(*)", ""));
            (
                rows.fetch_all(pool).await.map_err(failed)?,
                total.bind(id).bind(judgement).fetch_one(pool).await.map_err(failed)?,
            )
        });
        Ok((rows.into_iter().map(PolicyTestResult::from).collect(), total))
    }

    /// Forgets every minute, until `stop`.
    pub async fn keep_short(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(Duration::from_mins(1));
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Some(Err(error)) = stop.run_until_cancelled(self.forget()).await {
                tracing::warn!(%error, "old policy tests could not be deleted; trying again in a minute");
            }
        }
    }

    /// Deletes what is remembered no more, a batch after the other.
    async fn forget(&self) -> Result<(), Error> {
        let now = self.clock.now().as_millis();
        loop {
            let over: Option<String> = database::with!(&self.database, |pool| {
                let id = sqlx::query_scalar("SELECT id FROM policy_tests WHERE expires_at_ms <= $1 LIMIT 1");
                id.bind(now).fetch_optional(pool).await.map_err(failed)?
            });
            let Some(id) = over else { return Ok(()) };
            loop {
                let deleted = database::with!(&self.database, |pool| {
                    let results = sqlx::query(
                        "DELETE FROM policy_test_results WHERE test_id = $1 AND number IN
                         (SELECT number FROM policy_test_results WHERE test_id = $1 ORDER BY number LIMIT $2)",
                    );
                    let results = results.bind(&id).bind(BATCH).execute(pool);
                    results.await.map_err(failed)?.rows_affected()
                });
                if deleted == 0 {
                    break;
                }
            }
            database::with!(&self.database, |pool| {
                let test = sqlx::query("DELETE FROM policy_tests WHERE id = $1").bind(&id);
                test.execute(pool).await.map_err(failed)?;
            });
        }
    }
}
