//! A registry as it is deployed: the real routes and workers over a real database, with a clock that is moved by hand.

use super::watched::Watched;
use crate::pepper::Peppers;
use crate::store::Store;
use crate::{Deps, build};
use bus::Bus;
use change_feed::{Feed, Settings};
use database::Database;
use database::migrations::{AUDIT, CHANGE_FEED, TOKEN_REGISTRY};
use model::{AccountId, Clock, Error, ManualClock, Timestamp};
use proto::change_feed::Wait;
use proto::token_registry as wire;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::status::from_status;
use service_kit::{Callers, GrpcChannel, Worker, assembly};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub const YEAR: Duration = Duration::from_hours(8760);
pub const PEPPER: [u8; 32] = [7; 32];

/// What several replicas share.
pub struct World {
    url: String,
    pub database: Database,
    pub clock: Arc<ManualClock>,
    pub bus: Arc<dyn Bus>,
    pub cache: Arc<Watched>,
}

impl World {
    pub async fn sqlite(directory: &Path) -> Self {
        Self::new(format!("sqlite:{}", directory.join("tokens.db").display())).await
    }

    pub async fn new(url: String) -> Self {
        super::secrets::keep_every_line_wanted();
        let clock = Arc::new(ManualClock::new(NOW));
        let database = Box::pin(Database::connect(&url, 8)).await.unwrap();
        database.migrate(&CHANGE_FEED).await.unwrap();
        database.migrate(&TOKEN_REGISTRY).await.unwrap();
        database.migrate(&AUDIT).await.unwrap();
        let memory = cache::Memory::new(1_000, clock.clone());
        let cache = Arc::new(Watched::new(memory));
        Self { url, database, clock, bus: bus::connect("memory:").await.unwrap(), cache }
    }

    /// One running replica.
    pub async fn registry(&self) -> Registry {
        self.registry_with(Peppers::new(&PEPPER, None)).await
    }

    pub async fn registry_with(&self, peppers: Peppers) -> Registry {
        let (mut registry, workers) = self.idle_registry(peppers).await;
        registry.task = Some(tokio::spawn(assembly::run(workers, registry.stop.clone())));
        registry
    }

    /// A replica whose workers do not run: it has no lease.
    pub async fn idle_registry(&self, peppers: Peppers) -> (Registry, Vec<Worker>) {
        let database = Box::pin(Database::connect(&self.url, 8)).await.unwrap();
        let deps = Deps {
            database: database.clone(),
            cache: self.cache.clone(),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            peppers,
            name: "registry-1".into(),
        };
        let assembly = Box::pin(build(deps)).await.unwrap();
        let routes = assembly.routes;
        let channel = channel(&routes, Callers::new([("test", &["*"])]), "test");
        let client = TokenRegistryClient::new(channel);
        (Registry { client, routes, database, stop: CancellationToken::new(), task: None }, assembly.workers)
    }

    pub async fn store(&self) -> Store {
        let (database, bus, clock) = (self.database.clone(), self.bus.clone(), self.clock.clone());
        let feed = Feed::open("token-registry", database.clone(), bus, clock.clone(), Settings::default());
        Store::new(database, Arc::new(feed.await.unwrap()), clock)
    }

    pub fn clock_now(&self) -> i64 {
        self.clock.now().as_millis()
    }

    pub fn later(&self, duration: Duration) -> i64 {
        self.clock.now().after(duration).as_millis()
    }
}

fn channel(routes: &Routes, callers: Callers, caller: &str) -> GrpcChannel {
    GrpcChannel::local(routes.clone(), callers, caller)
}

/// One replica of the service.
pub struct Registry {
    pub client: TokenRegistryClient<GrpcChannel>,
    pub routes: Routes,
    /// The replica's own.
    pub database: Database,
    stop: CancellationToken,
    task: Option<JoinHandle<Result<(), Error>>>,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A token, and the secret that was shown.
#[derive(Clone)]
pub struct Made {
    pub account: String,
    pub id: String,
    pub client_id: String,
    pub secret: String,
    pub token: wire::Token,
}

impl From<wire::CreateTokenResponse> for Made {
    fn from(made: wire::CreateTokenResponse) -> Self {
        let token = made.token.unwrap();
        let (account, id, client_id) = (token.account_id.clone(), token.id.clone(), token.client_id.clone());
        Self { account, id, client_id, secret: made.client_secret, token }
    }
}

impl Made {
    pub fn update(&self) -> wire::UpdateTokenRequest {
        let (account_id, id) = (self.account.clone(), self.id.clone());
        wire::UpdateTokenRequest { account_id, id, ..wire::UpdateTokenRequest::default() }
    }
}

pub fn new_token(name: &str) -> wire::CreateTokenRequest {
    let account_id = AccountId::random().to_string();
    wire::CreateTokenRequest { account_id, name: name.into(), ..wire::CreateTokenRequest::default() }
}

pub fn read<T>(answer: Result<Response<T>, Status>) -> Result<T, Error> {
    answer.map(Response::into_inner).map_err(from_status)
}

impl Registry {
    /// In the name of a service, with the rights that it has by default.
    pub fn as_caller(&self, caller: &str) -> TokenRegistryClient<GrpcChannel> {
        TokenRegistryClient::new(channel(&self.routes, crate::default_callers(), caller))
    }

    /// Stops the workers, which write what they have left.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.task.take().unwrap().await.unwrap().unwrap();
        self.database.close().await;
    }

    pub async fn create(&self, request: wire::CreateTokenRequest) -> Result<Made, Error> {
        read(self.client.clone().create_token(request).await).map(Made::from)
    }

    pub async fn new_token(&self) -> Made {
        self.create(new_token("ci")).await.unwrap()
    }

    pub async fn authenticate(
        &self,
        client_id: &str,
        secret: &str,
    ) -> Result<wire::AuthenticateTokenResponse, Error> {
        read(self.client.clone().authenticate_token(credentials(client_id, secret)).await)
    }

    /// The reason for which a secret of the token is refused; empty if it is not.
    pub async fn refusal(&self, made: &Made, secret: &str) -> String {
        match self.authenticate(&made.client_id, secret).await {
            Ok(answer) => {
                assert_eq!(
                    (answer.token_id.as_str(), answer.account_id.as_str()),
                    (&*made.id, &*made.account)
                );
                String::new()
            }
            Err(error) => error.reason().to_owned(),
        }
    }

    pub async fn get(&self, account: &str, id: &str) -> Result<wire::Token, Error> {
        let request = wire::GetTokenRequest { account_id: account.into(), id: id.into() };
        read(self.client.clone().get_token(request).await).map(|answer| answer.token.unwrap())
    }

    pub async fn stored(&self, made: &Made) -> wire::Token {
        self.get(&made.account, &made.id).await.unwrap()
    }

    pub async fn list(&self, request: wire::ListTokensRequest) -> Result<wire::ListTokensResponse, Error> {
        read(self.client.clone().list_tokens(request).await)
    }

    pub async fn update(
        &self,
        request: wire::UpdateTokenRequest,
    ) -> Result<wire::UpdateTokenResponse, Error> {
        read(self.client.clone().update_token(request).await)
    }

    pub async fn enable(&self, made: &Made, enabled: bool) {
        self.update(wire::UpdateTokenRequest { enabled: Some(enabled), ..made.update() }).await.unwrap();
    }

    pub async fn refresh(&self, account: &str, id: &str) -> Result<wire::Token, Error> {
        let wait = Wait::Unspecified.into();
        let request = wire::RefreshTokenRequest { account_id: account.into(), id: id.into(), wait };
        read(self.client.clone().refresh_token(request).await).map(|answer| answer.token.unwrap())
    }

    pub async fn rotate(
        &self,
        account: &str,
        id: &str,
        previous_client_secret_expires_at_ms: Option<i64>,
    ) -> Result<wire::RotateTokenResponse, Error> {
        let request = wire::RotateTokenRequest {
            account_id: account.into(),
            id: id.into(),
            previous_client_secret_expires_at_ms,
            wait: Wait::Unspecified.into(),
        };
        read(self.client.clone().rotate_token(request).await)
    }

    /// The new secret.
    pub async fn rotated(&self, made: &Made, overlap_until: Option<i64>) -> String {
        self.rotate(&made.account, &made.id, overlap_until).await.unwrap().client_secret
    }

    pub async fn delete(&self, account: &str, id: &str) -> Result<wire::DeleteTokenResponse, Error> {
        let wait = Wait::Unspecified.into();
        let request = wire::DeleteTokenRequest { account_id: account.into(), id: id.into(), wait };
        read(self.client.clone().delete_token(request).await)
    }

    pub async fn expiring(
        &self,
        request: wire::ListExpiringTokensRequest,
    ) -> Result<wire::ListExpiringTokensResponse, Error> {
        read(self.client.clone().list_expiring_tokens(request).await)
    }

    pub async fn set_references(&self, account: &str, referrer: &str, ids: &[&str]) -> Result<(), Error> {
        self.set_references_of(account, referrer, ids, None).await.map(drop)
    }

    /// So many of them, from the first, must exist. Answers those that do not.
    pub async fn set_references_of(
        &self,
        account: &str,
        referrer: &str,
        ids: &[&str],
        required: Option<u32>,
    ) -> Result<Vec<String>, Error> {
        let request = wire::SetTokenReferencesRequest {
            account_id: account.into(),
            referrer: referrer.into(),
            referrer_name: format!("name of {referrer}"),
            token_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            required,
        };
        let answer = read(self.client.clone().set_token_references(request).await);
        answer.map(|answer| answer.missing_token_ids)
    }

    /// Until the replica holds a lease: from then on it asks the cache.
    pub async fn may_use_cache(&self, cache: &Watched) {
        let probe = self.new_token().await;
        let before = *cache.gets.lock();
        let asked = async {
            while *cache.gets.lock() == before {
                self.authenticate(&probe.client_id, &probe.secret).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), asked).await.expect("a lease is granted");
    }
}

pub fn credentials(client_id: &str, secret: &str) -> Request<wire::AuthenticateTokenRequest> {
    Request::new(wire::AuthenticateTokenRequest {
        client_id: client_id.into(),
        client_secret: secret.into(),
        ..Default::default()
    })
}
