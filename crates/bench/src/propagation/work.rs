//! What callers do again and again, and for how long.

use super::bare::{Asker, Listeners};
use crate::owner::Owner;
use crate::series::{Turn, nanos, now};
use anyhow::{Context as _, Result, ensure};
use change_feed::Wait;
use model::TokenId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// One caller's piece of work.
#[derive(Clone)]
pub enum Work {
    Ask(Arc<Vec<Mutex<Asker>>>, Arc<Listeners>),
    /// With so many replicas; counts where there were fewer.
    Revoke(Arc<Owner>, usize, Arc<AtomicUsize>),
    Write(Arc<Owner>),
}

impl Work {
    async fn once(&self, caller: u8) -> Result<Duration> {
        match self {
            Self::Ask(askers, listeners) => {
                let asker = askers.get(usize::from(caller)).context("nobody asks")?;
                asker.lock().await.ask(listeners).await
            }
            Self::Revoke(owner, replicas, incomplete) => {
                let appended = owner.delete(TokenId::random()).await?;
                let committed = now();
                let told = owner.feed.announce(appended, Wait::Confirmed).await;
                let took = now().since(committed);
                ensure!(told.not_confirmed.is_empty(), "a revocation was not confirmed: {told:?}");
                if told.confirmed.len() < *replicas {
                    incomplete.fetch_add(1, Ordering::Relaxed);
                }
                Ok(took)
            }
            Self::Write(owner) => {
                let begun = now();
                let _unannounced = owner.delete(TokenId::random()).await?;
                Ok(now().since(begun))
            }
        }
    }
}

/// So many callers, for so long; each works at least once.
pub async fn together(callers: u8, length: Duration, work: Work) -> Result<Turn> {
    let (mut working, start) = (JoinSet::new(), now());
    for caller in 0..callers {
        let work = work.clone();
        working.spawn(async move {
            let mut latencies = Vec::new();
            while latencies.is_empty() || now().since(start) < length {
                latencies.push(nanos(work.once(caller).await?));
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(worked) = working.join_next().await {
        latencies.append(&mut worked??);
    }
    Ok(Turn { elapsed: now().since(start), latencies })
}
