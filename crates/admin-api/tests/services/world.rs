//! All services in this process, over SQLite and the memory bus, and the REST API on a real socket in front of them.

use crate::contract::Contract;
use admin_api::{ApiToken, Config, Deps, Feeds};
use aws_lc_rs::digest::{SHA256, digest};
use database::Database;
use model::{Clock, SystemClock};
use proto::access_log::access_log_client::AccessLogClient;
use proto::audit::audit_log_client::AuditLogClient;
use proto::notifier::notifier_client::NotifierClient;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use serde_json::Value;
use service_kit::{Assembly, Callers, GrpcChannel, Worker, assembly};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
/// Of [`ACCOUNT`].
pub const ZONE: &str = "abababababababababababababababab";
pub const OTHER: &str = "ffffffffffffffffffffffffffffffff";

pub struct World {
    pub admin: String,
    /// What every answer is held against.
    pub contract: Contract,
    http: reqwest::Client,
    stop: CancellationToken,
    running: JoinHandle<Result<(), model::Error>>,
    _folder: TempDir,
}

/// One answer.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub envelope: Value,
}

impl Answer {
    pub fn result(&self) -> &Value {
        &self.envelope["result"]
    }

    pub fn id(&self) -> String {
        self.result()["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.envelope)).to_owned()
    }

    /// Code and pointer of the first error.
    pub fn refusal(&self) -> (u16, u64, &str) {
        let error = &self.envelope["errors"][0];
        let pointer = error["source"]["pointer"].as_str().unwrap_or_default();
        (self.status, error["code"].as_u64().unwrap_or_default(), pointer)
    }

    pub fn message(&self) -> &str {
        self.envelope["errors"][0]["message"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn sqlite(folder: &Path, name: &str) -> Database {
    let url = format!("sqlite:{}", folder.join(format!("{name}.db")).display());
    Database::connect(&url, 4).await.unwrap()
}

/// A way for `caller` to a service, whose workers join the others.
struct Service {
    assembly: Assembly,
    callers: Callers,
}

impl Service {
    fn channel(&self, caller: &str) -> GrpcChannel {
        GrpcChannel::local(self.assembly.routes.clone(), self.callers.clone(), caller)
    }
}

impl World {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let services = services(folder.path(), &clock).await;
        let [registry, evaluator, issuer, notifier] = services;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = format!("http://{}", listener.local_addr().unwrap());
        let deps = Deps {
            listener,
            token_registry: TokenRegistryClient::new(registry.channel("admin-api")),
            policy_evaluator: PolicyEvaluatorClient::new(evaluator.channel("admin-api")),
            session_issuer: SessionIssuerClient::new(issuer.channel("admin-api")),
            notifier: NotifierClient::new(notifier.channel("admin-api")),
            access_log: AccessLogClient::new(notifier.channel("admin-api")),
            notifier_audit_log: AuditLogClient::new(notifier.channel("admin-api")),
            feeds: Feeds {
                token_registry: registry.channel("admin-api"),
                policy_evaluator: evaluator.channel("admin-api"),
                session_issuer: issuer.channel("admin-api"),
            },
            clock,
        };
        let mut workers = admin_api::build(&config(), deps).unwrap().workers;
        for service in [registry, evaluator, issuer, notifier] {
            workers.extend(service.assembly.workers);
        }
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(workers, stop.clone()));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let published = http.get(format!("{admin}/client/v4/openapi.json")).send().await.unwrap();
        let contract = Contract::of(published.json().await.unwrap());
        Self { admin, contract, http, stop, running, _folder: folder }
    }

    /// With the API token of `account`. The path is what follows the account.
    pub async fn ask(&self, account: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.ask_of("client/v4", account, method, path, body).await
    }

    /// The same of our own API.
    pub async fn ask_ours(&self, account: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.ask_of("sallyport/v1", account, method, path, body).await
    }

    /// As a client that names a zone.
    pub async fn ask_zone(
        &self,
        account: &str,
        zone: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        let url = format!("{}/client/v4/zones/{zone}/{path}", self.admin);
        self.send(account, method, url, body).await
    }

    /// The fleet, which is of no account.
    pub async fn fleet(&self) -> Answer {
        let url = format!("{}/sallyport/v1/fleet", self.admin);
        self.send(OTHER, "GET", url, &Value::Null).await
    }

    async fn ask_of(&self, api: &str, account: &str, method: &str, path: &str, body: &Value) -> Answer {
        let url = format!("{}/{api}/accounts/{account}/{path}", self.admin);
        self.send(account, method, url, body).await
    }

    /// What the configured token of the account says of itself.
    pub async fn verify_configured(&self) -> Answer {
        self.ask_with(&api_token(ACCOUNT), "GET", "client/v4/user/tokens/verify", &Value::Null).await
    }

    /// With any API token, on any path.
    pub async fn ask_with(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.send_with(token, method, format!("{}/{path}", self.admin), body).await
    }

    async fn send(&self, account: &str, method: &str, url: String, body: &Value) -> Answer {
        self.send_with(&api_token(account), method, url, body).await
    }

    async fn send_with(&self, token: &str, method: &str, url: String, body: &Value) -> Answer {
        let mut request = self.http.request(method.parse().unwrap(), &url).bearer_auth(token);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let envelope: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(envelope["success"], (200..300).contains(&status), "{envelope}");
        assert_ne!(status, 500, "{method} {url} {body}: {envelope}");
        let path = url.strip_prefix(&self.admin).unwrap_or_default();
        self.contract.judge(method, path, status, &envelope);
        Answer { status, headers, envelope }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(ACCOUNT, "GET", path, &Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(ACCOUNT, "POST", path, &body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(ACCOUNT, "PUT", path, &body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(ACCOUNT, "DELETE", path, &Value::Null).await
    }

    /// Stops everything, which must go well.
    pub async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

async fn run(workers: Vec<Worker>, stop: CancellationToken) -> Result<(), model::Error> {
    assembly::run(workers, stop).await
}

pub fn api_token(account: &str) -> String {
    format!("api-token-of-{account}")
}

fn config() -> Config {
    let token = |account: &str| ApiToken {
        account_id: account.to_owned(),
        name: "test".to_owned(),
        sha256: hex::encode(digest(&SHA256, api_token(account).as_bytes())),
    };
    let zones = [(ZONE.to_owned(), ACCOUNT.to_owned())].into();
    Config {
        api_tokens: vec![token(ACCOUNT), token(OTHER)],
        zones,
        requests_per_five_minutes: 0,
        ..Config::default()
    }
}

/// Callee first.
async fn services(folder: &Path, clock: &Arc<dyn Clock>) -> [Service; 4] {
    let bus = bus::connect("memory:").await.unwrap();
    let registry = token_registry::build(token_registry::Deps {
        database: sqlite(folder, "token-registry").await,
        cache: cache::connect("memory:", clock.clone()).await.unwrap(),
        bus: bus.clone(),
        clock: clock.clone(),
        peppers: token_registry::pepper::Peppers::new(&[1; 32], None),
        name: "token-registry".to_owned(),
    });
    let registry = Service { assembly: registry.await.unwrap(), callers: token_registry::default_callers() };
    let evaluator = policy_evaluator::build(policy_evaluator::Deps {
        database: sqlite(folder, "policy-evaluator").await,
        bus: bus.clone(),
        clock: clock.clone(),
        token_registry: TokenRegistryClient::new(registry.channel("policy-evaluator")),
        name: "policy-evaluator".to_owned(),
    });
    let evaluator =
        Service { assembly: evaluator.await.unwrap(), callers: policy_evaluator::default_callers() };
    let issuer = session_issuer::build(session_issuer::Deps {
        database: sqlite(folder, "session-issuer").await,
        bus,
        clock: clock.clone(),
        key_encryption_key: vec![2; 32].into(),
        token_registry: TokenRegistryClient::new(registry.channel("session-issuer")),
        policy_evaluator: PolicyEvaluatorClient::new(evaluator.channel("session-issuer")),
        key_set_cache_lifetime: session_issuer::config::default_key_set_cache_lifetime(),
        name: "session-issuer".to_owned(),
    });
    let issuer = Service { assembly: issuer.await.unwrap(), callers: session_issuer::default_callers() };
    let notifier = notifier(folder, clock, &registry).await;
    [registry, evaluator, issuer, notifier]
}

async fn notifier(folder: &Path, clock: &Arc<dyn Clock>, registry: &Service) -> Service {
    let from = "Sallyport <alerts@example.com>";
    let mailer = format!("file://{}", folder.display());
    let config = notifier::Config {
        listen: ([127, 0, 0, 1], 0).into(),
        operations: None,
        database: String::new(),
        secrets_key: folder.to_owned(),
        mailer: mailer.clone(),
        mailer_authority: None,
        from: from.to_owned(),
        scan_interval: notifier::config::default_scan_interval(),
        allow_private_webhooks: true,
        bus: None,
        access_log: notifier::config::AccessLog::default(),
        callers: notifier::default_callers(),
    };
    let deps = notifier::Deps {
        database: sqlite(folder, "notifier").await,
        clock: clock.clone(),
        mailer: notifier::mailer::connect(&mailer, from, None).unwrap(),
        token_registry: TokenRegistryClient::new(registry.channel("notifier")),
        secrets_key: notifier::SecretsKey::new(&[3; 32]).unwrap(),
        bus: None,
    };
    Service { assembly: notifier::build(&config, deps).await.unwrap(), callers: notifier::default_callers() }
}
