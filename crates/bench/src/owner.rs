//! A feed's owner as it is deployed: a database of its own, and its calls over mutual TLS.

mod counted;

use anyhow::{Context as _, Result};
use change_feed::source::Source;
use change_feed::store::Sql;
use change_feed::{Appended, Change, Feed, FeedConnection as _, RemoteSource, Settings};
use counted::Counted;
use database::Database;
use database::migrations::CHANGE_FEED;
use local_servers::{Durability, Servers};
use model::{Clock as _, Error, SystemClock, TokenId};
use prost::Message as _;
use proto::token_registry::TokenState;
use proto::token_registry::token_state::Status;
use sallyport::dev::state::{State, Topology};
use sallyport::dev::{distributed, pki};
use serde::{Deserialize, Serialize};
use service_kit::assembly::{self, Routes};
use service_kit::config::Tls;
use service_kit::status::{from_status, to_status};
use service_kit::{Callers, GrpcChannel, server};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const FEED: &str = "token-registry";
const FOLLOWER: &str = "edge-gateway";
/// As many connections as the registry has.
const CONNECTIONS: u32 = 16;

/// Real servers, and certificates for an owner and its replicas, for this run alone.
pub struct Site {
    pub servers: Servers,
    pub pki: PathBuf,
    pub folder: TempDir,
}

impl Site {
    /// What is committed is forced to disk, as where it is deployed.
    pub async fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let state = State::open(folder.path(), Topology::Distributed)?;
        let pki = pki::prepare(&state, &[FEED, FOLLOWER])?;
        let servers = distributed::servers(&state, Durability::Durable).await?;
        Ok(Self { servers, pki, folder })
    }

    /// A new database's URL.
    pub async fn database(&self, name: &str) -> Result<String> {
        self.servers.postgres.create_database(name, name, None).await
    }

    pub async fn close(mut self) -> Result<()> {
        self.servers.stop().await
    }
}

/// What a replica must know to reach an owner.
#[derive(Clone, Serialize, Deserialize)]
pub struct Way {
    url: String,
    pki: PathBuf,
}

impl Way {
    /// A connection of its own.
    pub fn source(&self) -> Result<Arc<dyn Source>> {
        let channel = GrpcChannel::remote(FEED, &self.url, &tls(&self.pki, FOLLOWER))?;
        Ok(Arc::new(RemoteSource::new(channel, from_status)))
    }
}

fn tls(folder: &Path, name: &str) -> Tls {
    let pki::Files { authority, certificate, key } = pki::files(folder, name);
    Tls { authority, certificate, key }
}

/// An owner that serves.
pub struct Owner {
    pub database: Database,
    pub feed: Arc<Feed>,
    pub counted: Arc<Counted>,
    pub way: Way,
    stop: CancellationToken,
    running: JoinHandle<Result<(), Error>>,
}

impl Owner {
    pub async fn open(database: &str, bus: &str, pki: &Path) -> Result<Self> {
        let database = Database::connect(database, CONNECTIONS).await?;
        database.migrate(&CHANGE_FEED).await?;
        let (bus, clock) = (bus::connect(bus).await?, Arc::new(SystemClock));
        let counted = Arc::new(Counted::new(Sql { database: database.clone(), clock: clock.clone() }));
        let feed = Feed::open_on(FEED, counted.clone(), bus, clock, Settings::default()).await?;
        let feed = Arc::new(feed);
        let routes = Routes::new(change_feed::rpc::server(feed.clone(), to_status));
        let callers = Callers::new([(FOLLOWER, &["/sallyport.change_feed.v1.ChangeFeed/*"])]);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, local_servers::free_port()?));
        let worker = server::listen(routes, callers, &tls(pki, FEED), address).await?;
        let stop = CancellationToken::new();
        let running = tokio::spawn(assembly::run(vec![worker], stop.clone()));
        let way = Way { url: format!("https://{address}"), pki: pki.to_path_buf() };
        Ok(Self { database, feed, counted, way, stop, running })
    }

    /// Deletes a token, as far as the feed is concerned: one transaction.
    pub async fn delete(&self, token: TokenId) -> Result<Appended, Error> {
        let mut appended = Appended::default();
        let change = Change {
            object: format!("token/{token}"),
            state: Some(deleted(token).encode_to_vec()),
            keep_until: Some(self.feed.keep_revocation_until()),
        };
        database::transaction!(&self.database, |tx| {
            tx.record(&mut appended, change, SystemClock.now()).await?;
        });
        Ok(appended)
    }

    pub async fn close(self) -> Result<()> {
        self.stop.cancel();
        // It waits for replicas to hang up.
        tokio::time::timeout(Duration::from_secs(10), self.running)
            .await
            .context("the owner did not stop")???;
        self.database.close().await;
        Ok(())
    }
}

/// What the registry says of a token that was deleted.
pub fn deleted(token: TokenId) -> TokenState {
    TokenState {
        token_id: token.to_string(),
        status: Status::Deleted.into(),
        expires_at_ms: SystemClock.now().after(Duration::from_hours(24 * 365)).as_millis(),
        client_secret_version: 1,
        ..TokenState::default()
    }
}
