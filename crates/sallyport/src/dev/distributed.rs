//! The distributed topology: real PostgreSQL, Redis and NATS, and one process a service.
//!
//! | module | holds |
//! |---|---|
//! | `config` | the configuration files of the processes |
//! | `stack` | the processes and servers as a value, for programs that disturb them |

mod config;
mod stack;

pub use stack::{Plan, Stack};

use crate::dev::state::State;
use crate::dev::{Options, announce, upstream};
use anyhow::{Result, bail};
use local_servers::{Durability, Search, Servers};
use tokio_util::sync::CancellationToken;

pub async fn run(options: &Options, state: State, stop: CancellationToken) -> Result<()> {
    eprintln!("starting PostgreSQL, Redis and NATS …");
    let servers = servers(&state, Durability::Durable).await?;
    let plan = Plan {
        gateway: options.gateway,
        ext_authz: options.ext_authz,
        admin: options.admin,
        forward_auth: options.forward_auth,
        team_domain: options.team_domain.clone(),
        gateways: options.gateways.unwrap_or(2),
        notifiers: options.notifiers.unwrap_or(1),
        log: options.log.clone(),
        otlp: options.otlp.clone(),
    };
    let mut stack = Stack::prepare(&plan, state, servers).await?;
    let outcome = run_on(options, &mut stack, &stop).await;
    stop.cancel();
    outcome.and(stack.stop().await)
}

/// PostgreSQL, Redis and NATS, running in the data directory.
pub async fn servers(state: &State, durability: Durability) -> Result<Servers> {
    let folder = state.data_dir.join("servers");
    std::fs::create_dir_all(&folder)?;
    Servers::start(&folder, &search(), durability).await
}

/// Beside this program, in the workspace's tools, and wherever the shell would look.
fn search() -> Search {
    let mut search = Search::new();
    if let Ok(program) = std::env::current_exe() {
        for folder in program.ancestors().skip(1).take(4) {
            search = search.directory(folder.join(".tools/bin"));
        }
    }
    search = search.directory(".tools/bin");
    match std::env::var_os("PATH") {
        Some(path) => search.path(&path),
        None => search,
    }
}

async fn run_on(options: &Options, stack: &mut Stack, stop: &CancellationToken) -> Result<()> {
    let started = async {
        let proxy = options.proxy(upstream(options, stop).await?);
        stack.start(&proxy).await?;
        let state = State { data_dir: stack.state.data_dir.clone(), memory: stack.state.memory.clone() };
        announce(options, state, &stack.places).await
    };
    match stop.run_until_cancelled(started).await {
        Some(Err(error)) => return Err(error),
        None => return Ok(()),
        Some(Ok(())) => {}
    }
    match stop.run_until_cancelled(stack.processes.first_to_end()).await {
        Some(ended) if !stop.is_cancelled() => bail!("{ended}; see its log above"),
        Some(_) | None => Ok(()),
    }
}
