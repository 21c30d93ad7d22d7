//! From configuration and dependencies to something that runs.

use crate::config::Config;
use crate::deps::Deps;
use crate::http::audit_logs::AuditLogs;
use crate::http::refusals::Refusals;
use crate::http::{self, App, listen};
use model::Error;
use proto::audit::audit_log_client::AuditLogClient;
use proto::token_registry::api_tokens_client::ApiTokensClient;
use service_kit::{Assembly, Worker};

/// A page of a thousand applications with all their policies passes.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The REST API as a worker that serves `deps.listener`, and one that records what was refused. There are no gRPC routes.
///
/// # Errors
/// `Invalid` with every problem of the configuration.
pub fn build(config: &Config, deps: Deps) -> Result<Assembly, Error> {
    let problems = config.problems();
    if !problems.is_empty() {
        return Err(Error::invalid("admin_api", problems.join("; ")));
    }
    let Deps {
        listener,
        token_registry,
        policy_evaluator,
        session_issuer,
        notifier,
        access_log,
        notifier_audit_log,
        feeds,
        clock,
    } = deps;
    let policy_evaluator = policy_evaluator.max_decoding_message_size(LARGEST_ANSWER);
    let keys = http::authenticate::Keys::new(&config.api_tokens);
    let audit_logs = AuditLogs::new(
        [
            ("token-registry", AuditLogClient::new(feeds.token_registry.clone())),
            ("policy-evaluator", AuditLogClient::new(feeds.policy_evaluator.clone())),
            ("session-issuer", AuditLogClient::new(feeds.session_issuer.clone())),
            ("notifier", notifier_audit_log),
        ]
        .map(|(service, client)| (service, client.max_decoding_message_size(LARGEST_ANSWER))),
    );
    let refusals = Refusals::default();
    let (told, told_to, told_by) = (refusals.clone(), feeds.token_registry.clone(), clock.clone());
    let api_tokens = ApiTokensClient::new(feeds.token_registry.clone());
    let app = App {
        token_registry,
        api_tokens,
        policy_evaluator,
        session_issuer,
        notifier,
        access_log,
        audit_logs,
        feeds,
        clock,
        keys,
        zones: http::zones::Zones::new(config.zones.clone()),
        limiter: http::limit::Limiter::new(config.requests_per_five_minutes),
        refusals,
    };
    let router = http::router(app);
    let server = Worker::new("REST API", move |stop| listen::serve(listener, router, stop));
    let refused = Worker::new("refused attempts", async move |stop| {
        told.keep_writing(told_to, told_by, stop).await;
        Ok(())
    });
    Ok(Assembly { workers: vec![server, refused], ..Assembly::default() })
}
