//! An owner and replicas that follow it, more with each section.

use crate::follower::Follower;
use crate::owner::{Owner, Site};
use anyhow::{Context as _, Result};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Fleet {
    pub owner: Arc<Owner>,
    pub nats: String,
    pub followers: Vec<Follower>,
    /// Revocations that found less than all of them live.
    pub incomplete: Arc<AtomicUsize>,
}

impl Fleet {
    pub async fn open(site: &Site) -> Result<Self> {
        let nats = site.servers.nats.url().to_owned();
        let owner = Owner::open(&site.database("propagation").await?, &nats, &site.pki).await?;
        Ok(Self { owner: Arc::new(owner), nats, followers: Vec::new(), incomplete: Arc::default() })
    }

    /// Starts what is missing, and waits for the leases.
    pub async fn grow(&mut self, count: usize) -> Result<()> {
        for number in self.followers.len()..count {
            let bus = bus::connect(&self.nats).await?;
            self.followers.push(Follower::start(format!("replica-{number}"), &self.owner.way, bus)?);
        }
        for follower in &self.followers {
            follower.is_live(PATIENCE).await?;
        }
        Ok(())
    }

    pub async fn close(self, runtime: &Runtime) -> Result<()> {
        for follower in self.followers {
            follower.stop().await?;
        }
        let owner = Arc::into_inner(self.owner).context("somebody still revokes")?;
        runtime.spawn(owner.close()).await?
    }
}
