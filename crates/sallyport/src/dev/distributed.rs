//! The distributed topology: real PostgreSQL, Redis and NATS, and one process a service.

mod config;

use crate::dev::places::{Places, bind_both};
use crate::dev::processes::Processes;
use crate::dev::state::State;
use crate::dev::{Options, announce, pki, upstream};
use crate::embedded::OPERATOR;
use anyhow::{Context as _, Result, bail};
use config::{Configs, Service};
use local_servers::{Durability, Search, Servers};
use proto::policy_evaluator::PutOrganizationRequest;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use reqwest::Client;
use service_kit::GrpcChannel;
use service_kit::config::Tls;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Callers of the services, each with a certificate.
const CALLERS: [&str; 7] = [
    "token-registry",
    "policy-evaluator",
    "session-issuer",
    "notifier",
    "admin-api",
    "edge-gateway",
    OPERATOR,
];

pub async fn run(options: &Options, mut state: State, stop: CancellationToken) -> Result<()> {
    let folder = state.data_dir.join("servers");
    std::fs::create_dir_all(&folder)?;
    eprintln!("starting PostgreSQL, Redis and NATS …");
    let mut servers = Servers::start(&folder, &search(), Durability::Durable).await?;
    let mut processes = Processes::default();
    let outcome = run_on(options, &mut state, &servers, &mut processes, &stop).await;
    stop.cancel();
    let stopped = processes.stop().await;
    let servers_stopped = servers.stop().await;
    outcome.and(stopped).and(servers_stopped)
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

async fn run_on(
    options: &Options,
    state: &mut State,
    servers: &Servers,
    processes: &mut Processes,
    stop: &CancellationToken,
) -> Result<()> {
    let pki = pki::prepare(state, &CALLERS)?;
    let (places, services) = choose_places(options, state).await?;
    let configs = Configs {
        folder: state.folder("run")?,
        pki: pki.clone(),
        log: options.log.clone(),
        redis: servers.redis.url().to_owned(),
        nats: servers.nats.url().to_owned(),
        services,
    };
    configs.write_index()?;
    let started = async {
        for database in ["token_registry", "policy_evaluator", "session_issuer", "notifier"] {
            let url = servers.postgres.create_database(database, database, None).await?;
            for service in configs.services.iter().filter(|service| service.table() == database) {
                let file =
                    configs.write(service, &config::backend(state, &configs, service, &url, &places)?)?;
                processes.start(&service.name, service.kind, &file)?;
            }
            configs.until_ready(database).await?;
        }
        let file = configs.admin(state, &places)?;
        processes.start("admin-api", "admin-api", &file)?;
        let proxy = options.proxy(upstream(options, stop).await?);
        for (index, address) in places.gateways.iter().enumerate() {
            let name = format!("edge-gateway-{}", index + 1);
            let file = configs.gateway(&name, *address, &proxy)?;
            processes.start(&name, "edge-gateway", &file)?;
        }
        configs.until_ready("admin_api").await?;
        configs.until_ready("edge_gateway").await?;
        set_team_domain(state, &configs, &places).await?;
        announce(options, State { data_dir: state.data_dir.clone(), memory: state.memory.clone() }, &places)
            .await
    };
    match stop.run_until_cancelled(started).await {
        Some(Err(error)) => return Err(error),
        None => return Ok(()),
        Some(Ok(())) => {}
    }
    match stop.run_until_cancelled(processes.first_to_end()).await {
        Some(ended) if !stop.is_cancelled() => bail!("{ended}; see its log above"),
        Some(_) | None => Ok(()),
    }
}

/// Free ports for everything. They are held together and then given up together, so that no two are the same.
async fn choose_places(options: &Options, state: &mut State) -> Result<(Places, Vec<Service>)> {
    let (gateway, admin) = bind_both(options.gateway, options.admin, state).await?;
    let mut held = Vec::new();
    let mut free = async || {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.local_addr()?;
        held.push(listener);
        anyhow::Ok(address)
    };
    let mut gateways = vec![gateway.local_addr()?];
    let mut services = Vec::new();
    let notifiers = usize::from(options.notifiers.unwrap_or(1));
    for (kind, count) in
        [("token-registry", 1), ("policy-evaluator", 1), ("session-issuer", 1), ("notifier", notifiers)]
    {
        for index in 1..=count {
            let name = if count == 1 { kind.to_owned() } else { format!("{kind}-{index}") };
            services.push(Service { kind, name, listen: free().await?, operations: free().await? });
        }
    }
    let admin_address = admin.local_addr()?;
    services.push(Service {
        kind: "admin-api",
        name: "admin-api".into(),
        listen: admin_address,
        operations: free().await?,
    });
    for index in 1..=usize::from(options.gateways.unwrap_or(2)) {
        if index > 1 {
            gateways.push(free().await?);
        }
        let listen = gateways.last().copied().context("a gateway")?;
        services.push(Service {
            kind: "edge-gateway",
            name: format!("edge-gateway-{index}"),
            listen,
            operations: free().await?,
        });
    }
    let places = Places {
        gateways,
        admin: admin_address,
        outbox: state.folder("outbox")?,
        data_dir: state.data_dir.clone(),
    };
    Ok((places, services))
}

async fn set_team_domain(state: &State, configs: &Configs, places: &Places) -> Result<()> {
    let files = pki::files(&configs.pki, OPERATOR);
    let tls = Tls { authority: files.authority, certificate: files.certificate, key: files.key };
    let channel = GrpcChannel::remote("policy-evaluator", &configs.url("policy-evaluator")?, &tls)?;
    let organization = PutOrganizationRequest {
        account_id: state.memory.account_id.clone(),
        name: Some("Development".to_owned()),
        auth_domain: Some(places.auth_domain()),
        issuer: Some(places.issuer()),
        ..PutOrganizationRequest::default()
    };
    PolicyEvaluatorClient::new(channel)
        .put_organization(organization)
        .await
        .context("setting the team domain")?;
    Ok(())
}

impl Configs {
    /// Until every process of this table answers that it is ready.
    async fn until_ready(&self, table: &str) -> Result<()> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(1)).build()?;
        for service in self.services.iter().filter(|service| service.table() == table) {
            let url = format!("http://{}/readyz", service.operations);
            let wait = async {
                while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
            waited
                .with_context(|| format!("{} was not ready within 30 s; see its log above", service.name))?;
        }
        Ok(())
    }
}
