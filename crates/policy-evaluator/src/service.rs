use crate::change::Changes;
use crate::deps::Deps;
use crate::inactivity::Inactivity;
use crate::recorded::Recorded;
use crate::references::References;
use crate::rpc::{Local, Rpc};
use crate::store::policy_tests::PolicyTests;
use change_feed::{Feed, Gate, Replica, Settings};
use directory::Directory;
use model::Error;
use proto::policy_evaluator::policy_evaluator_server::PolicyEvaluatorServer;
use service_kit::status::to_status;
use service_kit::{Assembly, Worker};
use std::sync::Arc;
use tonic::service::Routes;

/// Migrates the database, opens the feed and assembles the service.
pub async fn build(deps: Deps) -> Result<Assembly, Error> {
    let Deps { database, bus, clock, token_registry, name } = deps;
    database.migrate(&database::migrations::CHANGE_FEED).await?;
    database.migrate(&database::migrations::POLICY_EVALUATOR).await?;
    database.migrate(&database::migrations::AUDIT).await?;
    let feed =
        Feed::open("policy-evaluator", database.clone(), bus.clone(), clock.clone(), Settings::default());
    let feed = Arc::new(feed.await?);
    let inactivity = Inactivity::new(database.clone(), token_registry.clone());
    let references = Arc::new(References::new(database.clone(), token_registry, clock.clone()));
    let (records, audit_clock) = (database.clone(), clock.clone());
    let recorded = Recorded::new(database.clone(), feed.clone(), clock.clone());
    let tests = PolicyTests::new(database.clone(), clock.clone());
    let (view, gate) = (Arc::new(Directory::new()), Arc::new(Gate::default()));
    let rpc = Rpc {
        changes: Changes::new(database.clone(), feed.clone(), clock.clone(), references.clone()),
        database,
        tests: tests.clone(),
        local: Local { view: view.clone(), gate: gate.clone(), clock: clock.clone() },
    };
    let replica = Replica {
        feed: feed.name(),
        name,
        source: Arc::new(feed.clone()),
        bus,
        clock,
        view,
        gate,
        staleness: change_feed::replica::never_stale(),
    };
    let routes = Routes::new(PolicyEvaluatorServer::new(rpc))
        .add_service(audit::rpc::server(records.clone()))
        .add_service(change_feed::rpc::server(feed.clone(), to_status));
    let workers = vec![
        Worker::new("policy-evaluator replica", async move |stop| {
            replica.follow(stop).await;
            Ok(())
        }),
        audit::log::worker("policy-evaluator audit", records, audit_clock),
        Worker::new("policy-evaluator feed", async move |stop| {
            feed.keep_compact(stop).await;
            Ok(())
        }),
        Worker::new("policy-evaluator recorded", async move |stop| {
            recorded.keep_up(stop).await;
            Ok(())
        }),
        Worker::new("policy-evaluator policy tests", async move |stop| {
            tests.keep_short(stop).await;
            Ok(())
        }),
        Worker::new("policy-evaluator references", async move |stop| {
            references.keep_stated(stop).await;
            Ok(())
        }),
        Worker::new("policy-evaluator inactivity", async move |stop| {
            inactivity.keep_stating(stop).await;
            Ok(())
        }),
    ];
    Ok(Assembly { routes, workers })
}
