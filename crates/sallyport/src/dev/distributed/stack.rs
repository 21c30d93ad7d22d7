//! The distributed topology as a value: for `sallyport dev --distributed`, and for programs that disturb it.

use super::config::{self, Configs, Routes, Service};
use crate::dev::pki;
use crate::dev::places::{Places, bind, bind_both};
use crate::dev::processes::Processes;
use crate::dev::state::State;
use crate::embedded::OPERATOR;
use anyhow::{Context as _, Result};
use edge_gateway::config::Proxy;
use local_servers::Servers;
use proto::policy_evaluator::PutOrganizationRequest;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use reqwest::Client;
use service_kit::GrpcChannel;
use service_kit::config::Tls;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};

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

/// Those with a database, in the order in which they are started.
const BACKENDS: [&str; 4] = ["token_registry", "policy_evaluator", "session_issuer", "notifier"];

/// How much of it there is, and where its doors are.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The first gateway's address; port 0 picks a free one.
    pub gateway: SocketAddr,
    /// Where the first gateway answers Envoy, if it does; port 0 picks a free one.
    pub ext_authz: Option<SocketAddr>,
    /// The management API's; port 0 picks a free one.
    pub admin: SocketAddr,
    /// Where other proxies ask the first gateway; port 0 picks a free one.
    pub forward_auth: Option<SocketAddr>,
    /// The team domain's URL, if it is not the first gateway's own.
    pub team_domain: Option<String>,
    pub gateways: u8,
    pub notifiers: u8,
    /// What the processes log.
    pub log: String,
    /// Where they send traces of every request; none: nowhere.
    pub otlp: Option<String>,
}

/// Every process and server, and what is needed to start one again.
pub struct Stack {
    pub state: State,
    pub servers: Servers,
    pub processes: Processes,
    pub places: Places,
    configs: Configs,
    /// Keeps the places until the programs that listen there have started, and while one is started again.
    _kept: Vec<TcpSocket>,
}

impl Stack {
    /// Chooses where everything listens; starts nothing yet. `servers` are running.
    pub async fn prepare(plan: &Plan, mut state: State, servers: Servers) -> Result<Self> {
        let pki = pki::prepare(&state, &CALLERS)?;
        let (places, services, kept) = choose_places(plan, &mut state).await?;
        let configs = Configs {
            folder: state.folder("run")?,
            pki,
            log: plan.log.clone(),
            otlp: plan.otlp.clone(),
            redis: servers.redis.url().to_owned(),
            nats: servers.nats.url().to_owned(),
            services,
            routes: Routes::default(),
        };
        configs.write_index()?;
        Ok(Self { state, servers, processes: Processes::default(), places, configs, _kept: kept })
    }

    /// Where the processes of this kind listen for their callers, or where a server does: `token-registry`,
    /// `postgresql`, `redis`, `nats`.
    pub fn address(&self, callee: &str) -> Result<SocketAddr> {
        let url = match callee {
            "postgresql" => self.servers.postgres.url().to_owned(),
            "redis" => self.servers.redis.url().to_owned(),
            "nats" => self.servers.nats.url().to_owned(),
            kind => self.configs.url(kind)?,
        };
        config::address_in(&url).with_context(|| format!("{callee} has no address"))
    }

    /// From its next start, the process `caller` reaches `callee` at `address` and not directly.
    pub fn route(&mut self, caller: &str, callee: &str, address: SocketAddr) {
        self.configs.routes.set(caller, callee, address);
    }

    /// Names of the processes, in the order in which they start.
    pub fn names(&self) -> Vec<String> {
        self.configs.services.iter().map(|service| service.name.clone()).collect()
    }

    /// Starts every process, callee first, and returns when all are ready.
    pub async fn start(&mut self, proxy: &Proxy) -> Result<()> {
        let Self { state, servers, processes, places, configs, _kept: _ } = self;
        for database in BACKENDS {
            let url = servers.postgres.create_database(database, database, None).await?;
            for service in configs.services.iter().filter(|service| service.table() == database) {
                let table = config::backend(state, configs, service, &url, places)?;
                processes.start(&service.name, service.kind, &configs.write(service, &table)?)?;
            }
            configs.until_ready(|service| service.table() == database).await?;
        }
        let file = configs.admin(state, places)?;
        processes.start("admin-api", "admin-api", &file)?;
        for (index, address) in places.gateways.iter().enumerate() {
            let name = format!("edge-gateway-{}", index + 1);
            let ext_authz = places.ext_authz.filter(|_| index == 0);
            let forward_auth = places.forward_auth.filter(|_| index == 0);
            let file = configs.gateway(&name, *address, ext_authz, forward_auth, proxy)?;
            processes.start(&name, "edge-gateway", &file)?;
        }
        configs.until_ready(|service| matches!(service.kind, "admin-api" | "edge-gateway")).await?;
        set_team_domain(state, configs, places).await
    }

    /// Until the process of this name says that it is ready; an error after 30 s.
    pub async fn until_ready(&self, name: &str) -> Result<()> {
        self.configs.until_ready(|service| service.name == name).await
    }

    /// Stops everything, and says what did not stop by itself.
    pub async fn stop(&mut self) -> Result<()> {
        let stopped = self.processes.stop().await;
        stopped.and(self.servers.stop().await)
    }
}

/// Free ports for everything. They are kept, so that nobody else takes one before its program listens there.
async fn choose_places(plan: &Plan, state: &mut State) -> Result<(Places, Vec<Service>, Vec<TcpSocket>)> {
    let (gateway, admin) = bind_both(plan.gateway, plan.admin, state).await?;
    let ext_authz = match plan.ext_authz {
        Some(asked) => Some(bind(asked, None, "--ext-authz").await?),
        None => None,
    };
    let mut kept = Vec::new();
    let mut free = || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, local_servers::free_port()?));
        kept.push(keep(address)?);
        anyhow::Ok(address)
    };
    let mut gateways = vec![gateway.local_addr()?];
    let mut services = Vec::new();
    let notifiers = usize::from(plan.notifiers);
    for (kind, count) in
        [("token-registry", 1), ("policy-evaluator", 1), ("session-issuer", 1), ("notifier", notifiers)]
    {
        for index in 1..=count {
            let name = if count == 1 { kind.to_owned() } else { format!("{kind}-{index}") };
            services.push(Service { kind, name, listen: free()?, operations: free()? });
        }
    }
    let forward_auth = match plan.forward_auth {
        Some(asked) if asked.port() == 0 => Some(SocketAddr::new(asked.ip(), free()?.port())),
        asked => asked,
    };
    let admin_address = admin.local_addr()?;
    services.push(Service {
        kind: "admin-api",
        name: "admin-api".into(),
        listen: admin_address,
        operations: free()?,
    });
    for index in 1..=usize::from(plan.gateways) {
        if index > 1 {
            gateways.push(free()?);
        }
        let listen = gateways.last().copied().context("a gateway")?;
        services.push(Service {
            kind: "edge-gateway",
            name: format!("edge-gateway-{index}"),
            listen,
            operations: free()?,
        });
    }
    let places = Places {
        gateways,
        team_domain: plan.team_domain.clone(),
        ext_authz: ext_authz.as_ref().map(TcpListener::local_addr).transpose()?,
        admin: admin_address,
        forward_auth,
        operations: None,
        outbox: state.folder("outbox")?,
        data_dir: state.data_dir.clone(),
    };
    for listener in [gateway, admin].into_iter().chain(ext_authz) {
        let address = listener.local_addr()?;
        drop(listener);
        kept.push(keep(address)?);
    }
    Ok((places, services, kept))
}

/// Nobody is given this port as a free one as long as the socket lives, and whoever is told of it may listen there.
fn keep(address: SocketAddr) -> Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address).with_context(|| format!("{address} was free a moment ago"))?;
    Ok(socket)
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
    /// Until every one of these processes answers that it is ready.
    async fn until_ready(&self, which: impl Fn(&Service) -> bool) -> Result<()> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(1)).build()?;
        for service in self.services.iter().filter(|service| which(service)) {
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
