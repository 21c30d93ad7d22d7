//! The place of the proof: every server and process of an installation, and a link between each two that talk.

use crate::link::{Link, Mode};
use crate::upstream;
use anyhow::{Context as _, Result};
use edge_gateway::config::{Proxy, Throttle};
use local_servers::Durability;
use sallyport::dev::distributed::{self, Plan, Stack};
use sallyport::dev::state::{State, Topology};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub const GATEWAYS: [&str; 3] = ["edge-gateway-1", "edge-gateway-2", "edge-gateway-3"];
pub const OWNERS: [&str; 3] = ["token-registry", "policy-evaluator", "session-issuer"];

/// Who calls whom.
const CALLS: &[(&str, &[&str])] = &[
    ("token-registry", &["postgresql", "redis", "nats"]),
    ("policy-evaluator", &["postgresql", "nats", "token-registry"]),
    ("session-issuer", &["postgresql", "nats", "token-registry", "policy-evaluator"]),
    ("notifier", &["postgresql", "token-registry"]),
    ("admin-api", &["token-registry", "policy-evaluator", "session-issuer", "notifier"]),
    ("edge-gateway-1", &["token-registry", "policy-evaluator", "session-issuer", "nats"]),
    ("edge-gateway-2", &["token-registry", "policy-evaluator", "session-issuer", "nats"]),
    ("edge-gateway-3", &["token-registry", "policy-evaluator", "session-issuer", "nats"]),
];

/// Whose clock can be set, where the library for it is installed.
pub const CLOCKS: [&str; 4] = ["token-registry", "session-issuer", "edge-gateway-3", "postgresql"];

struct Between {
    caller: &'static str,
    callee: &'static str,
    link: Link,
}

/// An installation, running. Everything ends and its files go when it is dropped.
pub struct Site {
    pub stack: Stack,
    links: Vec<Between>,
    clocks: Option<PathBuf>,
    /// Removed after everything has ended: fields are dropped in order.
    _folder: TempDir,
}

impl Site {
    /// Starts everything. Processes write their logs into `logs`, or else beside their data.
    pub async fn start(logs: Option<&Path>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("prove-").tempdir()?;
        // PostgreSQL runs as its own user beneath.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
        let logs = logs.map_or_else(|| folder.path().join("logs"), Path::to_owned);
        std::fs::create_dir_all(&logs)?;
        let state = State::open(&folder.path().join("data"), Topology::Distributed)?;
        let mut servers = distributed::servers(&state, Durability::Durable).await?;
        let clocks = prepare_clocks(folder.path())?;
        if let Some((library, files)) = &clocks {
            for (variable, value) in clock_environment(library, files, "postgresql") {
                servers.postgres.server.set_environment(variable, value);
            }
            servers.postgres.server.stop().await?;
            servers.postgres.server.restart().await?;
        }
        let free = || anyhow::Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, local_servers::free_port()?)));
        let log = "warn".to_owned();
        let plan = Plan {
            gateway: free()?,
            ext_authz: None,
            forward_auth: None,
            admin: free()?,
            team_domain: None,
            gateways: 3,
            notifiers: 1,
            log,
            otlp: None,
        };
        let mut stack = Stack::prepare(&plan, state, servers).await?;
        stack.processes.log_to(&logs);
        if let Some((library, files)) = &clocks {
            for name in CLOCKS {
                for (variable, value) in clock_environment(library, files, name) {
                    stack.processes.set_environment(name, variable, value);
                }
            }
        }
        let mut links = Vec::new();
        for (caller, callees) in CALLS {
            for callee in *callees {
                let link = Link::open(stack.address(callee)?).await?;
                stack.route(caller, callee, link.address);
                links.push(Between { caller, callee, link });
            }
        }
        let upstream = Some(format!("http://{}", upstream::serve().await?));
        stack
            .start(&Proxy { upstream, throttle: unthrottled(), ..Proxy::default() })
            .await
            .context("starting the services")?;
        let clocks = clocks.map(|(_, files)| files);
        Ok(Self { stack, links, clocks, _folder: folder })
    }

    /// Sets every link from one of these callers to one of these callees.
    pub fn set_links(&self, callers: &[&str], callees: &[&str], mode: Mode) {
        for Between { caller, callee, link } in &self.links {
            if callers.contains(caller) && callees.contains(callee) {
                link.set(mode);
            }
        }
    }

    /// Everybody who calls something.
    pub fn callers() -> Vec<&'static str> {
        CALLS.iter().map(|(caller, _)| *caller).collect()
    }

    pub const fn has_clocks(&self) -> bool {
        self.clocks.is_some()
    }

    /// Sets the clock of one of [`CLOCKS`] so many seconds off; it follows within a second.
    pub fn set_clock(&self, name: &str, seconds: i64) -> Result<()> {
        let files = self.clocks.as_ref().context("libfaketime is not installed")?;
        set_clock(&files.join(name), seconds)
    }

    /// What a process said when it ended although nobody told it to.
    pub fn find_ended(&mut self) -> Option<String> {
        self.stack.processes.find_ended()
    }

    /// Stops everything, whatever is broken at the time.
    pub async fn stop(&mut self) -> Result<()> {
        for Between { link, .. } in &self.links {
            link.set(Mode::Forward);
        }
        let servers = &self.stack.servers;
        for server in [&servers.postgres.server, &servers.redis.server, &servers.nats.server] {
            // One that is not running cannot be held still either.
            let _ = server.thaw();
        }
        self.stack.stop().await
    }
}

/// The library, and the folder of a file for each clock; nothing if the library is not there.
fn prepare_clocks(folder: &Path) -> Result<Option<(PathBuf, PathBuf)>> {
    let Some(library) = libfaketime() else { return Ok(None) };
    let files = folder.join("clocks");
    std::fs::create_dir(&files)?;
    for name in CLOCKS {
        set_clock(&files.join(name), 0)?;
    }
    std::fs::set_permissions(&files, std::fs::Permissions::from_mode(0o755))?;
    Ok(Some((library, files)))
}

/// Debian's place is below the machine's own kind of libraries, Fedora's is not.
fn libfaketime() -> Option<PathBuf> {
    let kinds = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let places = kinds.chain([PathBuf::from("/usr/lib64")]);
    places.map(|place| place.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists())
}

/// Whole or not at all: it is read at any time.
fn set_clock(file: &Path, seconds: i64) -> Result<()> {
    let beside = file.with_extension("new");
    std::fs::write(&beside, format!("{seconds:+}\n"))?;
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o644))?;
    Ok(std::fs::rename(beside, file)?)
}

fn clock_environment(library: &Path, files: &Path, name: &str) -> [(&'static str, String); 4] {
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", files.join(name).display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        // A step of the wall clock leaves the monotonic one alone.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// Every client is behind one address here, and most of the credentials that they send are dead.
fn unthrottled() -> Throttle {
    let (wrong_per_client_id, wrong_per_source) = (NonZeroU32::MAX, NonZeroU32::MAX);
    Throttle { wrong_per_client_id, wrong_per_source, ..Throttle::default() }
}
