//! From configuration and dependencies to something that runs.

use crate::config::Config;
use crate::deps::Deps;
use crate::http::{self, App, listen};
use model::Error;
use service_kit::{Assembly, Worker};

/// A page of a thousand applications with all their policies passes.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The REST API as one worker that serves `deps.listener`. There are no gRPC routes.
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
        feeds,
        clock,
    } = deps;
    let policy_evaluator = policy_evaluator.max_decoding_message_size(LARGEST_ANSWER);
    let keys = http::authenticate::Keys::new(&config.api_tokens);
    let app = App {
        token_registry,
        policy_evaluator,
        session_issuer,
        notifier,
        access_log,
        feeds,
        clock,
        keys,
        zones: http::zones::Zones::new(config.zones.clone()),
        limiter: http::limit::Limiter::new(config.requests_per_five_minutes),
    };
    let router = http::router(app);
    let server = Worker::new("REST API", move |stop| listen::serve(listener, router, stop));
    Ok(Assembly { workers: vec![server], ..Assembly::default() })
}
