//! The `main` of a service that is its own process: `<service> --config FILE`.

use crate::assembly::{self, Assembly};
use crate::caller::Callers;
use crate::channel::Peers;
use crate::config::{self, Tls};
use crate::operations::{self, Ready};
use crate::server;
use clap::Parser;
use model::{Clock, Error, SystemClock};
use serde::de::DeserializeOwned;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long stopping may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What surrounds a standalone service.
pub struct Setting {
    pub clock: Arc<dyn Clock>,
    pub tls: Tls,
    pub peers: Peers,
}

/// How long a service that is told to stop takes its time, beyond what every service may take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Farewell {
    /// With `/readyz` failing already, and everything else as before.
    pub unready: Duration,
    /// In all.
    pub whole: Duration,
}

/// A service that can be its own process.
pub trait Service {
    /// With dashes: `token-registry`.
    const NAME: &'static str;
    /// Full names of the gRPC services it offers, for health checks.
    const GRPC_SERVICES: &'static [&'static str];
    type Config: DeserializeOwned + Send;

    /// Every problem of a configuration at once; empty: none.
    fn problems(config: &Self::Config) -> Vec<String>;

    /// Where it listens for gRPC, and who may call what. `None`: it serves no gRPC.
    fn grpc(config: &Self::Config) -> Option<(SocketAddr, Callers)>;

    /// Where it answers `/healthz`, `/readyz` and `/metrics`. `None`: nowhere.
    fn operations(config: &Self::Config) -> Option<SocketAddr>;

    /// How long it takes its time to stop.
    fn farewell(_: &Self::Config) -> Farewell {
        Farewell::default()
    }

    /// Connects everything and builds the service.
    fn assemble(
        config: Self::Config,
        setting: &Setting,
    ) -> impl Future<Output = Result<(Assembly, Ready), Error>> + Send;
}

#[derive(Parser)]
#[command(about = "One Sallyport service as its own process.", version)]
struct Arguments {
    /// TOML file with a table for this service; `SALLYPORT__<TABLE>__<KEY>` overrides a key.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Judge the configuration and stop.
    #[arg(long)]
    check_config: bool,
    /// Also stop when standard input ends: for a supervisor that may die without saying so.
    #[arg(long)]
    stop_with_stdin: bool,
}

/// Runs `S` until SIGINT or SIGTERM. Exit code 0 after a clean stop, 2 for a wrong configuration, 1 for a failure.
pub fn main<S: Service>() -> ExitCode {
    let arguments = Arguments::parse();
    let table = S::NAME.replace('-', "_");
    let loaded = match config::load::<S::Config>(&arguments.config, &table) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(S::NAME, &[error.message().to_owned()]),
    };
    let problems = S::problems(&loaded.service);
    if !problems.is_empty() {
        return refuse(S::NAME, &problems);
    }
    if arguments.check_config {
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(S::NAME, &[error.to_string()]),
    };
    runtime.block_on(async {
        let _telemetry = telemetry::start(S::NAME, &loaded.telemetry);
        let setting = Setting { clock: Arc::new(SystemClock), tls: loaded.tls, peers: loaded.peers };
        match serve::<S>(loaded.service, setting, arguments.stop_with_stdin).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(%error, "stopped");
                ExitCode::FAILURE
            }
        }
    })
}

async fn serve<S: Service>(config: S::Config, setting: Setting, stop_with_stdin: bool) -> Result<(), Error> {
    let grpc = S::grpc(&config);
    let operations = S::operations(&config);
    let farewell = S::farewell(&config);
    let (Assembly { routes, mut workers }, ready) = S::assemble(config, &setting).await?;
    if let Some((address, callers)) = grpc {
        let routes = server::with_health_and_reflection(routes, S::GRPC_SERVICES).await?;
        workers.push(server::listen(routes, callers, &setting.tls, address).await?);
    }
    if let Some(address) = operations {
        workers.push(operations::listen(address, ready, farewell.unready).await?);
    }
    tracing::info!(service = S::NAME, "running");
    let stop = stop_on_signal_within(PATIENCE + farewell.whole)?;
    if stop_with_stdin {
        stop_when_stdin_ends(stop.clone());
    }
    assembly::run(workers, stop).await
}

/// On a thread of its own: a read of standard input cannot be given up, and must not hold up the end.
fn stop_when_stdin_ends(stop: CancellationToken) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        stop.cancel();
    });
}

/// Cancelled by the first SIGINT or SIGTERM. Another after a second, or ten seconds of not stopping, ends the process.
pub fn stop_on_signal() -> Result<CancellationToken, Error> {
    stop_on_signal_within(PATIENCE)
}

fn stop_on_signal_within(patience: Duration) -> Result<CancellationToken, Error> {
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let stopped = stop.clone();
    tokio::spawn(async move {
        let mut either = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        either().await;
        tracing::info!("stopping");
        stopped.cancel();
        let first = tokio::time::Instant::now();
        let told_again = async {
            // Supervisors repeat themselves; a person who presses the key again has waited.
            while first.elapsed() < Duration::from_secs(1) {
                either().await;
            }
        };
        let _ = tokio::time::timeout(patience, told_again).await;
        tracing::error!("did not stop in time, or was told twice");
        std::process::exit(1);
    });
    Ok(stop)
}

fn refuse(service: &str, problems: &[String]) -> ExitCode {
    for problem in problems {
        eprintln!("{service}: {problem}");
    }
    ExitCode::from(2)
}
