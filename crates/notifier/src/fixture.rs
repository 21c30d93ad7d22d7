//! What the tests share: samples, a world to run in, a destination.

use crate::alert_policy::{AlertPolicy, EXPIRING_SERVICE_TOKEN, Spec};
use crate::mailer::{self, Mailer};
use crate::outbound::Outbound;
use crate::secrets::SecretsKey;
use crate::store::{Period, SentRow, Store};
use crate::webhook::{Kind, Webhook};
use crate::worker::Worker;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use database::Database;
use model::{Clock as _, ManualClock, Timestamp};
use proto::token_registry::token_registry_client::TokenRegistryClient;
use proto::token_registry::{CreateTokenRequest, Token};
use service_kit::{Callers, GrpcChannel};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|item| (*item).to_owned()).collect()
}

pub fn spec(emails: &[&str], webhooks: &[&str]) -> Spec {
    Spec {
        name: "Tokens about to expire".to_owned(),
        description: "for the people on call".to_owned(),
        alert_type: EXPIRING_SERVICE_TOKEN.to_owned(),
        enabled: true,
        emails: owned(emails),
        webhooks: owned(webhooks),
        token_ids: Vec::new(),
        alert_interval: String::new(),
        settings_json: String::new(),
    }
}

pub fn policy(id: &str, emails: &[&str], webhooks: &[&str]) -> AlertPolicy {
    let spec = spec(emails, webhooks);
    AlertPolicy {
        id: id.to_owned(),
        account_id: ACCOUNT.to_owned(),
        spec,
        created_at_ms: 1,
        modified_at_ms: 1,
    }
}

pub fn token(name: &str, expires_at_ms: i64) -> Token {
    Token {
        id: model::TokenId::random().to_string(),
        account_id: ACCOUNT.to_owned(),
        name: name.to_owned(),
        client_id: "88bf3b6d86161464f6509f7219099e57.access".to_owned(),
        enabled: true,
        expires_at_ms,
        ..Token::default()
    }
}

/// A notifier's surroundings: its database, the real token registry, an outbox, and a clock that moves when told to.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub registry: TokenRegistryClient<GrpcChannel>,
    pub store: Store,
    pub secrets: Arc<SecretsKey>,
    pub folder: TempDir,
}

impl World {
    /// On SQLite.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = sqlite(&folder, "notifier").await;
        Self::on(database, folder, Timestamp::from_millis(1_800_000_000_000)).await
    }

    pub async fn on(database: Database, folder: TempDir, now: Timestamp) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let registry = token_registry::Deps {
            database: sqlite(&folder, "registry").await,
            cache: cache::connect("memory:", clock.clone()).await.unwrap(),
            bus: bus::connect("memory:").await.unwrap(),
            clock: clock.clone(),
            peppers: token_registry::pepper::Peppers::new(&[1; 32], None),
            name: "registry".to_owned(),
        };
        let routes = token_registry::build(registry).await.unwrap().routes;
        let callers = Callers::new([("test", &["*"])]);
        Self {
            clock,
            registry: TokenRegistryClient::new(GrpcChannel::local(routes, callers, "test")),
            store: Store::open(database).await.unwrap(),
            secrets: Arc::new(SecretsKey::new(&[9; 32]).unwrap()),
            folder,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn clock_ms(&self) -> i64 {
        self.now().as_millis()
    }

    pub fn mailer(&self) -> Arc<dyn Mailer> {
        let url = format!("file://{}/outbox", self.folder.path().display());
        mailer::connect(&url, "Sallyport <alerts@example.com>", None).unwrap()
    }

    /// A notifier as a process would have it; make two, or one after another.
    pub fn worker(&self) -> Arc<Worker> {
        self.worker_with(self.mailer(), self.registry.clone())
    }

    pub fn worker_with(
        &self,
        mailer: Arc<dyn Mailer>,
        registry: TokenRegistryClient<GrpcChannel>,
    ) -> Arc<Worker> {
        let outbound = Arc::new(Outbound::new(true).unwrap());
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Arc::new(Worker::new(store, clock, registry, mailer, outbound, self.secrets.clone()))
    }

    /// Names of the mails in the outbox, without `.eml`.
    pub fn mails(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("outbox")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names = names.map(|name| name.strip_suffix(".eml").unwrap().to_owned()).collect::<Vec<_>>();
        names.sort();
        names
    }

    pub fn mail(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("outbox/{name}.eml"))).unwrap()
    }

    pub async fn create_token(&self, name: &str, duration: &str) -> Token {
        let request = CreateTokenRequest {
            account_id: ACCOUNT.to_owned(),
            name: name.to_owned(),
            duration: Some(duration.to_owned()),
            ..CreateTokenRequest::default()
        };
        self.registry.clone().create_token(request).await.unwrap().into_inner().token.unwrap()
    }

    /// A webhook that was tested earlier.
    pub async fn webhook(&self, id: &str, url: &str, secret: Option<&str>) {
        let webhook = Webhook {
            id: id.to_owned(),
            account_id: ACCOUNT.to_owned(),
            name: "chat".to_owned(),
            url: url.to_owned(),
            kind: Kind::Generic,
            created_at_ms: 1,
            last_success_at_ms: None,
            last_failure_at_ms: None,
        };
        let sealed = secret.map(|secret| self.secrets.seal(id, secret).unwrap());
        self.store.create_webhook(&webhook, sealed.as_deref()).await.unwrap();
    }

    /// What was sent, newest first.
    pub async fn history(&self) -> Vec<SentRow> {
        let period = Period { since_ms: i64::MIN, before_ms: i64::MAX };
        self.store.list_sent(ACCOUNT, period, 1, 1000).await.unwrap().0
    }

    /// Waits until so much is in the history, which nothing announces.
    pub async fn until_sent(&self, count: usize) {
        let looking = async {
            while self.history().await.len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), looking).await.expect("not everything was sent");
    }
}

pub async fn sqlite(folder: &TempDir, name: &str) -> Database {
    let url = format!("sqlite:{}/{name}.db", folder.path().display());
    Database::connect(&url, 4).await.unwrap()
}

/// A real HTTP server that answers with the given statuses in turn, the last one for ever.
pub struct Receiver {
    pub url: String,
    received: watch::Receiver<Vec<Received>>,
    serving: AbortHandle,
}

#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: serde_json::Value,
}

impl Receiver {
    pub async fn start(statuses: &[u16]) -> Self {
        let statuses = Arc::new(Mutex::new(VecDeque::from(statuses.to_vec())));
        let (note, received) = watch::channel(Vec::new());
        let answer = move |request: axum::extract::Request| async move {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let received = Received { path: head.uri.path().to_owned(), headers: head.headers, body };
            note.send_modify(|all| all.push(received));
            let mut statuses = statuses.lock().unwrap();
            let status = statuses.front().copied().unwrap();
            if statuses.len() > 1 {
                statuses.pop_front();
            }
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("location", "/elsewhere")], "an answer that nobody should see").into_response()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer);
        let serving =
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }).abort_handle();
        Self { url, received, serving }
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    pub async fn until(&self, count: usize) -> Vec<Received> {
        let mut received = self.received.clone();
        received.wait_for(|all| all.len() >= count).await.unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
