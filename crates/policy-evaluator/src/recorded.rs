//! Applications that the feed was last told of by an evaluator that did not read their settings out are told once more:
//! enforcement points honour what has long been stored.
//!
//! Each row says for which of its changes that was done, so nothing is told twice however many evaluators do it. What an older
//! evaluator changes of an application itself beside a newer one is caught up with; where it changes a policy of it, the
//! application is without its settings at the gateways until its own next change: stop older evaluators first.

use crate::change::Object;
use change_feed::{Appended, Change, Feed, FeedConnection as _, Wait};
use database::sqlx;
use database::{Database, failed};
use model::{Clock, Error};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// After the start. An older evaluator beside this one may change something later.
const ROUND: Duration = Duration::from_mins(10);
const AGAIN: Duration = Duration::from_secs(10);
/// Most applications of one transaction: others wait for it.
const PAGE: i64 = 50;

pub struct Recorded {
    database: Database,
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
}

impl Recorded {
    pub const fn new(database: Database, feed: Arc<Feed>, clock: Arc<dyn Clock>) -> Self {
        Self { database, feed, clock }
    }

    /// Until `stop`.
    pub async fn keep_up(&self, stop: CancellationToken) {
        loop {
            let done = stop.run_until_cancelled(self.record_all()).await;
            let pause = match &done {
                Some(Err(error)) => {
                    tracing::warn!(%error, "telling older applications once more failed; trying again");
                    AGAIN
                }
                _ => ROUND,
            };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn record_all(&self) -> Result<(), Error> {
        loop {
            let (count, appended) = self.record_some().await?;
            if count == 0 {
                return Ok(());
            }
            tracing::info!(count, "applications of an older version told to the feed once more");
            self.feed.announce(appended, Wait::None).await;
        }
    }

    /// One page, and how many it had.
    async fn record_some(&self) -> Result<(usize, Appended), Error> {
        const WANTED: &str = "SELECT id FROM applications
            WHERE recorded_at_ms IS NULL OR recorded_at_ms <> updated_at_ms ORDER BY id LIMIT $1";
        let is_any: Option<String> = database::with!(&self.database, |pool| {
            sqlx::query_scalar(WANTED).bind(1_i64).fetch_optional(pool).await.map_err(failed)?
        });
        if is_any.is_none() {
            return Ok((0, Appended::default()));
        }
        let mut appended = Appended::default();
        let now = self.clock.now();
        let count = database::transaction!(&self.database, |tx| {
            // Other writers and evaluators wait from here on.
            tx.next_position().await?;
            let ids: Vec<String> =
                sqlx::query_scalar(WANTED).bind(PAGE).fetch_all(&mut *tx).await.map_err(failed)?;
            for id in &ids {
                let object = Object::Application(id.clone());
                match object.state(&mut *tx).await {
                    Ok(state) => {
                        let change = Change { object: object.to_string(), state, keep_until: None };
                        tx.record(&mut appended, change, now).await?;
                    }
                    // Nobody else waits for it: gateways keep what they were told.
                    Err(error) => {
                        tracing::warn!(%error, application = id, "unreadable; not told to the feed once more");
                    }
                }
                sqlx::query("UPDATE applications SET recorded_at_ms = updated_at_ms WHERE id = $1")
                    .bind(id)
                    .execute(&mut *tx)
                    .await
                    .map_err(failed)?;
            }
            ids.len()
        });
        Ok((count, appended))
    }
}
