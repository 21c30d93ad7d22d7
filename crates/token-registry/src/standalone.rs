use crate::config::Config;
use crate::deps::Deps;
use model::Error;
use service_kit::operations::Ready;
use service_kit::{Assembly, Callers, Service, Setting};
use std::net::SocketAddr;
use std::sync::Arc;

/// The registry as its own process.
pub struct TokenRegistry;

impl Service for TokenRegistry {
    const NAME: &'static str = "token-registry";
    const GRPC_SERVICES: &'static [&'static str] = &[
        "sallyport.token_registry.v1.TokenRegistry",
        "sallyport.token_registry.v1.ApiTokens",
        "sallyport.audit.v1.AuditLog",
        "sallyport.audit.v1.RefusalLog",
        "sallyport.change_feed.v1.ChangeFeed",
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
        Ok((crate::build(deps).await?, ready))
    }
}
