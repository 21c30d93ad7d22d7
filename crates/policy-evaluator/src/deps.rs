use crate::config::Config;
use bus::Bus;
use database::Database;
use model::{Clock, Error};
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::{GrpcChannel, Setting};
use std::sync::Arc;

/// Everything the evaluator reaches.
pub struct Deps {
    pub database: Database,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub token_registry: TokenRegistryClient<GrpcChannel>,
    /// This replica's name, for people.
    pub name: String,
}

impl Deps {
    pub async fn connect(config: &Config, setting: &Setting) -> Result<Self, Error> {
        Ok(Self {
            database: Database::connect(&config.database, 16).await?,
            bus: bus::connect(&config.bus).await?,
            clock: setting.clock.clone(),
            token_registry: TokenRegistryClient::new(setting.peers.channel("token-registry", &setting.tls)?),
            name: config.name.clone(),
        })
    }
}
