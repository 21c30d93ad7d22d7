//! Tokens that live through everything: once a fault is healed they must be admitted again.

use super::World;
use super::case::Case;
use anyhow::{Context as _, Result};
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A heartbeat is a third of a lease.
const HEARTBEAT: Duration = Duration::from_millis(5_000 / 3);
/// Two heartbeats, and what it takes to start a process.
pub const RECOVERY: Duration = Duration::from_millis(2 * 5_000 / 3 + 1_000);
/// Longest wait for a recovery.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Residents {
    world: Arc<World>,
    cases: Vec<Arc<Case>>,
}

impl Residents {
    /// Makes them, and lets each in once.
    pub async fn settle(world: Arc<World>, count: usize) -> Result<Self> {
        let mut cases = Vec::new();
        for _ in 0..count {
            let case = world.create_token(&world.open_host, true).await.context("a first token")?;
            cases.push(case);
        }
        let residents = Self { world, cases };
        residents.wait().await.context("the first tokens are not admitted")?;
        Ok(residents)
    }

    /// How long it takes until all of them, and one that is made for it, are admitted everywhere; `None` if too long.
    pub async fn wait(&self) -> Option<Duration> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE && !self.world.is_over() {
            if self.are_admitted().await && self.newcomer_is_admitted().await {
                return Some(begin.elapsed());
            }
            tokio::time::sleep(HEARTBEAT / 20).await;
        }
        None
    }

    async fn are_admitted(&self) -> bool {
        let asked = self.cases.iter().map(async |case| {
            let (pair, session) = (case.newest_pair(), case.newest_session());
            let all = join_all(pair.into_iter().chain(session).map(|it| self.world.ask_everywhere(case, it)));
            all.await.into_iter().all(|is_admitted| is_admitted)
        });
        join_all(asked).await.into_iter().all(|is_admitted| is_admitted)
    }

    async fn newcomer_is_admitted(&self) -> bool {
        let Some(case) = self.world.create_token(&self.world.open_host, true).await else { return false };
        match case.newest_pair() {
            Some(pair) => self.world.ask_everywhere(&case, pair).await,
            None => false,
        }
    }
}
