//! What the notifier does on its own: finds what is due, and sends it.
//!
//! Any number of notifiers may do so on one database, and any of them may die at any point. A delivery's row decides:
//! inserted once, claimed by one at a time, `sent` at most once. Whoever dies between sending and saying so leaves a
//! claim that runs out, and the next one sends the same message under the same id.

mod judge;
mod scan;
mod send;

#[cfg(test)]
mod tests;

use crate::delivery::Channel;
use crate::mailer::Mailer;
use crate::outbound::Outbound;
use crate::secrets::SecretsKey;
use crate::store::Store;
use model::{Clock, Error};
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::GrpcChannel;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often a sender looks for what nobody told it of: retries that became due, claims that ran out.
const POLL: Duration = Duration::from_secs(3);
/// Between two looks for tokens that are about to be ended because nobody uses them.
const UNUSED: Duration = Duration::from_mins(10);
/// What is being sent when the process is told to stop may be finished for so long.
const GRACE: Duration = Duration::from_secs(5);
/// Messages on their way at once, by channel: mail servers are shared by all accounts, webhooks are slow apart.
const MAILS: usize = 2;
const WEBHOOKS: usize = 8;

pub struct Worker {
    store: Store,
    clock: Arc<dyn Clock>,
    registry: TokenRegistryClient<GrpcChannel>,
    mailer: Arc<dyn Mailer>,
    outbound: Arc<Outbound>,
    secrets: Arc<SecretsKey>,
    /// Something was scheduled.
    wake_mail: Notify,
    wake_webhook: Notify,
    /// A policy was made or changed.
    rescan: Notify,
}

impl Worker {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        registry: TokenRegistryClient<GrpcChannel>,
        mailer: Arc<dyn Mailer>,
        outbound: Arc<Outbound>,
        secrets: Arc<SecretsKey>,
    ) -> Self {
        let (wake_mail, wake_webhook, rescan) = (Notify::new(), Notify::new(), Notify::new());
        Self { store, clock, registry, mailer, outbound, secrets, wake_mail, wake_webhook, rescan }
    }

    /// Looks for what is due now, not at the next interval.
    pub fn rescan(&self) {
        self.rescan.notify_one();
    }

    pub fn workers(self: Arc<Self>, scan_interval: Duration) -> Vec<service_kit::Worker> {
        let (mail, webhook) = (self.clone(), self.clone());
        vec![
            service_kit::Worker::new("expiry scan", move |stop| self.keep_scanning(scan_interval, stop)),
            service_kit::Worker::new("mail sender", move |stop| {
                mail.keep_sending(Channel::Email, MAILS, stop)
            }),
            service_kit::Worker::new("webhook sender", move |stop| {
                webhook.keep_sending(Channel::Webhook, WEBHOOKS, stop)
            }),
        ]
    }

    async fn keep_scanning(
        self: Arc<Self>,
        interval: Duration,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        let mut whole = None::<Instant>;
        loop {
            let is_whole = whole.is_none_or(|at| at.elapsed() >= UNUSED);
            let scan = async {
                let scanned = if is_whole { self.scan().await } else { self.scan_dated().await };
                match scanned {
                    Ok(0) => {}
                    Ok(scheduled) => tracing::info!(scheduled, "there is news of tokens"),
                    Err(error) => {
                        tracing::warn!(%error, "looking for news of tokens failed; will look again");
                    }
                }
                if let Err(error) = self.forget().await {
                    tracing::warn!(%error, "deleting old history failed; will try again");
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = scan => {}
            }
            if is_whole {
                whole = Some(Instant::now());
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.rescan.notified() => whole = None,
                () = tokio::time::sleep(interval) => {}
            }
        }
    }

    async fn keep_sending(
        self: Arc<Self>,
        channel: Channel,
        at_once: usize,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        let slots = Arc::new(Semaphore::new(at_once));
        let mut sending = JoinSet::new();
        while !stop.is_cancelled() {
            while let Some(ended) = sending.try_join_next() {
                log_panic(ended);
            }
            let slot = tokio::select! {
                () = stop.cancelled() => break,
                slot = slots.clone().acquire_owned() => slot.map_err(Error::internal)?,
            };
            match self.claim(channel).await {
                Ok(Some(claimed)) => {
                    let worker = self.clone();
                    sending.spawn(async move {
                        worker.deliver(claimed).await;
                        drop(slot);
                    });
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "looking for due messages failed; will look again"),
            }
            drop(slot);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.wake(channel).notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        // What does not end in time keeps its claim, and is sent again by whoever finds that run out.
        let finish = async {
            while let Some(ended) = sending.join_next().await {
                log_panic(ended);
            }
        };
        let _ = tokio::time::timeout(GRACE, finish).await;
        Ok(())
    }

    const fn wake(&self, channel: Channel) -> &Notify {
        match channel {
            Channel::Email => &self.wake_mail,
            Channel::Webhook => &self.wake_webhook,
        }
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a sender died; its message is sent again when its claim has run out");
    }
}
