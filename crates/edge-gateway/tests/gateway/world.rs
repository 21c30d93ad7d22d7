//! The services in one process.

use crate::client::{Client, PATIENCE};
use crate::link::{Link, Mode};
use crate::time::Time;
use crate::upstream::Upstream;
use database::Database;
use edge_gateway::config::{Limits, Proxy, Throttle};
use edge_gateway::forward_auth::Front;
use http::HeaderName;
use ipnet::IpNet;
use model::{AccountId, Clock, Error, SystemClock};
use proto::change_feed::ListReplicasRequest;
use proto::change_feed::change_feed_client::ChangeFeedClient;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::policy_evaluator::rule::Selector;
use proto::policy_evaluator::{
    ApplicationSpec, CreateApplicationRequest, Decision, Empty, FailureMode, ListApplicationsRequest,
    PolicyLink, PolicyLinks, PolicySpec, PutOrganizationRequest, Rule, SetFailureModeRequest, failure_mode,
    policy_link,
};
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use proto::token_registry::{CreateTokenRequest, DeleteTokenRequest, Token, UpdateTokenRequest};
use service_kit::operations::Ready;
use service_kit::{Assembly, Callers, GrpcChannel, Worker, assembly};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use zeroize::Zeroizing;

const OPERATOR: &str = "operator";

/// How a world begins.
pub struct Beginning {
    pub links: Mode,
    pub limits: Limits,
    pub throttle: Throttle,
    /// Applications of their own, by host.
    pub upstreams: Vec<edge_gateway::config::Upstream>,
    /// How clients come in.
    pub proxy: Proxy,
    /// Proxies that may ask.
    pub askers: Vec<IpNet>,
}

/// As configured by nobody, but for exchanges: a busy machine has time to make an account's keys.
pub fn throttle() -> Throttle {
    Throttle { exchange_timeout_s: NonZeroU32::new(60).unwrap(), ..Throttle::default() }
}

impl Default for Beginning {
    fn default() -> Self {
        let (limits, throttle) = (Limits::default(), throttle());
        let askers = vec!["127.0.0.1/32".parse().unwrap()];
        let (upstreams, proxy) = (Vec::new(), Proxy::default());
        Self { links: Mode::Open, limits, throttle, upstreams, proxy, askers }
    }
}

pub struct World {
    pub gateway: SocketAddr,
    /// Where other proxies ask it.
    pub forward_auth: SocketAddr,
    /// Where Envoy would ask.
    pub ext_authz: SocketAddr,
    pub upstream: Upstream,
    pub registry: TokenRegistryClient<GrpcChannel>,
    pub policies: PolicyEvaluatorClient<GrpcChannel>,
    pub sessions: SessionIssuerClient<GrpcChannel>,
    /// To the registry, the evaluator and the issuer.
    pub links: [Arc<Link>; 3],
    /// Of the registry, the evaluator and the issuer.
    feeds: [ChangeFeedClient<GrpcChannel>; 3],
    /// As the gateway sees it.
    pub time: Arc<Time>,
    pub account: AccountId,
    ready: Ready,
    running: DropGuard,
    folder: TempDir,
}

/// A Client ID and Client Secret.
pub struct Pair {
    pub token: Token,
    pub secret: String,
}

impl Pair {
    pub fn lines(&self) -> String {
        let Self { token, secret } = self;
        format!("CF-Access-Client-Id: {}\r\nCF-Access-Client-Secret: {secret}\r\n", token.client_id)
    }
}

impl World {
    /// Ready, with the applications of [`World::protect`].
    pub async fn open() -> Self {
        let world = Self::begin(Beginning::default()).await;
        world.until_ready().await;
        world.protect().await;
        world
    }

    /// The same as [`World::open`], begun so.
    pub async fn open_with(beginning: Beginning) -> Self {
        let world = Self::begin(beginning).await;
        world.until_ready().await;
        world.protect().await;
        world
    }

    pub async fn begin(beginning: Beginning) -> Self {
        Self::try_begin(beginning).await.unwrap()
    }

    /// Why the gateway does not start.
    pub async fn refusal(beginning: Beginning) -> Error {
        Self::try_begin(beginning).await.err().unwrap()
    }

    async fn try_begin(beginning: Beginning) -> Result<Self, Error> {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let bus = bus::connect("memory:").await.unwrap();
        let links = std::array::from_fn(|_| Link::new(beginning.links));
        let mut workers = Vec::new();
        let mut serve = |assembly: Assembly, callers: Callers, link: &Arc<Link>| {
            workers.extend(assembly.workers);
            let callers = callers.and(OPERATOR, &["*"]);
            let cut = link.over(assembly.routes.clone());
            let routes = assembly.routes;
            move |caller: &str| {
                let routes = if caller == "edge-gateway" { cut.clone() } else { routes.clone() };
                GrpcChannel::local(routes, callers.clone(), caller)
            }
        };
        let registry = token_registry::build(token_registry::Deps {
            database: database(folder.path(), "token-registry").await,
            cache: cache::connect("memory:", clock.clone()).await.unwrap(),
            bus: bus.clone(),
            clock: clock.clone(),
            peppers: token_registry::pepper::Peppers::new(&[1; 32], None),
            name: "token-registry".to_owned(),
        });
        let registry = serve(registry.await.unwrap(), token_registry::default_callers(), &links[0]);
        let evaluator = policy_evaluator::build(policy_evaluator::Deps {
            database: database(folder.path(), "policy-evaluator").await,
            bus: bus.clone(),
            clock: clock.clone(),
            token_registry: TokenRegistryClient::new(registry("policy-evaluator")),
            name: "policy-evaluator".to_owned(),
        });
        let evaluator = serve(evaluator.await.unwrap(), policy_evaluator::default_callers(), &links[1]);
        let issuer = session_issuer::build(session_issuer::Deps {
            database: database(folder.path(), "session-issuer").await,
            bus: bus.clone(),
            clock: clock.clone(),
            key_encryption_key: Zeroizing::new(vec![2; 32]),
            token_registry: TokenRegistryClient::new(registry("session-issuer")),
            policy_evaluator: PolicyEvaluatorClient::new(evaluator("session-issuer")),
            key_set_cache_lifetime: Duration::ZERO,
            name: "session-issuer".to_owned(),
        });
        let issuer = serve(issuer.await.unwrap(), session_issuer::default_callers(), &links[2]);
        let sessions = SessionIssuerClient::new(issuer(OPERATOR));

        let upstream = Upstream::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = listener.local_addr().unwrap();
        let asked = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ext_authz = asked.local_addr().unwrap();
        let time = Arc::<Time>::default();
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let forward_auth = front.local_addr().unwrap();
        let front = Front {
            listener: front,
            trusted_proxies: beginning.askers,
            country_header: Some(HeaderName::from_static("x-country")),
        };
        let deps = edge_gateway::Deps {
            listener,
            ext_authz: Some(asked),
            forward_auth: Some(front),
            bus,
            clock: time.clone(),
            token_registry: registry("edge-gateway"),
            policy_evaluator: evaluator("edge-gateway"),
            session_issuer: issuer("edge-gateway"),
            name: "edge-gateway".to_owned(),
        };
        let proxy = Proxy {
            upstream: Some(format!("http://{}", upstream.address)),
            upstreams: beginning.upstreams,
            trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
            throttle: beginning.throttle,
            country_header: Some("CF-IPCountry".to_owned()),
            ..beginning.proxy
        };
        let (edge, ready) = edge_gateway::build_with(&proxy, &beginning.limits, deps).await?;
        workers.extend(edge.workers);
        let stop = CancellationToken::new();
        tokio::spawn(run(workers, stop.clone()));
        let world = Self {
            gateway,
            forward_auth,
            ext_authz,
            upstream,
            registry: TokenRegistryClient::new(registry(OPERATOR)),
            policies: PolicyEvaluatorClient::new(evaluator(OPERATOR)),
            sessions,
            links,
            feeds: [registry(OPERATOR), evaluator(OPERATOR), issuer(OPERATOR)].map(ChangeFeedClient::new),
            time,
            account: AccountId::random(),
            ready,
            running: stop.drop_guard(),
            folder,
        };
        world.organize().await;
        Ok(world)
    }

    async fn organize(&self) {
        let team = format!("team.localhost:{}", self.gateway.port());
        let organization = PutOrganizationRequest {
            account_id: self.account.to_string(),
            name: Some("Tests".to_owned()),
            issuer: Some(format!("http://{team}")),
            auth_domain: Some(team),
            ..PutOrganizationRequest::default()
        };
        self.policies.clone().put_organization(organization).await.unwrap();
    }

    /// `app.localhost`: any token. `app.localhost/admin`: nobody. `open.localhost`: everybody. `inside.localhost`:
    /// everybody on this machine. `country.localhost`: everybody but from Norway. `header.localhost`: any token in one
    /// header. `waved.localhost`: any token, without a session. `preflight.localhost`: any token, and preflight
    /// requests. `grpc.localhost` and `calls.localhost`: any token.
    pub async fn protect(&self) {
        let any = || Selector::AnyValidServiceToken(Empty {});
        let service = || policy(Decision::NonIdentity, any());
        let elsewhere = PolicySpec {
            exclude: vec![Rule { selector: Some(Selector::CountryCode("NO".to_owned())) }],
            ..policy(Decision::Bypass, Selector::Everyone(Empty {}))
        };
        let nobody = policy(Decision::NonIdentity, Selector::Ip("192.0.2.1".to_owned()));
        let here = policy(Decision::Bypass, Selector::Ip("127.0.0.1".to_owned()));
        let everybody = policy(Decision::Bypass, Selector::Everyone(Empty {}));
        let in_header = ApplicationSpec {
            read_service_tokens_from_header: "Authorization".to_owned(),
            ..ApplicationSpec::default()
        };
        let preflight = ApplicationSpec { options_preflight_bypass: true, ..ApplicationSpec::default() };
        for (domain, policy, spec) in [
            ("app.localhost", service(), ApplicationSpec::default()),
            ("app.localhost/admin", nobody, ApplicationSpec::default()),
            ("open.localhost", everybody, ApplicationSpec::default()),
            ("inside.localhost", here, ApplicationSpec::default()),
            ("country.localhost", elsewhere, ApplicationSpec::default()),
            ("header.localhost", service(), in_header),
            ("waved.localhost", policy(Decision::Bypass, any()), ApplicationSpec::default()),
            ("preflight.localhost", service(), preflight),
            ("grpc.localhost", service(), ApplicationSpec::default()),
            ("calls.localhost", service(), ApplicationSpec::default()),
        ] {
            let link =
                PolicyLink { policy: Some(policy_link::Policy::Inline(policy)), ..PolicyLink::default() };
            let request = CreateApplicationRequest {
                account_id: self.account.to_string(),
                spec: Some(ApplicationSpec {
                    name: domain.to_owned(),
                    r#type: "self_hosted".to_owned(),
                    domain: domain.to_owned(),
                    destinations: vec![domain.to_owned()],
                    ..spec
                }),
                policies: Some(PolicyLinks { links: vec![link] }),
                ..CreateApplicationRequest::default()
            };
            self.policies.clone().create_application(request).await.unwrap();
        }
    }

    /// What an application's requests meet at a gateway that is cut off. Returns when the gateway knows, if it can.
    pub async fn set_failure_mode(&self, domain: &str, mode: failure_mode::Mode) {
        let (account_id, mut policies) = (self.account.to_string(), self.policies.clone());
        let domain = domain.to_owned();
        let request =
            ListApplicationsRequest { account_id: account_id.clone(), domain, ..Default::default() };
        let found = policies.list_applications(request).await.unwrap().into_inner().applications;
        let request = SetFailureModeRequest {
            account_id,
            application_id: found[0].id.clone(),
            failure_mode: Some(FailureMode { mode: Some(mode) }),
            ..Default::default()
        };
        policies.set_failure_mode(request).await.unwrap();
    }

    /// Until these feeds were told by the gateway how stale it may be, and it has their answer.
    pub async fn until_told(&self, feeds: &[usize], staleness_ms: i64) {
        let contact = async |feed: usize| {
            let request = ListReplicasRequest::default();
            let answer = self.feeds[feed].clone().list_replicas(request).await.unwrap().into_inner();
            let said = answer.replicas.into_iter().filter(|it| it.replica == "edge-gateway" && it.is_live);
            said.filter(|it| it.staleness_ms == staleness_ms).map(|it| it.last_contact_at_ms).max()
        };
        let told = async {
            for feed in feeds {
                let mut first = None;
                loop {
                    match (first, contact(*feed).await) {
                        (None, contact) => first = contact,
                        (Some(first), Some(next)) if next > first => break,
                        (Some(_), _) => {}
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, told).await.unwrap();
    }

    /// The evaluator's database comes back with a shorter history.
    pub async fn lose_history_of_policies(&self) {
        let database = database(self.folder.path(), "policy-evaluator").await;
        database::with!(&database, |pool| {
            let renamed = database::sqlx::query("UPDATE feed_head SET epoch = 'another', position = 0");
            renamed.execute(pool).await.unwrap();
        });
        database.close().await;
    }

    pub async fn token(&self) -> Pair {
        let request = CreateTokenRequest {
            account_id: self.account.to_string(),
            name: "a machine".to_owned(),
            ..CreateTokenRequest::default()
        };
        let created = self.registry.clone().create_token(request).await.unwrap().into_inner();
        Pair { token: created.token.unwrap(), secret: created.client_secret }
    }

    /// Deletes a token, and waits for what was promised.
    pub async fn delete(&self, token: &Token) {
        let request = DeleteTokenRequest {
            account_id: self.account.to_string(),
            id: token.id.clone(),
            ..DeleteTokenRequest::default()
        };
        self.registry.clone().delete_token(request).await.unwrap();
    }

    /// Tells the services to stop; what is left of the gateway goes on for its time.
    pub fn stop(self) -> Upstream {
        drop(self.running);
        self.upstream
    }

    pub fn readiness(&self) -> Ready {
        self.ready.clone()
    }

    pub async fn enable(&self, token: &Token, is_enabled: bool) {
        let request = UpdateTokenRequest {
            account_id: self.account.to_string(),
            id: token.id.clone(),
            enabled: Some(is_enabled),
            ..UpdateTokenRequest::default()
        };
        self.registry.clone().update_token(request).await.unwrap();
    }

    pub async fn is_ready(&self) -> bool {
        (self.ready)().await.is_ok()
    }

    pub async fn until_ready(&self) {
        self.until(true).await;
    }

    pub async fn until(&self, is_ready: bool) {
        let wait = async {
            while self.is_ready().await != is_ready {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.gateway).await
    }
}

pub fn policy(decision: Decision, selector: Selector) -> PolicySpec {
    PolicySpec {
        name: "a policy".to_owned(),
        decision: decision.into(),
        include: vec![Rule { selector: Some(selector) }],
        ..PolicySpec::default()
    }
}

async fn run(workers: Vec<Worker>, stop: CancellationToken) {
    assembly::run(workers, stop).await.expect("the services run until they are told to stop");
}

async fn database(folder: &Path, service: &str) -> Database {
    let url = format!("sqlite:{}", folder.join(format!("{service}.sqlite")).display());
    Database::connect(&url, 4).await.unwrap()
}
