use crate::access_log::AccessLog;
use crate::config::Config;
use crate::deps::Deps;
use crate::outbound::Outbound;
use crate::rpc::{AccessLogRpc, Rpc};
use crate::store::Store;
use crate::worker::Worker;
use model::Error;
use proto::access_log::access_log_server::AccessLogServer;
use proto::notifier::notifier_server::NotifierServer;
use service_kit::operations::Ready;
use service_kit::{Assembly, Callers, Service, Setting};
use std::net::SocketAddr;
use std::sync::Arc;
use tonic::service::Routes;

/// Puts the notifier together: tables, gRPC service, workers.
pub async fn build(config: &Config, deps: Deps) -> Result<Assembly, Error> {
    let Deps { database, clock, mailer, token_registry, secrets_key, bus } = deps;
    let store = Store::open(database.clone()).await?;
    let outbound = Arc::new(Outbound::new(config.allow_private_webhooks)?);
    let secrets = Arc::new(secrets_key);
    let worker =
        Worker::new(store.clone(), clock.clone(), token_registry, mailer, outbound.clone(), secrets.clone());
    let worker = Arc::new(worker);
    let log = AccessLog::new(store.clone(), clock.clone(), &config.access_log);
    let read_log = AccessLogRpc { store: store.clone() };
    let audit_clock = clock.clone();
    let rpc = Rpc { store, clock, outbound, secrets, worker: worker.clone() };
    let mut workers = worker.workers(config.scan_interval);
    workers.extend(log.workers(bus));
    workers.push(audit::log::worker("notifier audit", database.clone(), audit_clock));
    let routes = Routes::new(NotifierServer::new(rpc))
        .add_service(AccessLogServer::new(read_log))
        .add_service(audit::rpc::server(database));
    Ok(Assembly { routes, workers })
}

/// The notifier as its own process.
pub struct Notifier;

impl Service for Notifier {
    const NAME: &'static str = "notifier";
    const GRPC_SERVICES: &'static [&'static str] = &[
        "sallyport.notifier.v1.Notifier",
        "sallyport.access_log.v1.AccessLog",
        "sallyport.audit.v1.AuditLog",
    ];
    type Config = Config;

    fn problems(config: &Config) -> Vec<String> {
        config.problems()
    }

    fn grpc(config: &Config) -> Option<(SocketAddr, Callers)> {
        Some((config.listen, config.callers.clone()))
    }

    fn operations(config: &Config) -> Option<SocketAddr> {
        config.operations
    }

    async fn assemble(config: Config, setting: &Setting) -> Result<(Assembly, Ready), Error> {
        let deps = Deps::connect(&config, setting).await?;
        let database = deps.database.clone();
        let ready: Ready = Arc::new(move || {
            let database = database.clone();
            Box::pin(async move { database.ping().await })
        });
        Ok((build(&config, deps).await?, ready))
    }
}
