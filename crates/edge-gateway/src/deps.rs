use crate::config::Config;
use crate::forward_auth::Front;
use bus::Bus;
use model::{Clock, Error};
use service_kit::{GrpcChannel, Setting};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Everything the gateway reaches.
pub struct Deps {
    /// Already bound, so that the caller knows the port.
    pub listener: TcpListener,
    /// The same for Envoy's questions; none: they are not answered.
    pub ext_authz: Option<TcpListener>,
    /// Where other proxies ask.
    pub forward_auth: Option<Front>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub token_registry: GrpcChannel,
    pub policy_evaluator: GrpcChannel,
    pub session_issuer: GrpcChannel,
    /// This enforcement point's name, for people.
    pub name: String,
}

impl Deps {
    pub async fn connect(config: &Config, setting: &Setting) -> Result<Self, Error> {
        let forward_auth = match &config.forward_auth {
            Some(front) => Some(Front::bind(front).await?),
            None => None,
        };
        let channel = |service| setting.peers.channel(service, &setting.tls);
        Ok(Self {
            listener: bind("listen", config.listen).await?,
            ext_authz: match &config.ext_authz {
                Some(ext_authz) => Some(bind("ext_authz.listen", ext_authz.listen).await?),
                None => None,
            },
            forward_auth,
            bus: bus::connect(&config.bus).await?,
            clock: setting.clock.clone(),
            token_registry: channel("token-registry")?,
            policy_evaluator: channel("policy-evaluator")?,
            session_issuer: channel("session-issuer")?,
            name: config.name.clone(),
        })
    }
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    let cannot = |error| Error::invalid(setting, format!("cannot listen on {address}: {error}"));
    TcpListener::bind(address).await.map_err(cannot)
}
