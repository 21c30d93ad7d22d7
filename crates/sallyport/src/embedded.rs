//! All services in one process, callee first. Only the adapters differ from the distributed topology: SQLite, memory
//! cache and bus, channels in this process. The calls, their authorization and the change feeds are the same.

use anyhow::{Context as _, Result};
use database::Database;
use edge_gateway::config::Proxy;
use model::Clock;
use proto::access_log::access_log_client::AccessLogClient;
use proto::audit::audit_log_client::AuditLogClient;
use proto::notifier::notifier_client::NotifierClient;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::operations::Ready;
use service_kit::{Assembly, Callers, GrpcChannel, Worker};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

/// Keys that never lie in a database. 32 random bytes each.
pub struct Keys {
    pub pepper: Zeroizing<Vec<u8>>,
    pub key_encryption: Zeroizing<Vec<u8>>,
    pub webhook_secrets: Zeroizing<Vec<u8>>,
}

/// What one process is given.
pub struct Options {
    /// One SQLite file a service.
    pub data_dir: PathBuf,
    pub gateway: TcpListener,
    /// The gateway's second front, for Envoy.
    pub ext_authz: Option<TcpListener>,
    /// Where other proxies ask the gateway.
    pub forward_auth: Option<edge_gateway::forward_auth::Front>,
    pub admin: TcpListener,
    pub proxy: Proxy,
    pub keys: Keys,
    pub api_tokens: Vec<admin_api::config::ApiToken>,
    /// Where mail is written.
    pub outbox: PathBuf,
    pub clock: Arc<dyn Clock>,
}

/// Everything, ready to run.
pub struct Embedded {
    pub workers: Vec<Worker>,
    /// The gateway holds a lease on every feed.
    pub ready: Ready,
    /// To the services, in the operator's name.
    pub operator: Operator,
}

/// What `sallyport` itself may call.
pub struct Operator {
    pub token_registry: TokenRegistryClient<GrpcChannel>,
    pub policy_evaluator: PolicyEvaluatorClient<GrpcChannel>,
    pub session_issuer: SessionIssuerClient<GrpcChannel>,
}

/// The name in which `sallyport` calls.
pub const OPERATOR: &str = "cli";

/// One service's calls, and who may make them.
struct Served {
    routes: service_kit::assembly::Routes,
    callers: Callers,
}

impl Served {
    fn channel(&self, caller: &str) -> GrpcChannel {
        GrpcChannel::local(self.routes.clone(), self.callers.clone(), caller)
    }
}

pub async fn assemble(options: Options) -> Result<Embedded> {
    let Options { data_dir, gateway, ext_authz, forward_auth, admin, proxy, keys, api_tokens, outbox, clock } =
        options;
    let bus = bus::connect("memory:").await?;
    let cache = cache::connect("memory:", clock.clone()).await?;
    let mut workers = Vec::new();
    let mut serve = |assembly: Assembly, callers: Callers| {
        workers.extend(assembly.workers);
        Served { routes: assembly.routes, callers: callers.and(OPERATOR, &["*"]) }
    };

    let registry = token_registry::build(token_registry::Deps {
        database: open(&data_dir, "token-registry").await?,
        cache,
        bus: bus.clone(),
        clock: clock.clone(),
        peppers: token_registry::pepper::Peppers::new(&keys.pepper, None),
        name: "token-registry".to_owned(),
    });
    let registry = serve(registry.await.context("token-registry")?, token_registry::default_callers());

    let evaluator = policy_evaluator::build(policy_evaluator::Deps {
        database: open(&data_dir, "policy-evaluator").await?,
        bus: bus.clone(),
        clock: clock.clone(),
        token_registry: TokenRegistryClient::new(registry.channel("policy-evaluator")),
        name: "policy-evaluator".to_owned(),
    });
    let evaluator = serve(evaluator.await.context("policy-evaluator")?, policy_evaluator::default_callers());

    let issuer = session_issuer::build(session_issuer::Deps {
        database: open(&data_dir, "session-issuer").await?,
        bus: bus.clone(),
        clock: clock.clone(),
        key_encryption_key: keys.key_encryption,
        token_registry: TokenRegistryClient::new(registry.channel("session-issuer")),
        policy_evaluator: PolicyEvaluatorClient::new(evaluator.channel("session-issuer")),
        key_set_cache_lifetime: crate::dev::KEY_SET_CACHE_LIFETIME,
        name: "session-issuer".to_owned(),
    });
    let issuer = serve(issuer.await.context("session-issuer")?, session_issuer::default_callers());

    let config = notifier_config(&outbox);
    let deps = notifier::Deps {
        database: open(&data_dir, "notifier").await?,
        clock: clock.clone(),
        mailer: notifier::mailer::connect(&config.mailer, &config.from, None)?,
        token_registry: TokenRegistryClient::new(registry.channel("notifier")),
        secrets_key: notifier::SecretsKey::new(&keys.webhook_secrets)?,
        bus: Some(bus.clone()),
    };
    let notifier =
        serve(notifier::build(&config, deps).await.context("notifier")?, notifier::default_callers());

    let config =
        admin_api::Config { api_tokens, requests_per_five_minutes: 0, ..admin_api::Config::default() };
    let deps = admin_api::Deps {
        listener: admin,
        token_registry: TokenRegistryClient::new(registry.channel("admin-api")),
        policy_evaluator: PolicyEvaluatorClient::new(evaluator.channel("admin-api")),
        session_issuer: SessionIssuerClient::new(issuer.channel("admin-api")),
        notifier: NotifierClient::new(notifier.channel("admin-api")),
        access_log: AccessLogClient::new(notifier.channel("admin-api")),
        notifier_audit_log: AuditLogClient::new(notifier.channel("admin-api")),
        feeds: admin_api::Feeds {
            token_registry: registry.channel("admin-api"),
            policy_evaluator: evaluator.channel("admin-api"),
            session_issuer: issuer.channel("admin-api"),
        },
        clock: clock.clone(),
    };
    serve(admin_api::build(&config, deps).context("admin-api")?, Callers::default());

    let deps = edge_gateway::Deps {
        listener: gateway,
        ext_authz,
        forward_auth,
        bus,
        clock,
        token_registry: registry.channel("edge-gateway"),
        policy_evaluator: evaluator.channel("edge-gateway"),
        session_issuer: issuer.channel("edge-gateway"),
        name: "edge-gateway".to_owned(),
    };
    let (edge, ready) = edge_gateway::build(&proxy, deps).await.context("edge-gateway")?;
    serve(edge, Callers::default());

    let operator = Operator {
        token_registry: TokenRegistryClient::new(registry.channel(OPERATOR)),
        policy_evaluator: PolicyEvaluatorClient::new(evaluator.channel(OPERATOR)),
        session_issuer: SessionIssuerClient::new(issuer.channel(OPERATOR)),
    };
    Ok(Embedded { workers, ready, operator })
}

async fn open(data_dir: &Path, service: &str) -> Result<Database> {
    let url = format!("sqlite:{}", data_dir.join(format!("{service}.sqlite")).display());
    Database::connect(&url, 4).await.with_context(|| format!("opening the database of {service}"))
}

/// Mail goes to a folder, and tokens are looked through often: this is one developer's machine.
fn notifier_config(outbox: &Path) -> notifier::Config {
    notifier::Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        operations: None,
        database: String::new(),
        secrets_key: PathBuf::new(),
        mailer: format!("file://{}", outbox.display()),
        mailer_authority: None,
        from: crate::dev::MAIL_FROM.to_owned(),
        scan_interval: crate::dev::SCAN_INTERVAL,
        allow_private_webhooks: true,
        bus: None,
        access_log: notifier::config::AccessLog::default(),
        callers: Callers::default(),
    }
}
