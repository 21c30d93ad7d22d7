//! The issuer with its real neighbours in one process: SQLite files, memory cache and bus, a clock moved by hand.

use bus::Bus;
use database::Database;
use model::{AccountId, Clock, Error, ManualClock, SessionId, Timestamp};
use proto::policy_evaluator as policy;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::policy_evaluator::rule::Selector;
use proto::policy_evaluator::{Decision, Empty, PolicySpec, Rule};
use proto::session_issuer as wire;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::token_registry as registry;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::status::from_status;
use service_kit::{Assembly, Callers, GrpcChannel};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;

pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub const ISSUER: &str = "https://team.example";

pub struct World {
    pub clock: Arc<ManualClock>,
    pub account: AccountId,
    pub issuer: SessionIssuerClient<GrpcChannel>,
    /// The same service, called by the enforcement point.
    pub edge: SessionIssuerClient<GrpcChannel>,
    pub registry: TokenRegistryClient<GrpcChannel>,
    pub policies: PolicyEvaluatorClient<GrpcChannel>,
    pub registry_door: Arc<Door>,
    bus: Arc<dyn Bus>,
    stop: CancellationToken,
    _running: DropGuard,
    directory: TempDir,
}

/// A token and its secret.
#[derive(Clone)]
pub struct Token {
    pub id: String,
    pub client_id: String,
    pub secret: String,
}

async fn sqlite(directory: &Path, name: &str) -> Database {
    Database::connect(&format!("sqlite:{}", directory.join(name).display()), 4).await.unwrap()
}

fn run(assembly: Assembly, stop: &CancellationToken) -> Routes {
    tokio::spawn(service_kit::assembly::run(assembly.workers, stop.clone()));
    assembly.routes
}

/// Between the issuer and the registry.
pub struct Door {
    is_shut: watch::Sender<bool>,
    /// Calls that have come so far.
    calls: watch::Sender<usize>,
}

impl Door {
    /// Calls wait before it from now on.
    pub fn shut(&self) {
        self.is_shut.send_replace(true);
    }

    pub fn open(&self) {
        self.is_shut.send_replace(false);
    }

    pub fn calls(&self) -> usize {
        *self.calls.borrow()
    }

    pub async fn after_calls(&self, number: usize) {
        self.calls.subscribe().wait_for(|calls| *calls >= number).await.unwrap();
    }
}

/// The same routes, behind a door.
fn behind(door: &Arc<Door>, routes: Routes) -> Routes {
    let door = door.clone();
    let wait = axum::middleware::from_fn(move |request, next: axum::middleware::Next| {
        let door = door.clone();
        async move {
            door.calls.send_modify(|calls| *calls += 1);
            door.is_shut.subscribe().wait_for(|is_shut| !is_shut).await.unwrap();
            next.run(request).await
        }
    });
    routes.into_axum_router().layer(wait).into()
}

impl World {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let bus = bus::connect("memory:").await.unwrap();
        let stop = CancellationToken::new();
        let registry = token_registry::Deps {
            database: sqlite(directory.path(), "tokens.db").await,
            cache: cache::connect("memory:", clock.clone()).await.unwrap(),
            bus: bus.clone(),
            clock: clock.clone(),
            peppers: token_registry::pepper::Peppers::new(&[1; 32], None),
            name: "test".to_owned(),
        };
        let registry = run(token_registry::build(registry).await.unwrap(), &stop);
        let to_registry = |routes: &Routes, caller: &str| {
            let channel = GrpcChannel::local(routes.clone(), token_registry::default_callers(), caller);
            TokenRegistryClient::new(channel)
        };
        let policies = policy_evaluator::Deps {
            database: sqlite(directory.path(), "policies.db").await,
            bus: bus.clone(),
            clock: clock.clone(),
            token_registry: to_registry(&registry, "policy-evaluator"),
            name: "test".to_owned(),
        };
        let policies = run(policy_evaluator::build(policies).await.unwrap(), &stop);
        let to_policies = |caller: &str| {
            let channel = GrpcChannel::local(policies.clone(), policy_evaluator::default_callers(), caller);
            PolicyEvaluatorClient::new(channel)
        };
        let registry_door =
            Arc::new(Door { is_shut: watch::Sender::new(false), calls: watch::Sender::new(0) });
        let issuer = session_issuer::Deps {
            database: sqlite(directory.path(), "sessions.db").await,
            bus: bus.clone(),
            clock: clock.clone(),
            key_encryption_key: vec![2; 32].into(),
            token_registry: to_registry(&behind(&registry_door, registry.clone()), "session-issuer"),
            policy_evaluator: to_policies("session-issuer"),
            key_set_cache_lifetime: session_issuer::config::default_key_set_cache_lifetime(),
            name: "test".to_owned(),
        };
        let issuer = run(session_issuer::build(issuer).await.unwrap(), &stop);
        let callers: Callers = session_issuer::default_callers();
        let to_issuer = |caller: &str| {
            SessionIssuerClient::new(GrpcChannel::local(issuer.clone(), callers.clone(), caller))
        };
        let world = Self {
            clock,
            account: AccountId::random(),
            issuer: to_issuer("admin-api"),
            edge: to_issuer("edge-gateway"),
            registry: to_registry(&registry, "admin-api"),
            policies: to_policies("admin-api"),
            registry_door,
            bus,
            stop: stop.clone(),
            _running: stop.drop_guard(),
            directory,
        };
        world.organization(world.account).await;
        world
    }

    /// On the same database; its upkeep begins at once.
    pub async fn start_another_issuer(&self) {
        let issuer = session_issuer::Deps {
            database: sqlite(self.directory.path(), "sessions.db").await,
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            key_encryption_key: vec![2; 32].into(),
            token_registry: self.registry.clone(),
            policy_evaluator: self.policies.clone(),
            key_set_cache_lifetime: session_issuer::config::default_key_set_cache_lifetime(),
            name: "another".to_owned(),
        };
        let stop = self.stop.child_token();
        run(session_issuer::build(issuer).await.unwrap(), &stop);
    }

    pub async fn organization(&self, account: AccountId) {
        let request = policy::PutOrganizationRequest {
            account_id: account.to_string(),
            auth_domain: Some(if account == self.account {
                "team.example".to_owned()
            } else {
                format!("{account}.example")
            }),
            ..policy::PutOrganizationRequest::default()
        };
        self.policies.clone().put_organization(request).await.unwrap();
    }

    pub async fn token(&self, account: AccountId, duration: &str) -> Token {
        let request = registry::CreateTokenRequest {
            account_id: account.to_string(),
            name: "ci".to_owned(),
            duration: Some(duration.to_owned()),
            ..registry::CreateTokenRequest::default()
        };
        let answer = self.registry.clone().create_token(request).await.unwrap().into_inner();
        let token = answer.token.unwrap();
        Token { id: token.id, client_id: token.client_id, secret: answer.client_secret }
    }

    /// An application with these policies, in order.
    pub async fn application(&self, duration: &str, policies: Vec<PolicySpec>) -> policy::Application {
        let link = |spec| policy::PolicyLink {
            policy: Some(policy::policy_link::Policy::Inline(spec)),
            ..policy::PolicyLink::default()
        };
        let request = policy::CreateApplicationRequest {
            account_id: self.account.to_string(),
            spec: Some(policy::ApplicationSpec {
                name: "app".to_owned(),
                r#type: "self_hosted".to_owned(),
                domain: format!("{}.example", SessionId::random()),
                session_duration: Some(duration.to_owned()),
                ..policy::ApplicationSpec::default()
            }),
            policies: Some(policy::PolicyLinks { links: policies.into_iter().map(link).collect() }),
            ..policy::CreateApplicationRequest::default()
        };
        let answer = self.policies.clone().create_application(request).await.unwrap();
        answer.into_inner().application.unwrap()
    }

    /// An application that a token opens by a Service Auth policy, and the token.
    pub async fn opened(&self) -> (policy::Application, Token) {
        let token = self.token(self.account, "8760h").await;
        let named = policy(Decision::NonIdentity, Selector::ServiceToken(token.id.clone()));
        (self.application("1h", vec![named]).await, token)
    }

    pub async fn exchange(
        &self,
        application: &policy::Application,
        token: &Token,
    ) -> Result<wire::ExchangeResponse, Error> {
        self.exchange_with(application, Some(token), None).await
    }

    pub async fn exchange_with(
        &self,
        application: &policy::Application,
        token: Option<&Token>,
        facts: Option<policy::Facts>,
    ) -> Result<wire::ExchangeResponse, Error> {
        let request = wire::ExchangeRequest {
            application_id: application.id.clone(),
            service_token: token.map(|token| wire::exchange_request::ServiceTokenCredential {
                client_id: token.client_id.clone(),
                client_secret: token.secret.clone(),
            }),
            facts,
            at_least: None,
            binding_sha256: Vec::new(),
            gateway: "gw-1".to_owned(),
        };
        let answer = self.edge.clone().exchange(request).await;
        answer.map(tonic::Response::into_inner).map_err(from_status)
    }

    /// Empty when active.
    pub async fn why_inactive(&self, session_jwt: &str) -> String {
        self.why_inactive_at(session_jwt, "").await
    }

    pub async fn why_inactive_at(&self, session_jwt: &str, aud: &str) -> String {
        let request =
            wire::IntrospectSessionRequest { session_jwt: session_jwt.to_owned(), aud: aud.to_owned() };
        let answer = self.issuer.clone().introspect_session(request).await.unwrap().into_inner();
        assert_eq!(answer.active, answer.reason.is_empty());
        assert_eq!(answer.active, answer.session.is_some());
        answer.reason
    }

    pub async fn key_set(&self) -> Vec<wire::SigningKey> {
        let request = wire::GetKeySetRequest { account_id: self.account.to_string() };
        self.edge.clone().get_key_set(request).await.unwrap().into_inner().keys
    }

    pub fn now_s(&self) -> i64 {
        self.clock.now().as_seconds()
    }
}

pub fn policy(decision: Decision, include: Selector) -> PolicySpec {
    PolicySpec {
        name: "policy".to_owned(),
        decision: decision.into(),
        include: vec![Rule { selector: Some(include) }],
        ..PolicySpec::default()
    }
}

pub const EVERYONE: Selector = Selector::Everyone(Empty {});
pub const ANY_TOKEN: Selector = Selector::AnyValidServiceToken(Empty {});
