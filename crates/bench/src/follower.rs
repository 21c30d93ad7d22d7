//! A gateway's replica of the registry's feed, with the view that judges tokens.

use crate::owner::{FEED, Way};
use crate::series::now;
use anyhow::{Result, ensure};
use bus::Bus;
use change_feed::replica::never_stale;
use change_feed::{Gate, Replica, Source};
use model::SystemClock;
use revocation::Tokens;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub struct Follower {
    gate: Arc<Gate>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Follower {
    /// Over a connection of its own.
    pub fn start(name: String, way: &Way, bus: Arc<dyn Bus>) -> Result<Self> {
        Ok(Self::of(name, way.source()?, bus))
    }

    /// Over any way to the owner.
    pub fn of(name: String, source: Arc<dyn Source>, bus: Arc<dyn Bus>) -> Self {
        let (gate, stop) = (Arc::new(Gate::default()), CancellationToken::new());
        let replica = Replica {
            feed: FEED,
            name,
            source,
            bus,
            clock: Arc::new(SystemClock),
            view: Arc::new(Tokens::default()),
            gate: gate.clone(),
            staleness: never_stale(),
        };
        let running = tokio::spawn(replica.follow(stop.clone()));
        Self { gate, stop, running }
    }

    /// Waits for the lease.
    pub async fn is_live(&self, limit: Duration) -> Result<()> {
        let start = now();
        while !self.gate.is_live(now()) {
            ensure!(now().since(start) < limit, "a replica got no lease in {limit:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Gives the lease back.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.running.await?)
    }
}
