use crate::config::Config;
use crate::mailer::{self, Mailer};
use crate::secrets::SecretsKey;
use bus::Bus;
use database::Database;
use model::{Clock, Error};
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::config::read_secret;
use service_kit::{GrpcChannel, Setting};
use std::sync::Arc;

/// Everything the notifier reaches.
pub struct Deps {
    pub database: Database,
    pub clock: Arc<dyn Clock>,
    pub mailer: Arc<dyn Mailer>,
    /// Asks which tokens expire, and again before each message.
    pub token_registry: TokenRegistryClient<GrpcChannel>,
    pub secrets_key: SecretsKey,
    /// On which enforcement points say what they decided; none: no access log is kept.
    pub bus: Option<Arc<dyn Bus>>,
}

impl Deps {
    pub async fn connect(config: &Config, setting: &Setting) -> Result<Self, Error> {
        let channel = setting.peers.channel("token-registry", &setting.tls)?;
        let bus = match &config.bus {
            Some(url) => Some(bus::connect(url).await?),
            None => None,
        };
        Ok(Self {
            bus,
            database: Database::connect(&config.database, 16).await?,
            clock: setting.clock.clone(),
            mailer: mailer::connect(&config.mailer, &config.from, config.mailer_authority.as_deref())?,
            token_registry: TokenRegistryClient::new(channel),
            secrets_key: SecretsKey::new(&read_secret("secrets_key", &config.secrets_key)?)?,
        })
    }
}
