//! What enforcement points decided: taken from the bus by one notifier of all, written in batches, kept for a while.
//!
//! The bus may lose reports, and whoever may use it may invent them: this is a record for people, by which nothing is
//! decided. While the database is away reports are lost and counted.

use crate::config;
use crate::store::Store;
use bus::{Bus, Subscription};
use bytes::Bytes;
use metrics::counter;
use model::{AccountId, ApplicationId, Clock, Error};
use prost::Message as _;
use proto::access_log::{Decision, DecisionReport};
use service_kit::Worker;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SUBJECT: &str = "sallyport.decisions";
const GROUP: &str = "notifier";
const RETRY: Duration = Duration::from_secs(1);
/// Reports that go in one batch when many wait.
const REPORTS: usize = 16;
/// How often the old is deleted.
const FORGET: Duration = Duration::from_secs(30);
/// Longest text of a decision.
const LONGEST: usize = 1024;

pub struct AccessLog {
    store: Store,
    clock: Arc<dyn Clock>,
    settings: config::AccessLog,
}

impl AccessLog {
    pub fn new(store: Store, clock: Arc<dyn Clock>, settings: &config::AccessLog) -> Arc<Self> {
        Arc::new(Self { store, clock, settings: settings.clone() })
    }

    pub fn workers(self: Arc<Self>, bus: Option<Arc<dyn Bus>>) -> Vec<Worker> {
        let listening = bus.map(|bus| {
            let log = self.clone();
            Worker::new("access log", async move |stop: CancellationToken| {
                stop.run_until_cancelled(log.keep_listening(bus)).await;
                Ok(())
            })
        });
        let forgetting = Worker::new("access log retention", async move |stop: CancellationToken| {
            stop.run_until_cancelled(self.keep_forgetting()).await;
            Ok(())
        });
        listening.into_iter().chain([forgetting]).collect()
    }

    async fn keep_listening(&self, bus: Arc<dyn Bus>) {
        loop {
            match bus.subscribe_shared(SUBJECT, GROUP).await {
                Ok(mut reports) => {
                    while let Some(report) = reports.next().await {
                        self.take(report, &mut reports).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "listening for decisions failed; retrying"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// This report, and what waits behind it.
    async fn take(&self, first: Bytes, reports: &mut Subscription) {
        let mut decisions = read(first);
        for _ in 1..REPORTS {
            match tokio::time::timeout(Duration::ZERO, reports.next()).await {
                Ok(Some(report)) => decisions.extend(read(report)),
                Ok(None) | Err(_) => break,
            }
        }
        let count = decisions.len() as u64;
        let outcome = match self.store.keep_decisions(&decisions).await {
            Ok(()) => "kept",
            Err(error) => {
                tracing::warn!(%error, count, "decisions are missing in the access log");
                "lost"
            }
        };
        counter!("sallyport_access_log_decisions_total", "outcome" => outcome).increment(count);
    }

    async fn keep_forgetting(&self) {
        loop {
            match self.forget().await {
                Ok(0) => tokio::time::sleep(FORGET).await,
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => {
                    tracing::warn!(%error, "deleting old decisions failed; will try again");
                    tokio::time::sleep(FORGET).await;
                }
            }
        }
    }

    async fn forget(&self) -> Result<u64, Error> {
        let now = self.store.now(&*self.clock).await?;
        let config::AccessLog { retention, max_rows } = self.settings;
        self.store.forget_decisions(now, retention, max_rows).await
    }
}

/// What is no decision is left out: it would spoil the batch that it is written in.
fn read(report: Bytes) -> Vec<Decision> {
    let Ok(DecisionReport { mut decisions }) = DecisionReport::decode(report) else {
        counter!("sallyport_access_log_decisions_total", "outcome" => "unreadable").increment(1);
        return Vec::new();
    };
    let before = decisions.len();
    decisions.retain(is_one);
    let unreadable = before.saturating_sub(decisions.len());
    counter!("sallyport_access_log_decisions_total", "outcome" => "unreadable").increment(unreadable as u64);
    decisions
}

fn is_one(decision: &Decision) -> bool {
    let Decision {
        ray_id,
        decided_at_ms: _,
        account_id,
        application_id,
        application_domain,
        allowed: _,
        reason,
        policy_id,
        credential: _,
        token_id,
        client_id,
        client_secret_version: _,
        ip,
        country_code,
        method,
        host,
        path,
        gateway,
        duration_us: _,
        fallback,
    } = decision;
    let texts = [
        application_domain,
        reason,
        policy_id,
        token_id,
        client_id,
        ip,
        country_code,
        method,
        host,
        path,
        gateway,
        fallback,
    ];
    let is_ray =
        ray_id.len() == 16 && ray_id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    is_ray
        && account_id.parse::<AccountId>().is_ok()
        && application_id.parse::<ApplicationId>().is_ok()
        && texts.iter().all(|text| text.len() <= LONGEST && !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests;
