//! One replica in a process of its own: how long until its first lease, and the memory that took.

use crate::follower::Follower;
use crate::memory::bytes;
use crate::owner::Way;
use crate::series::now;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Builder;

const PATIENCE: Duration = Duration::from_mins(2);

/// What it prints when it has started.
#[derive(Serialize, Deserialize)]
pub struct Started {
    pub seconds: f64,
    /// Memory that was not there before, in bytes: afterwards, and at the most.
    pub kept: f64,
    pub peak: f64,
}

/// `way`: a file with the owner's [`Way`].
pub fn run(way: &Path) -> Result<()> {
    let way: Way = serde_json::from_slice(&fs::read(way).context("reading the way")?)?;
    Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let bus = bus::connect("memory:").await?;
        let (anonymous, resident) = (bytes("self", "RssAnon")?, bytes("self", "VmRSS")?);
        let begun = now();
        let follower = Follower::start("starting".to_owned(), &way, bus)?;
        follower.is_live(PATIENCE).await?;
        let seconds = now().since(begun).as_secs_f64();
        let (kept, peak) = (bytes("self", "RssAnon")? - anonymous, bytes("self", "VmHWM")? - resident);
        println!("{}", serde_json::to_string(&Started { seconds, kept, peak })?);
        follower.stop().await
    })
}
