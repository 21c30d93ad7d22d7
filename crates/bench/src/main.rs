//! Each path beside its floor, in one run on this machine. Measures; asserts nothing about time.
//!
//! | module | holds |
//! |---|---|
//! | `gateway` | a session and a header pair, warm, against the same proxy with the checks off |
//! | `ext_authz` | Envoy's question, warm, against servers that give one answer |
//! | `through` | whole requests through Envoy and nginx that ask the gateway, against the same asking who always says the same |
//! | `exchange` | a credential for a session, cold, against one signature and one read |
//! | `evaluation` | the policy engine on one core |
//! | `propagation` | a revocation until every replica has confirmed it, against a message and its answers |
//! | `apply` | changes worked into a gateway's views, against a plain map |
//! | `snapshot` | a replica's start with many entries, against one `SELECT` |
//! | `store` | a cold authentication with few and with very many tokens in PostgreSQL |
//! | `management` | pages and changes of tokens through the REST API, against the bare statements |
//! | `sessions` | requests of few and of very many known sessions |
//! | `size` | memory and start of `sallyport dev`, until the first request is admitted |
//! | `world` | every service in this process, and an application to protect |
//! | `owner`, `follower` | a feed's owner and its replicas, as they are deployed |
//! | `registry` | many tokens at once, and one row read alone |
//! | `nginx` | a plain proxy before the same application, to compare with |
//! | `upstream`, `load` | what stands behind the gateway, and what stands before it |
//! | `series`, `cpu`, `memory` | rounds of a measurement, the server's share of the processor, a process's memory |
//! | `report` | the table, and the same as JSON |
//!
//! To add a path: a module that fills one [`series::Series`] for the floor and one for the path in turn, round by
//! round, and a name in [`Name`].

mod apply;
mod cpu;
mod evaluation;
mod exchange;
mod ext_authz;
mod follower;
mod gateway;
#[expect(dead_code, reason = "the other program uses the rest")]
#[path = "bin/decisions/known.rs"]
mod known;
mod load;
mod management;
mod memory;
mod nginx;
mod owner;
mod propagation;
mod registry;
mod report;
mod series;
mod sessions;
mod size;
mod snapshot;
mod store;
mod through;
mod upstream;
mod world;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use report::Report;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use world::World;

/// How many tokens a full registry holds.
pub const MANY: u32 = 100_000;

/// The same in words.
pub fn many() -> String {
    report::grouped(f64::from(MANY))
}

/// Measures Sallyport beside what the same work costs without it, on this machine, in a few minutes.
///
/// Every path runs in turn with its floor, round by round, so that a drift of the machine changes both; the ratio is the
/// median over the rounds of path / floor. Absolute figures belong to this machine and this minute: compare ratios.
///
/// Nothing here fails because it is slow. It needs no network, listens on free ports of the loopback interface, keeps its
/// files in a temporary directory and removes them.
#[derive(Parser)]
#[command(
    name = "bench",
    after_help = "Examples:\n  \
        cargo run --release -p bench                                   everything\n  \
        cargo run --release -p bench -- --only session                 one path\n  \
        cargo run --release -p bench -- --only session --seconds 1     longer rounds, calmer figures\n  \
        cargo run --release -p bench -- --json | tail -n 1             for a program\n\n\
        Build in release mode, and close what else is busy: a debug build measures the compiler's patience.\n\
        `propagation`, `snapshot`, `store` and `management` start real servers: make servers.\n\
        `through` wants Envoy and nginx: deploy/dev/install-servers --with-edges.\n\
        `size` starts the program `sallyport` that lies beside this one: cargo build --release -p sallyport."
)]
pub struct Arguments {
    /// Measure this alone; may be given again.
    #[arg(long, value_name = "NAME", value_enum)]
    only: Vec<Name>,
    /// How often each path and its floor take turns.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// How long one turn of a gateway path lasts.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.3, value_parser = seconds)]
    seconds: f64,
    /// How many keep-alive connections ask the gateway at once.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// How many entries the feed of `snapshot` holds, and the largest view of `apply`.
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    entries: u32,
    /// How many tokens the full registry of `store` and `size` holds. A million takes about a minute and 1 GB of disk.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(200_000..=20_000_000))]
    tokens: u32,
    /// How many tokens the account of `management` has.
    #[arg(long, value_name = "N", default_value_t = MANY, value_parser = clap::value_parser!(u32).range(3..=5_000_000))]
    listed: u32,
    /// How many sessions the full gateway of `sessions` knows; the other knows 10,000.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..=10_000_000))]
    sessions: u32,
    /// After the table, the same as one JSON object on the last line of standard output.
    #[arg(long)]
    json: bool,
    /// Starts one replica of the feed that this file names the way to: `snapshot` runs itself so.
    #[arg(long, hide = true, value_name = "FILE")]
    starting_replica: Option<PathBuf>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// The gateway with a session JWT that it has verified before.
    Session,
    /// The gateway with a Client ID and Client Secret that it has exchanged before.
    HeaderPair,
    /// Envoy's question at the gateway's second front.
    ExtAuthz,
    /// Whole requests through Envoy and nginx, which ask the gateway.
    Through,
    /// A Client ID and Client Secret that nobody has seen, for a session.
    Exchange,
    /// Decisions of the policy engine.
    Policy,
    /// A revocation until 1, 10 and 50 replicas have confirmed it.
    Propagation,
    /// A gateway's views work in 10,000 changes.
    Apply,
    /// A replica's start with many entries.
    Snapshot,
    /// Cold authentications with 10,000 and with very many tokens in PostgreSQL.
    Store,
    /// Lists and changes of tokens through the REST API, on SQLite and on PostgreSQL.
    Management,
    /// Requests of 10,000 and of very many known sessions.
    Sessions,
    /// Memory and time to ready of `sallyport dev`.
    Size,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    if (0.01..=60.0).contains(&seconds) { Ok(seconds) } else { Err("must be 0.01-60".to_owned()) }
}

impl Arguments {
    fn wants(&self, name: Name) -> bool {
        self.only.is_empty() || self.only.contains(&name)
    }

    fn turn(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// Where things run: threads of their own for each, so that the server's share can be told apart.
pub struct Stage {
    /// As many workers as cores, as in `sallyport dev`.
    pub server: Runtime,
    /// One thread: this one.
    pub load: Runtime,
    /// One thread.
    _behind: Runtime,
    pub upstream: SocketAddr,
}

impl Stage {
    fn set() -> Result<Self> {
        let server = Builder::new_multi_thread().thread_name(cpu::SERVER).enable_all().build()?;
        let load = Builder::new_current_thread().enable_all().build()?;
        let behind =
            Builder::new_multi_thread().worker_threads(1).thread_name("upstream").enable_all().build()?;
        let upstream = behind.block_on(upstream::serve())?;
        Ok(Self { server, load, _behind: behind, upstream })
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if let Some(way) = &arguments.starting_replica {
        return snapshot::starting::run(way);
    }
    if cfg!(debug_assertions) {
        eprintln!("bench: this is a debug build; its figures mean little. Use: cargo run --release -p bench");
    }
    // As in the programs, there is a listener, and it does not want what HTTP libraries say of each frame. Without any, they
    // say it to nobody at some cost.
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::new())?;
    let mut report = Report::new(arguments);
    if arguments.wants(Name::Policy) {
        eprintln!("policy engine …");
        report.sections.push(evaluation::measure(arguments.rounds)?);
    }
    if [Name::Session, Name::HeaderPair, Name::Exchange].into_iter().any(|name| arguments.wants(name)) {
        through_the_services(arguments, &mut report)?;
    }
    if arguments.wants(Name::ExtAuthz) {
        let stage = Stage::set().context("starting the threads")?;
        let world = stage.server.block_on(World::open(world::Kind::Empty, stage.upstream))?;
        report.sections.extend(ext_authz::measure(arguments, &stage, &world)?);
        stage.server.block_on(world.close())?;
    }
    if arguments.wants(Name::Through) {
        report.sections.extend(through::measure(arguments)?);
    }
    if arguments.wants(Name::Propagation) {
        report.sections.extend(propagation::measure(arguments)?);
    }
    if arguments.wants(Name::Apply) {
        eprintln!("views …");
        report.sections.push(apply::measure(arguments.rounds, arguments.entries));
    }
    if arguments.wants(Name::Snapshot) {
        report.figures.push(snapshot::measure(arguments.entries)?);
    }
    if arguments.wants(Name::Store) {
        report.sections.push(store::measure(arguments)?);
    }
    if arguments.wants(Name::Management) {
        report.sections.extend(management::measure(arguments)?);
    }
    if arguments.wants(Name::Sessions) {
        report.sections.extend(sessions::measure(arguments)?);
    }
    if arguments.wants(Name::Size) {
        report.figures.push(size::measure(arguments)?);
    }
    report.print(arguments.json)
}

fn through_the_services(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let stage = Stage::set().context("starting the threads")?;
    eprintln!("starting the services three times: checks off, empty registry, {} tokens …", many());
    let open = |kind| stage.server.block_on(World::open(kind, stage.upstream));
    let worlds = [open(world::Kind::Unguarded)?, open(world::Kind::Empty)?, open(world::Kind::Full)?];
    let [floor, empty, full] = &worlds;
    if arguments.wants(Name::Session) || arguments.wants(Name::HeaderPair) {
        report.sections.extend(gateway::measure(arguments, &stage, floor, [empty, full])?);
    }
    if arguments.wants(Name::Exchange) {
        report.sections.push(exchange::measure(arguments.rounds, &stage, [empty, full])?);
    }
    for world in worlds {
        stage.server.block_on(world.close())?;
    }
    Ok(())
}
