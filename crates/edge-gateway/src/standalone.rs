use crate::config::Config;
use crate::deps::Deps;
use model::Error;
use service_kit::operations::Ready;
use service_kit::standalone::Farewell;
use service_kit::{Assembly, Callers, Service, Setting};
use std::net::SocketAddr;

/// The gateway as its own process.
pub struct EdgeGateway;

impl Service for EdgeGateway {
    const NAME: &'static str = "edge-gateway";
    const GRPC_SERVICES: &'static [&'static str] = &[];
    type Config = Config;

    fn problems(config: &Config) -> Vec<String> {
        config.problems()
    }

    fn grpc(_: &Config) -> Option<(SocketAddr, Callers)> {
        None
    }

    fn operations(config: &Config) -> Option<SocketAddr> {
        config.operations
    }

    fn farewell(config: &Config) -> Farewell {
        let delay = config.limits.drain_delay();
        Farewell { unready: delay, whole: delay + config.limits.drain() }
    }

    async fn assemble(config: Config, setting: &Setting) -> Result<(Assembly, Ready), Error> {
        let deps = Deps::connect(&config, setting).await?;
        crate::service::build_with(&config.proxy, &config.limits, deps).await
    }
}
