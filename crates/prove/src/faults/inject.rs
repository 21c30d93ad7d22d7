//! How a fault is begun and healed.

use super::{Action, Fault, Server, nats, redis};
use crate::chance::Chance;
use crate::link::Mode;
use crate::site::Site;
use anyhow::{Context as _, Result};
use sallyport::dev::processes::Signal;
use std::time::Duration;
use tokio::task::JoinHandle;

/// An hour, in seconds.
const HOUR: i64 = 3_600;

/// A fault at work.
pub struct Begun {
    storm: Option<JoinHandle<Result<()>>>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(storm) = &self.storm {
            storm.abort();
        }
    }
}

impl Fault {
    /// Why it cannot be tried here.
    pub fn is_missing(&self, site: &Site) -> Option<&'static str> {
        match self.action {
            Action::Clock(_) if !site.has_clocks() => Some("libfaketime is not installed"),
            _ => None,
        }
    }

    pub async fn begin(&self, site: &mut Site, chance: Chance) -> Result<Begun> {
        let mut storm = None;
        match &self.action {
            Action::Nothing => {}
            Action::Kill(name) => site.stack.processes.kill(name).await?,
            Action::KillServer(server) => server.of(site).kill().await,
            Action::Freeze(name) => site.stack.processes.signal(name, Signal::STOP)?,
            Action::FreezeServer(server) => server.of(site).freeze()?,
            Action::Links(callers, callees, mode) => site.set_links(callers, callees, *mode),
            Action::Redis(kind) => {
                let (url, kind) = (site.stack.servers.redis.url().to_owned(), *kind);
                storm = Some(tokio::spawn(async move { redis::rage(&url, kind, chance).await }));
            }
            Action::Nats(kind) => {
                let (url, kind) = (site.stack.servers.nats.url().to_owned(), *kind);
                storm = Some(tokio::spawn(async move { nats::rage(&url, kind, chance).await }));
            }
            Action::Clock(name) => site.set_clock(name, HOUR)?,
            Action::KillBehindCut(name, callers, callees) => {
                site.set_links(callers, callees, Mode::Cut);
                site.stack.processes.kill(name).await?;
            }
        }
        Ok(Begun { storm })
    }

    /// Half-way through: a clock that was ahead falls behind.
    pub fn turn(&self, site: &Site) -> Result<()> {
        match &self.action {
            Action::Clock(name) => site.set_clock(name, -HOUR),
            _ => Ok(()),
        }
    }

    /// Ends it. What was killed is started again, and may not be ready yet.
    pub async fn heal(&self, site: &mut Site, mut begun: Begun) -> Result<()> {
        match &self.action {
            Action::Nothing => {}
            Action::Kill(name) => site.stack.processes.restart(name)?,
            Action::KillServer(server) => restart(server.of(site)).await?,
            Action::Freeze(name) => site.stack.processes.signal(name, Signal::CONT)?,
            Action::FreezeServer(server) => server.of(site).thaw()?,
            Action::Links(callers, callees, _) => site.set_links(callers, callees, Mode::Forward),
            Action::Redis(_) | Action::Nats(_) => {
                // It goes on until it is told to end: one that ended was no storm.
                if let Some(storm) = begun.storm.take_if(|storm| storm.is_finished()) {
                    storm.await?.context("the storm ended early")?;
                }
            }
            Action::Clock(name) => site.set_clock(name, 0)?,
            Action::KillBehindCut(name, callers, callees) => {
                site.stack.processes.restart(name)?;
                site.set_links(callers, callees, Mode::Forward);
            }
        }
        Ok(())
    }
}

impl Server {
    fn of(self, site: &mut Site) -> &mut local_servers::Server {
        let servers = &mut site.stack.servers;
        match self {
            Self::Postgres => &mut servers.postgres.server,
            Self::Redis => &mut servers.redis.server,
            Self::Nats => &mut servers.nats.server,
        }
    }
}

/// The kernel may take a moment to give back what a killed server held.
async fn restart(server: &mut local_servers::Server) -> Result<()> {
    let mut attempts = 0;
    loop {
        match server.restart().await {
            Ok(()) => return Ok(()),
            Err(_) if attempts < 20 => attempts += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
