use crate::deps::Deps;
use crate::failures;
use crate::rpc::{ApiTokensRpc, Rpc};
use crate::store::Store;
use crate::usage::{ApiTokenUsage, Usage};
use crate::validated::{Changes, Validated};
use change_feed::{Feed, Gate, Replica, Settings};
use model::Error;
use proto::token_registry::api_tokens_server::ApiTokensServer;
use proto::token_registry::token_registry_server::TokenRegistryServer;
use service_kit::status::to_status;
use service_kit::{Assembly, Worker};
use std::sync::Arc;
use tonic::service::Routes;

/// Migrates the database, opens the feed and assembles the service.
pub async fn build(deps: Deps) -> Result<Assembly, Error> {
    let Deps { database, cache, bus, clock, peppers, name } = deps;
    database.migrate(&database::migrations::CHANGE_FEED).await?;
    database.migrate(&database::migrations::TOKEN_REGISTRY).await?;
    database.migrate(&database::migrations::AUDIT).await?;
    let feed =
        Feed::open("token-registry", database.clone(), bus.clone(), clock.clone(), Settings::default())
            .await?;
    let feed = Arc::new(feed);
    let (records, audit_clock) = (database.clone(), clock.clone());
    let store = Arc::new(Store::new(database, feed.clone(), clock.clone()));
    let (changes, gate) = (Arc::new(Changes::default()), Arc::new(Gate::default()));
    let peppers = Arc::new(peppers);
    let validated = Validated {
        cache,
        peppers: peppers.clone(),
        changes: changes.clone(),
        gate: gate.clone(),
        clock: clock.clone(),
    };
    let usage = Arc::new(Usage::default());
    let (failures, log) = failures::new();
    let failures = Arc::new(failures);
    let api_usage = Arc::new(ApiTokenUsage::default());
    let api_tokens = ApiTokensRpc {
        store: store.clone(),
        peppers: peppers.clone(),
        usage: api_usage.clone(),
        clock: clock.clone(),
    };
    let rpc = Rpc {
        store: store.clone(),
        feed: feed.clone(),
        validated,
        peppers,
        usage: usage.clone(),
        failures: failures.clone(),
        clock: clock.clone(),
    };
    let (reports, reported) = (usage.clone(), bus.clone());
    let replica = Replica {
        feed: feed.name(),
        name,
        source: Arc::new(feed.clone()),
        bus,
        clock,
        view: changes,
        gate,
        staleness: change_feed::replica::never_stale(),
    };
    let routes = Routes::new(TokenRegistryServer::new(rpc))
        .add_service(ApiTokensServer::new(api_tokens))
        .add_service(audit::rpc::server(records.clone()))
        .add_service(audit::refusals::server(records.clone(), audit_clock.clone()))
        .add_service(change_feed::rpc::server(feed.clone(), to_status));
    let workers = vec![
        Worker::new("token-registry replica", async move |stop| {
            replica.follow(stop).await;
            Ok(())
        }),
        audit::log::worker("token-registry audit", records, audit_clock),
        Worker::new("token-registry feed", async move |stop| {
            feed.keep_compact(stop).await;
            Ok(())
        }),
        Worker::new("token-registry failures", async move |stop| {
            log.keep_writing(&failures, stop).await;
            Ok(())
        }),
        {
            let store = store.clone();
            Worker::new("token-registry usage of API tokens", async move |stop| {
                api_usage.keep_flushing(store, stop).await;
                Ok(())
            })
        },
        Worker::new("token-registry usage", async move |stop| {
            usage.keep_flushing(store, stop).await;
            Ok(())
        }),
        Worker::new("token-registry usage reports", async move |stop| {
            reports.keep_listening(reported, stop).await;
            Ok(())
        }),
    ];
    Ok(Assembly { routes, workers })
}
