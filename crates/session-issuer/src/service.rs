use crate::deps::Deps;
use crate::keys::{self, Keys};
use crate::rpc::{Following, Rpc};
use crate::sealing::KeyEncryptionKey;
use crate::store::Store;
use change_feed::{Feed, Gate, Replica, Settings};
use model::Error;
use proto::session_issuer::session_issuer_server::SessionIssuerServer;
use revocation::Sessions;
use service_kit::status::to_status;
use service_kit::{Assembly, Worker};
use std::sync::Arc;
use tonic::service::Routes;

/// Migrates the database, opens the feed and assembles the service.
pub async fn build(deps: Deps) -> Result<Assembly, Error> {
    let Deps {
        database,
        bus,
        clock,
        key_encryption_key,
        token_registry,
        policy_evaluator,
        key_set_cache_lifetime,
        name,
    } = deps;
    let sealing = KeyEncryptionKey::new(&key_encryption_key)?;
    database.migrate(&database::migrations::CHANGE_FEED).await?;
    database.migrate(&database::migrations::SESSION_ISSUER).await?;
    database.migrate(&database::migrations::AUDIT).await?;
    let feed =
        Feed::open("session-issuer", database.clone(), bus.clone(), clock.clone(), Settings::default())
            .await?;
    let feed = Arc::new(feed);
    let following = Following {
        view: Arc::new(Sessions::default()),
        gate: Arc::new(Gate::default()),
        clock: clock.clone(),
    };
    let (records, audit_clock) = (database.clone(), clock.clone());
    let store = Store::new(database, clock.clone());
    let keys =
        Arc::new(Keys::new(store.clone(), feed.clone(), following.clone(), sealing, key_set_cache_lifetime));
    let replica = Replica {
        feed: feed.name(),
        name,
        source: Arc::new(feed.clone()),
        bus,
        clock: clock.clone(),
        view: following.view.clone(),
        gate: following.gate.clone(),
        staleness: change_feed::replica::never_stale(),
    };
    let rpc = Rpc {
        store,
        feed: feed.clone(),
        keys: keys.clone(),
        following,
        clock,
        token_registry,
        policy_evaluator,
    };
    let routes = Routes::new(SessionIssuerServer::new(rpc))
        .add_service(audit::rpc::server(records.clone()))
        .add_service(change_feed::rpc::server(feed.clone(), to_status));
    let workers = vec![
        Worker::new("session-issuer replica", async move |stop| {
            replica.follow(stop).await;
            Ok(())
        }),
        audit::log::worker("session-issuer audit", records, audit_clock),
        Worker::new("session-issuer feed", async move |stop| {
            feed.keep_compact(stop).await;
            Ok(())
        }),
        Worker::new("session-issuer keys", async move |stop| {
            keys::upkeep::run(&keys, stop).await;
            Ok(())
        }),
    ];
    Ok(Assembly { routes, workers })
}
