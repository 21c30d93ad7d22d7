//! What the tests share: an issuer's database, feed and keys, without its neighbours.

use crate::keys::Keys;
use crate::rpc::Following;
use crate::sealing::KeyEncryptionKey;
use crate::store::Store;
use bus::Bus;
use change_feed::{Feed, Gate, Replica, Settings};
use database::Database;
use model::{AccountId, Clock, Error, ManualClock, SessionId, SystemClock, Timestamp};
use revocation::Sessions;
use session_token::{Algorithm, AsOf, Claims, SigningKey};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// One database, on which any number of issuers work.
pub struct World {
    /// Where the SQLite file is.
    directory: TempDir,
    /// How long validators outside may use a key set that they have read.
    pub cache_lifetime: Duration,
    pub database: Database,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
}

/// One issuer's keys, and the replica that follows its feed if it was told to.
pub struct Issuer {
    pub keys: Keys,
    pub store: Store,
    pub feed: Arc<Feed>,
    pub following: Following,
    follows: Option<DropGuard>,
}

impl World {
    pub async fn new(clock: Arc<dyn Clock>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("issuer.db").display());
        Self::on(&url, directory, clock).await
    }

    /// On a database of either kind.
    pub async fn on(url: &str, directory: TempDir, clock: Arc<dyn Clock>) -> Self {
        let database = Database::connect(url, 8).await.unwrap();
        migrate(&database).await;
        let bus = bus::connect("memory:").await.unwrap();
        Self { directory, cache_lifetime: Duration::ZERO, database, bus, clock }
    }

    /// With a clock that is moved by hand.
    pub async fn manual() -> (Self, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(NOW));
        (Self::new(clock.clone()).await, clock)
    }

    pub async fn real_time() -> Self {
        Self::new(Arc::new(SystemClock)).await
    }

    pub async fn issuer(&self) -> Issuer {
        self.issuer_with(&[7; 32]).await
    }

    pub async fn issuer_with(&self, key_encryption_key: &[u8]) -> Issuer {
        let (database, clock) = (self.database.clone(), self.clock.clone());
        let feed = Feed::open(
            "session-issuer",
            database.clone(),
            self.bus.clone(),
            clock.clone(),
            Settings::default(),
        );
        let feed = Arc::new(feed.await.unwrap());
        let following = Following {
            view: Arc::new(Sessions::default()),
            gate: Arc::new(Gate::default()),
            clock: clock.clone(),
        };
        let store = Store::new(database, clock);
        let sealing = KeyEncryptionKey::new(key_encryption_key).unwrap();
        let keys = Keys::new(store.clone(), feed.clone(), following.clone(), sealing, self.cache_lifetime);
        Issuer { keys, store, feed, following, follows: None }
    }

    /// An issuer that follows its own feed and has its lease.
    pub async fn following_issuer(&self) -> Issuer {
        let mut issuer = self.issuer().await;
        let replica = Replica {
            feed: "session-issuer",
            name: "test".to_owned(),
            source: Arc::new(issuer.feed.clone()),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            view: issuer.following.view.clone(),
            gate: issuer.following.gate.clone(),
            staleness: change_feed::replica::never_stale(),
        };
        let stop = CancellationToken::new();
        tokio::spawn(replica.follow(stop.clone()));
        issuer.follows = Some(stop.drop_guard());
        issuer.following.until_live().await.unwrap();
        issuer
    }

    /// Every byte that the database has written.
    pub fn files(&self) -> Vec<u8> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
    }
}

impl Issuer {
    /// Its own replica holds a lease: within a heartbeat, which is by real time.
    pub async fn until_live(&self) {
        while !self.following.is_live() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Its own replica has applied everything up to a position.
    pub async fn until_applied(&self, position: u64) {
        while self.following.gate.applied() < position {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// For an application that has chosen ES256.
    pub async fn es256(&self, account: AccountId) -> Arc<SigningKey> {
        let team_domain = async { Ok("team.example".to_owned()) };
        self.keys.signer_of(Algorithm::Es256, account, team_domain).await.unwrap()
    }

    pub async fn signer(&self, account: AccountId) -> Result<Arc<SigningKey>, Error> {
        self.keys.signer(account, async { Ok("team.example".to_owned()) }).await
    }
}

/// What a session says that lives for an hour.
pub fn claims(account: AccountId, issuer: &str, now: Timestamp) -> Claims {
    Claims {
        audience: "ab".repeat(32).parse().unwrap(),
        expires_at_s: now.as_seconds() + 3600,
        issuer: issuer.to_owned(),
        common_name: String::new(),
        issued_at_s: now.as_seconds(),
        session: SessionId::random(),
        account,
        token: None,
        secret_version: 0,
        certificate: None,
        binding: None,
        as_of: AsOf::default(),
    }
}

pub async fn migrate(database: &Database) {
    database.migrate(&database::migrations::CHANGE_FEED).await.unwrap();
    database.migrate(&database::migrations::SESSION_ISSUER).await.unwrap();
    database.migrate(&database::migrations::AUDIT).await.unwrap();
}
