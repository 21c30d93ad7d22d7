//! The installation that loses things, and what is asked of it.

use crate::full_disk::SmallDisk;
use crate::rows::Loss;
use harness::http::{Call, Client};
use harness::rest::Rest;
use harness::secrets::Secrets;
use harness::{App, Token, service_auth, until};
use http::Method;
use local_servers::Server;
use prove::site::Site;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The services' own.
pub const LEASE: Duration = Duration::from_secs(5);
pub const PATIENCE: Duration = Duration::from_secs(45);

pub struct Ground {
    site: Site,
    rest: Rest,
    gateway: SocketAddr,
    names: AtomicU32,
}

/// Requests that were all good before the loss, but for two without a credential.
pub struct Known {
    pub closed: Call,
    pub last_known_good: Call,
    pub open: Call,
    /// Pairs that no gateway has seen.
    pub stranger_at_closed: Call,
    pub stranger_at_last_known_good: Call,
    pub nobody_at_closed: Call,
    pub nobody_at_open: Call,
    /// An application on which nothing else here depends.
    spare: App,
}

impl Ground {
    pub async fn start() -> Self {
        let site = Site::start(None).await.unwrap();
        let memory = &site.stack.state.memory;
        let rest = Rest {
            address: site.stack.places.admin,
            account_id: memory.account_id.clone(),
            api_token: memory.api_token.clone(),
            client: Client::default(),
            secrets: Arc::new(Secrets::default()),
        };
        let gateway = *site.stack.places.gateways.first().unwrap();
        Self { site, rest, gateway, names: AtomicU32::new(0) }
    }

    pub async fn stop(mut self) {
        self.site.stop().await.unwrap();
    }

    fn name(&self) -> String {
        format!("loss-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    async fn token(&self) -> Token {
        Token::of(self.rest.post("access/service_tokens", &json!({"name": self.name()})).await.result(201))
    }

    /// An application that these tokens open.
    async fn app(&self, tokens: &[&Token], mode: &Value) -> App {
        let domain = format!("{}.test", self.name());
        let body = json!({"type": "self_hosted", "domain": domain, "policies": [service_auth(tokens)]});
        let app = App::of(self.rest.post("access/apps", &body).await.result(201));
        let path = format!("/sallyport/v1/accounts/{}/apps/{}/failure_mode", self.rest.account_id, app.id);
        let call = self.rest.client.call(self.rest.address, Method::PUT, &path).json(mode);
        call.header("authorization", &format!("Bearer {}", self.rest.api_token)).send().await.result(200);
        app
    }

    fn call(&self, app: &App) -> Call {
        self.rest.client.call(self.gateway, Method::GET, "/").header("host", &app.domain)
    }

    async fn session(&self, app: &App, token: &Token) -> Call {
        let reply = self.call(app).pair(token).send().await;
        let jwt = reply.cookie().unwrap_or_else(|| panic!("no session at {}: {reply:?}", app.domain));
        self.call(app).cookie(&jwt)
    }

    /// Applications of each failure mode, and sessions that a gateway knows.
    pub async fn prepare(&self) -> Known {
        let (known, stranger) = (self.token().await, self.token().await);
        let both = [&known, &stranger];
        let closed = self.app(&both, &json!({"mode": "closed"})).await;
        let stale = json!({"mode": "last_known_good", "max_staleness": "10m"});
        let last_known_good = self.app(&both, &stale).await;
        let words = "requests are admitted unjudged while a gateway is cut off";
        let open = self.app(&both, &json!({"mode": "open", "acknowledge": words})).await;
        self.until_owners_are_told().await;
        Known {
            closed: self.session(&closed, &known).await,
            last_known_good: self.session(&last_known_good, &known).await,
            open: self.session(&open, &known).await,
            stranger_at_closed: self.call(&closed).pair(&stranger),
            stranger_at_last_known_good: self.call(&last_known_good).pair(&stranger),
            nobody_at_closed: self.call(&closed),
            nobody_at_open: self.call(&open),
            spare: self.app(&[&known], &json!({"mode": "closed"})).await,
        }
    }

    /// A gateway admits without a lease only what each feed's owner knows that it does.
    async fn until_owners_are_told(&self) {
        const UNBOUNDED: i64 = -1;
        let are_told = async || {
            let call = self.rest.client.call(self.rest.address, Method::GET, "/sallyport/v1/fleet");
            let call = call.header("authorization", &format!("Bearer {}", self.rest.api_token));
            let fleet = call.send().await.result(200);
            let is_gateway = |replica: &&Value| replica["replica"].as_str().unwrap().contains("gateway");
            let gateways = fleet["replicas"].as_array().unwrap().iter().filter(is_gateway);
            let feeds: Vec<&Value> = gateways.flat_map(|it| it["feeds"].as_array().unwrap()).collect();
            let are_told = feeds.len() >= 3 && feeds.iter().all(|feed| feed["staleness_ms"] == UNBOUNDED);
            are_told.then_some(())
        };
        until("every feed's owner is told of the failure modes", PATIENCE, are_told).await;
    }

    /// 0: no answer.
    pub async fn status(&self, call: &Call) -> u16 {
        call.clone().try_send().await.map_or(0, |reply| reply.status)
    }

    pub async fn make_token(&self) -> u16 {
        self.make_named_token().await.1
    }

    pub async fn make_named_token(&self) -> (String, u16) {
        let name = self.name();
        let call = self.rest.call(Method::POST, "access/service_tokens").json(&json!({"name": name}));
        let status = self.status(&call).await;
        (name, status)
    }

    /// Of every token that there is.
    pub async fn token_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for page in 1.. {
            let path = format!("access/service_tokens?per_page=1000&page={page}");
            let tokens = self.rest.get(&path).await.result(200);
            let before = names.len();
            let list = tokens.as_array().unwrap();
            names.extend(list.iter().map(|token| token.get("name").unwrap().as_str().unwrap().to_owned()));
            if names.len() == before {
                break;
            }
        }
        names
    }

    /// Puts PostgreSQL's files onto a disk with little room; none where nothing can be mounted.
    pub async fn small_disk_for_postgres(&mut self) -> Option<SmallDisk> {
        let folder = self.site.stack.state.data_dir.join("servers/postgres");
        let server = &mut self.site.stack.servers.postgres.server;
        server.stop().await.unwrap();
        let disk = SmallDisk::holding(&folder, 24 * 1024);
        server.restart().await.unwrap();
        disk
    }

    pub async fn revoke_sessions(&self, known: &Known) -> u16 {
        let path = format!("{}/revoke_tokens", known.spare.path());
        self.status(&self.rest.call(Method::POST, &path)).await
    }

    fn server(&mut self, loss: Loss) -> Option<&mut Server> {
        let servers = &mut self.site.stack.servers;
        match loss {
            Loss::Postgres | Loss::PostgresHanging => Some(&mut servers.postgres.server),
            Loss::Redis | Loss::RedisHanging => Some(&mut servers.redis.server),
            Loss::Nats | Loss::NatsHanging => Some(&mut servers.nats.server),
            _ => None,
        }
    }

    const fn process(loss: Loss) -> &'static str {
        match loss {
            Loss::TokenRegistry => "token-registry",
            Loss::PolicyEvaluator => "policy-evaluator",
            Loss::SessionIssuer => "session-issuer",
            Loss::Notifier => "notifier",
            _ => "admin-api",
        }
    }

    pub async fn lose(&mut self, loss: Loss) {
        match (loss, self.server(loss)) {
            (Loss::PostgresHanging | Loss::RedisHanging | Loss::NatsHanging, Some(server)) => {
                server.freeze().unwrap();
            }
            (_, Some(server)) => server.kill().await,
            (_, None) => self.site.stack.processes.kill(Self::process(loss)).await.unwrap(),
        }
    }

    pub async fn bring_back(&mut self, loss: Loss) {
        match (loss, self.server(loss)) {
            (Loss::PostgresHanging | Loss::RedisHanging | Loss::NatsHanging, Some(server)) => {
                server.thaw().unwrap();
            }
            (_, Some(server)) => server.restart().await.unwrap(),
            (_, None) => {
                let name = Self::process(loss);
                self.site.stack.processes.restart(name).unwrap();
                self.site.stack.until_ready(name).await.unwrap();
            }
        }
    }
}
