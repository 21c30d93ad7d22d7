//! The token registry and the REST API in this process, one gateway's replica, and a database of the same rows beside it.

use super::client::Client;
use super::floor::Floor;
use crate::follower::Follower;
use crate::owner::FEED;
use crate::{registry, store};
use admin_api::config::ApiToken;
use anyhow::{Context as _, Result};
use change_feed::RemoteSource;
use database::Database;
use model::{AccountId, SystemClock};
use proto::access_log::access_log_client::AccessLogClient;
use proto::audit::audit_log_client::AuditLogClient;
use proto::notifier::notifier_client::NotifierClient;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::assembly::{self, Routes};
use service_kit::status::from_status;
use service_kit::{Assembly, Callers, GrpcChannel};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const API_TOKEN: &str = "a-way-in-for-measurements";
/// Its SHA-256.
const DIGEST: &str = "9accf3c3af017952eb1f52cf52d021ad6a960e4cc9fb38d8e2fc354b5b6bffa8";

pub struct Managed {
    address: SocketAddr,
    account: AccountId,
    floor: Floor,
    database: Database,
    gateway: Follower,
    stop: CancellationToken,
    running: JoinHandle<Result<(), model::Error>>,
}

impl Managed {
    /// Of an account with so many tokens, in both databases.
    pub async fn open([path, floor]: &[String; 2], tokens: u32) -> Result<Self> {
        let (clock, bus) = (Arc::new(SystemClock), bus::connect("memory:").await?);
        let account = AccountId::random();
        let database = open(path).await?;
        let registry = token_registry::build(token_registry::Deps {
            database: database.clone(),
            cache: cache::connect("memory:", clock.clone()).await?,
            bus: bus.clone(),
            clock: clock.clone(),
            peppers: token_registry::pepper::Peppers::new(&[1; 32], None),
            name: "bench".to_owned(),
        });
        let Assembly { routes, mut workers } = registry.await?;
        fill(&database, account, tokens).await?;
        let floor = Floor::open(open(floor).await?, account).await?;
        fill(floor.database(), account, tokens).await?;
        let of = |caller: &str| GrpcChannel::local(routes.clone(), token_registry::default_callers(), caller);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        workers.extend(rest(listener, account, of("admin-api"), clock)?.workers);
        let stop = CancellationToken::new();
        let running = tokio::spawn(assembly::run(workers, stop.clone()));
        let source = Arc::new(RemoteSource::new(of("edge-gateway"), from_status));
        let gateway = Follower::of("gateway".to_owned(), source, bus);
        gateway.is_live(Duration::from_secs(30)).await?;
        Ok(Self { address, account, floor, database, gateway, stop, running })
    }

    pub const fn floor(&self) -> &Floor {
        &self.floor
    }

    pub async fn client(&self) -> Result<Client> {
        Client::open(self.address, self.account).await
    }

    pub async fn close(self) -> Result<()> {
        self.gateway.stop().await?;
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.running)
            .await
            .context("the services did not stop")???;
        self.floor.database().close().await;
        self.database.close().await;
        Ok(())
    }
}

/// The REST API of which tokens alone are asked: behind the other calls there is nobody.
fn rest(
    listener: TcpListener,
    account: AccountId,
    registry: GrpcChannel,
    clock: Arc<SystemClock>,
) -> Result<Assembly> {
    let api_tokens = vec![ApiToken {
        account_id: account.to_string(),
        name: "bench".to_owned(),
        sha256: DIGEST.to_owned(),
    }];
    let config =
        admin_api::Config { api_tokens, requests_per_five_minutes: 0, ..admin_api::Config::default() };
    let nobody = || GrpcChannel::local(Routes::default(), Callers::new([]), "admin-api");
    let deps = admin_api::Deps {
        listener,
        token_registry: TokenRegistryClient::new(registry.clone()),
        policy_evaluator: PolicyEvaluatorClient::new(nobody()),
        session_issuer: SessionIssuerClient::new(nobody()),
        notifier: NotifierClient::new(nobody()),
        access_log: AccessLogClient::new(nobody()),
        notifier_audit_log: AuditLogClient::new(nobody()),
        feeds: admin_api::Feeds {
            token_registry: registry,
            policy_evaluator: nobody(),
            session_issuer: nobody(),
        },
        clock,
    };
    Ok(admin_api::build(&config, deps)?)
}

/// With as many connections as the services have: one process's on SQLite, the registry's on `PostgreSQL`.
async fn open(url: &str) -> Result<Database> {
    let connections = if url.starts_with("sqlite:") { 4 } else { 16 };
    Database::connect(url, connections).await.with_context(|| format!("opening the database of {FEED}"))
}

async fn fill(database: &Database, account: AccountId, tokens: u32) -> Result<()> {
    match database {
        Database::Postgres(_) => store::fill(database, account, tokens).await,
        Database::Sqlite(_) => registry::fill_open(database, account, tokens).await,
    }
}
