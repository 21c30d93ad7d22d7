//! How large `sallyport dev` is and how fast it starts, as its user sees it: the built program, an existing data directory.

use crate::load::Target;
use crate::memory;
use crate::report::{Figure, Figures, grouped};
use crate::series::{median, now};
use crate::{Arguments, MANY, many, registry, snapshot};
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::net::SocketAddr;
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
    /// `http://address:port`
    gateway: String,
    application: Application,
    service_token: ServiceToken,
}

#[derive(Deserialize)]
struct Application {
    domain: String,
}

#[derive(Deserialize)]
struct ServiceToken {
    client_id: String,
    /// Shown by the first start alone.
    client_secret: Option<String>,
}

/// One start: how long until everything accepts connections, and the memory it then holds.
struct Start {
    ready: Ready,
    ready_ms: f64,
    /// Until the first request was let through.
    admitted_ms: f64,
    resident_mb: f64,
    private_mb: f64,
}

pub fn measure(arguments: &Arguments) -> Result<Figures> {
    let program = program()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        eprintln!("size: first start …");
        let first = start(&program, folder.path(), Duration::ZERO, None).await?;
        let secret = first.ready.service_token.client_secret.clone().context("no secret was shown")?;
        let mut rows = vec![Figure::new("first start, until ready", "ms", first.ready_ms, "")];
        let later = async |which: &str| later_starts(&program, folder.path(), which, &secret).await;
        rows.extend(later("an almost empty registry").await?);
        eprintln!("size: adding {} tokens …", many());
        let account = first.ready.account_id.parse()?;
        let databases = folder.path().join("databases");
        registry::fill(&databases, account, MANY).await?;
        rows.extend(later(&format!("{} tokens", many())).await?);
        let (tokens, entries) = (arguments.tokens, arguments.entries);
        let full = format!("{} tokens, {} entries", grouped(f64::from(tokens)), grouped(f64::from(entries)));
        eprintln!("size: adding up to {full} …");
        registry::fill(&databases, account, tokens.saturating_sub(MANY)).await?;
        let database = registry::open(&databases).await?;
        snapshot::fill(&database, entries).await?;
        database.close().await;
        rows.extend(later(&full).await?);
        let title = "Size and start of `sallyport dev`, a process of its own".to_owned();
        Ok(Figures { name: "size", title, rows })
    })
}

async fn later_starts(program: &Path, data_dir: &Path, which: &str, secret: &str) -> Result<[Figure; 4]> {
    let mut starts = Vec::new();
    for turn in 0..STARTS {
        eprintln!("size: later start {} of {STARTS}, {which} …", turn + 1);
        starts.push(start(program, data_dir, IDLE, Some(secret)).await?);
    }
    let of = |read: fn(&Start) -> f64| median(&starts.iter().map(read).collect::<Vec<_>>());
    Ok([
        Figure::new(format!("later start, until ready, {which}"), "ms", of(|s| s.ready_ms), "under 1,000"),
        Figure::new(
            format!("  the first request admitted, {which}"),
            "ms",
            of(|s| s.admitted_ms),
            "under 5,000",
        ),
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

/// `secret`: of the token that an earlier start made.
async fn start(program: &Path, data_dir: &Path, idle: Duration, secret: Option<&str>) -> Result<Start> {
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
    let ready: Ready = serde_json::from_str(&line)?;
    ready.admit(secret).await?;
    let admitted_ms = now().since(begun).as_secs_f64() * 1e3;
    sleep(idle).await;
    let id = child.id().context("it has ended")?;
    let [resident_mb, private_mb] = [memory::bytes(id, "VmRSS")? / 1e6, memory::bytes(id, "RssAnon")? / 1e6];
    stop(child).await?;
    Ok(Start { ready, ready_ms, admitted_ms, resident_mb, private_mb })
}

impl Ready {
    /// A request with the service token, which must be let through.
    async fn admit(&self, secret: Option<&str>) -> Result<()> {
        let Self { gateway, application, service_token: ServiceToken { client_id, client_secret }, .. } =
            self;
        let secret = client_secret.as_deref().or(secret).context("the secret is not known")?;
        let address: SocketAddr = gateway.trim_start_matches("http://").parse()?;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {}\r\nCF-Access-Client-Id: {client_id}\r\nCF-Access-Client-Secret: {secret}\r\n\r\n",
            application.domain
        );
        Target { address, request: request.into_bytes().into() }.head().await.map(drop)
    }
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
