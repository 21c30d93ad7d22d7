//! How large `sallyport dev` is and how fast it starts, as its user sees it: the built program, an existing data directory.

use crate::memory;
use crate::report::{Figure, Figures};
use crate::series::{median, now};
use crate::{MANY, many, registry};
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How often it is started on each data directory; the median counts.
const STARTS: usize = 3;
/// Until memory is read: what a start leaves behind has been given back.
const IDLE: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(30);

/// The first line of `sallyport dev --json`.
#[derive(Deserialize)]
struct Ready {
    account_id: String,
}

/// One start: how long until everything accepts connections, and the memory it then holds.
struct Start {
    ready: Ready,
    ready_ms: f64,
    resident_mb: f64,
    private_mb: f64,
}

pub fn measure() -> Result<Figures> {
    let program = program()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        eprintln!("size: first start …");
        let first = start(&program, folder.path(), Duration::ZERO).await?;
        let mut rows = vec![Figure::new("first start, until ready", "ms", first.ready_ms, "")];
        rows.extend(later_starts(&program, folder.path(), "an almost empty registry").await?);
        eprintln!("size: adding {} tokens …", many());
        let account = first.ready.account_id.parse()?;
        registry::fill(&folder.path().join("databases"), account, MANY).await?;
        rows.extend(later_starts(&program, folder.path(), &format!("{} tokens", many())).await?);
        let title = "Size and start of `sallyport dev`, a process of its own".to_owned();
        Ok(Figures { name: "size", title, rows })
    })
}

async fn later_starts(program: &Path, data_dir: &Path, which: &str) -> Result<[Figure; 3]> {
    let mut starts = Vec::new();
    for turn in 0..STARTS {
        eprintln!("size: later start {} of {STARTS}, {which} …", turn + 1);
        starts.push(start(program, data_dir, IDLE).await?);
    }
    let of = |read: fn(&Start) -> f64| median(&starts.iter().map(read).collect::<Vec<_>>());
    Ok([
        Figure::new(format!("later start, until ready, {which}"), "ms", of(|s| s.ready_ms), "under 1,000"),
        Figure::new(format!("idle memory (VmRSS), {which}"), "MB", of(|s| s.resident_mb), "under 60"),
        Figure::new(format!("  of it private (RssAnon), {which}"), "MB", of(|s| s.private_mb), ""),
    ])
}

/// The `sallyport` beside this program.
fn program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("sallyport");
    if !program.is_file() {
        bail!("{} is not there; build it first: cargo build --release -p sallyport", program.display());
    }
    Ok(program)
}

async fn start(program: &Path, data_dir: &Path, idle: Duration) -> Result<Start> {
    let begun = now();
    let mut child = Command::new(program)
        .args(["dev", "--json", "--gateway", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let out = child.stdout.take().context("it has no standard output")?;
    let line = timeout(PATIENCE, BufReader::new(out).lines().next_line()).await;
    let line = line.context("it was not ready in time")??.context("it ended before it was ready")?;
    let ready_ms = now().since(begun).as_secs_f64() * 1e3;
    sleep(idle).await;
    let id = child.id().context("it has ended")?;
    let [resident_mb, private_mb] = [memory::bytes(id, "VmRSS")? / 1e6, memory::bytes(id, "RssAnon")? / 1e6];
    stop(child).await?;
    Ok(Start { ready: serde_json::from_str(&line)?, ready_ms, resident_mb, private_mb })
}

async fn stop(mut child: Child) -> Result<()> {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    kill_process(id.context("it has ended")?, Signal::TERM)?;
    let ended = timeout(PATIENCE, child.wait()).await.context("it did not stop")??;
    if !ended.success() {
        bail!("it stopped with {ended}");
    }
    Ok(())
}
