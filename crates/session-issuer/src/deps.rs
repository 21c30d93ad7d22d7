use crate::config::Config;
use bus::Bus;
use database::Database;
use model::{Clock, Error};
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::config::read_secret;
use service_kit::{GrpcChannel, Setting};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Everything the issuer reaches.
pub struct Deps {
    pub database: Database,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    /// 32 bytes: private signing keys are stored under it.
    pub key_encryption_key: Zeroizing<Vec<u8>>,
    pub token_registry: TokenRegistryClient<GrpcChannel>,
    pub policy_evaluator: PolicyEvaluatorClient<GrpcChannel>,
    /// How long validators outside may use a key set that they have read.
    pub key_set_cache_lifetime: Duration,
    /// This replica's name, for people.
    pub name: String,
}

impl Deps {
    pub async fn connect(config: &Config, setting: &Setting) -> Result<Self, Error> {
        let peer = |service| setting.peers.channel(service, &setting.tls);
        Ok(Self {
            key_encryption_key: read_secret("key_encryption_key", &config.key_encryption_key)?.into(),
            token_registry: TokenRegistryClient::new(peer("token-registry")?),
            policy_evaluator: PolicyEvaluatorClient::new(peer("policy-evaluator")?),
            database: Database::connect(&config.database, 16).await?,
            bus: bus::connect(&config.bus).await?,
            clock: setting.clock.clone(),
            key_set_cache_lifetime: config.key_set_cache_lifetime,
            name: config.name.clone(),
        })
    }
}
