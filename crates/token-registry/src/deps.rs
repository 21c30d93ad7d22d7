use crate::config::Config;
use crate::pepper::Peppers;
use bus::Bus;
use cache::Cache;
use database::Database;
use model::{Clock, Error};
use service_kit::Setting;
use service_kit::config::read_secret;
use std::sync::Arc;

/// Everything the registry reaches.
pub struct Deps {
    pub database: Database,
    pub cache: Arc<dyn Cache>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub peppers: Peppers,
    /// This replica's name, for people.
    pub name: String,
}

impl Deps {
    pub async fn connect(config: &Config, setting: &Setting) -> Result<Self, Error> {
        let current = read_secret("pepper", &config.pepper)?;
        let previous =
            config.previous_pepper.as_deref().map(|path| read_secret("previous_pepper", path)).transpose()?;
        Ok(Self {
            database: Database::connect(&config.database, 16).await?,
            cache: cache::connect(&config.cache, setting.clock.clone()).await?,
            bus: bus::connect(&config.bus).await?,
            clock: setting.clock.clone(),
            peppers: Peppers::new(&current, previous.as_deref()),
            name: config.name.clone(),
        })
    }
}
