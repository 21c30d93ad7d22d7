//! `sallyport dev`: something that runs, from nothing, with a sample application and a token that opens it.
//!
//! | module | holds |
//! |---|---|
//! | `state` | what is remembered between two starts |
//! | `places` | addresses and ports |
//! | `all_in_one` | the embedded topology |
//! | `distributed` | the distributed topology: real servers, one process a service |
//! | `pki` | certificates for mutual TLS between those processes |
//! | `processes` | starting, watching and stopping them |
//! | `seed` | the first application, policy and token, through the public API |
//! | `sample` | an application that shows what it received |
//! | `report` | what is printed |

mod all_in_one;
pub mod distributed;
pub mod pki;
pub mod places;
pub mod processes;
mod report;
mod sample;
mod seed;
pub mod state;

use anyhow::{Context as _, Result};
use clap::Args;
use edge_gateway::config::Proxy;
use ipnet::IpNet;
use places::Places;
use report::Report;
use service_kit::standalone::stop_on_signal;
use state::{State, Topology};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Who the alerts of a development installation are from.
pub const MAIL_FROM: &str = "Sallyport <sallyport@localhost>";
/// How often a development installation looks for expiring tokens.
pub const SCAN_INTERVAL: Duration = Duration::from_secs(2);

/// Nobody outside keeps a development installation's key set: its key can be rotated at once.
pub const KEY_SET_CACHE_LIFETIME: Duration = Duration::ZERO;

/// `sallyport dev`.
#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Example:\n  $ sallyport dev --data-dir ./try --gateway 127.0.0.1:0 --upstream http://127.0.0.1:3000"
)]
pub struct Options {
    /// Where everything is kept; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = ".data")]
    data_dir: PathBuf,
    /// Where the gateway listens; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8787")]
    gateway: SocketAddr,
    /// Answer Envoy's external authorization here, at the first gateway; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    ext_authz: Option<SocketAddr>,
    /// Where the management API listens; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8788")]
    admin: SocketAddr,
    /// Answer /healthz, /readyz and /metrics here; port 0 picks a free one. With --distributed each process has its own.
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "distributed")]
    operations: Option<SocketAddr>,
    /// Protect this application instead of the sample: http://host:port.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Answer other proxies on this machine here, at /authz/…; port 0 picks a free one. With --distributed it is the first
    /// gateway that answers.
    #[arg(long, value_name = "ADDR:PORT")]
    forward_auth: Option<SocketAddr>,
    /// The protected application's domain [default: app.localhost].
    #[arg(long, value_name = "HOST")]
    domain: Option<String>,
    /// The team domain's URL, which sessions name as their issuer [default: `http://team.localhost:<port of the gateway>`].
    #[arg(long, value_name = "URL")]
    team_domain: Option<String>,
    /// One JSON object on the first line of standard output, for programs.
    #[arg(long)]
    json: bool,
    /// Real PostgreSQL, Redis and NATS, and one process a service.
    #[arg(long)]
    distributed: bool,
    /// How many gateways, with --distributed [default: 2].
    #[arg(long, value_name = "N", requires = "distributed", value_parser = clap::value_parser!(u8).range(1..=20))]
    gateways: Option<u8>,
    /// How many notifiers, with --distributed [default: 1].
    #[arg(long, value_name = "N", requires = "distributed", value_parser = clap::value_parser!(u8).range(1..=5))]
    notifiers: Option<u8>,
    /// Proxy whose X-Forwarded-For and country header are believed; may be given again.
    #[arg(long = "trusted-proxy", value_name = "CIDR")]
    trusted_proxies: Vec<IpNet>,
    /// Header in which a trusted proxy names the client's country, for example CF-IPCountry.
    #[arg(long, value_name = "NAME")]
    country_header: Option<String>,
    /// Country database in the format of `MaxMind`.
    #[arg(long, value_name = "FILE")]
    country_database: Option<PathBuf>,
    /// Send traces of every request to this OTLP endpoint (gRPC), for example `http://127.0.0.1:4317`.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// What is logged to standard error.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
}

impl Options {
    fn proxy(&self, upstream: String) -> Proxy {
        Proxy {
            upstream: Some(upstream),
            trusted_proxies: self.trusted_proxies.clone(),
            country_header: self.country_header.clone(),
            country_database: self.country_database.clone(),
            ..Proxy::default()
        }
    }

    fn telemetry(&self) -> telemetry::Config {
        let (level, otlp) = (self.log.clone(), self.otlp.clone());
        telemetry::Config { level, format: telemetry::Format::Text, otlp, sample: 1.0 }
    }
}

/// Runs until SIGINT or SIGTERM.
pub fn main(options: &Options) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        let _telemetry = telemetry::start("sallyport", &options.telemetry());
        let stop = stop_on_signal()?;
        let topology = if options.distributed { Topology::Distributed } else { Topology::Embedded };
        let state = State::open(&options.data_dir, topology)?;
        match topology {
            Topology::Embedded => all_in_one::run(options, state, stop).await,
            Topology::Distributed => distributed::run(options, state, stop).await,
        }
    })
}

/// The upstream that is protected: the given one, or the sample application, served until `stop`.
async fn upstream(options: &Options, stop: &CancellationToken) -> Result<String> {
    match &options.upstream {
        Some(url) => Ok(url.trim_end_matches('/').to_owned()),
        None => sample::serve(stop.clone()).await,
    }
}

/// Seeds the first start, and says what there is.
async fn announce(options: &Options, state: State, places: &Places) -> Result<()> {
    let seeded = seed::seed(state, places, options.domain.as_deref()).await?;
    let report = Report { seeded, places, is_distributed: options.distributed };
    if options.json { report.print_json() } else { report.print() }
}
