//! What the service needs of the world.

use crate::config::Config;
use model::{Clock, Error};
use proto::access_log::access_log_client::AccessLogClient;
use proto::audit::audit_log_client::AuditLogClient;
use proto::notifier::notifier_client::NotifierClient;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use service_kit::{GrpcChannel, Setting};
use std::sync::Arc;
use tokio::net::TcpListener;

/// The bound listener, a client of each service, and the time.
pub struct Deps {
    /// Already bound, so that the caller knows the address also when it asked for port 0.
    pub listener: TcpListener,
    pub token_registry: TokenRegistryClient<GrpcChannel>,
    pub policy_evaluator: PolicyEvaluatorClient<GrpcChannel>,
    pub session_issuer: SessionIssuerClient<GrpcChannel>,
    pub notifier: NotifierClient<GrpcChannel>,
    pub access_log: AccessLogClient<GrpcChannel>,
    /// The notifier's. The other services' are beside their feeds.
    pub notifier_audit_log: AuditLogClient<GrpcChannel>,
    pub feeds: Feeds,
    pub clock: Arc<dyn Clock>,
}

/// To the owner of each feed.
#[derive(Clone)]
pub struct Feeds {
    pub token_registry: GrpcChannel,
    pub policy_evaluator: GrpcChannel,
    pub session_issuer: GrpcChannel,
}

impl Deps {
    /// For the standalone process: binds, and reaches the services over mutual TLS.
    pub async fn connect(config: &Config, setting: &Setting) -> Result<Self, Error> {
        let address = config.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| Error::invalid("listen", format!("cannot listen on {address}: {error}")))?;
        let channel = |service| setting.peers.channel(service, &setting.tls);
        let feeds = Feeds {
            token_registry: channel("token-registry")?,
            policy_evaluator: channel("policy-evaluator")?,
            session_issuer: channel("session-issuer")?,
        };
        Ok(Self {
            listener,
            token_registry: TokenRegistryClient::new(feeds.token_registry.clone()),
            policy_evaluator: PolicyEvaluatorClient::new(feeds.policy_evaluator.clone()),
            session_issuer: SessionIssuerClient::new(feeds.session_issuer.clone()),
            notifier: NotifierClient::new(channel("notifier")?),
            access_log: AccessLogClient::new(channel("notifier")?),
            notifier_audit_log: AuditLogClient::new(channel("notifier")?),
            feeds,
            clock: setting.clock.clone(),
        })
    }
}
