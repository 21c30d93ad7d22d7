//! The REST API: one module per noun, and the concerns that all share, each once.
//!
//! | module | concern |
//! |---|---|
//! | [`authenticate`] | the API token, and which account it may manage |
//! | [`operation`] | one operation, described |
//! | [`routes`] | a route is made together with its description |
//! | [`trees`] | all of them, and where each is mounted |
//! | [`contract`] | the document of all of them, and the same to read |
//! | [`scopes`] | what an API token may do |
//! | [`body`] | a JSON object of at most 1 MiB |
//! | [`request`] | ids in the path, query, paging, whether to wait |
//! | [`answer`] | the envelope of success |
//! | [`problem`] | [`model::Error`] as HTTP: the only map |
//! | [`zones`] | a zone's path is its account's |
//! | [`limit`] | how much one API token may ask |
//! | [`unsupported`] | what the contract has for people |
//! | [`observe`] | request ids, the log line, headers of every response |
//! | [`refusals`] | what was refused, for the audit log |
//! | [`listen`] | connections |
//! | `lent` | what a handler leaves of a body is read |

pub mod access_log;
pub mod alerting;
pub mod answer;
pub mod api_tokens;
pub mod app_settings;
pub mod apps;
pub mod audit_logs;
pub mod authenticate;
pub mod body;
pub mod certificates;
pub mod contract;
pub mod failure_mode;
pub mod fleet;
pub mod groups;
pub mod judged;
pub mod keys;
mod lent;
pub mod limit;
pub mod listen;
pub mod observe;
pub mod operation;
pub mod organizations;
pub mod policies;
pub mod policy_checks;
pub mod policy_test;
pub mod policy_tests;
pub mod problem;
pub mod refusals;
pub mod request;
pub mod rotation;
pub mod routes;
pub mod scopes;
pub mod service_tokens;
pub mod session_signature;
pub mod sessions;
pub mod tags;
pub mod trees;
pub mod unsupported;
pub mod zones;

#[cfg(test)]
mod tests;

use crate::deps::Feeds;
use answer::Answer;
use authenticate::{Gate, Keys};
use axum::Extension;
use axum::middleware::{from_fn_with_state, map_request, map_request_with_state};
use contract::Contract;
use model::Clock;
use problem::Problem;
use proto::access_log::access_log_client::AccessLogClient;
use proto::notifier::notifier_client::NotifierClient;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::token_registry::api_tokens_client::ApiTokensClient;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use routes::{Permissions, Tree};
use service_kit::GrpcChannel;
use std::sync::Arc;
use tower_layer::Layer as _;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub token_registry: TokenRegistryClient<GrpcChannel>,
    pub api_tokens: ApiTokensClient<GrpcChannel>,
    pub policy_evaluator: PolicyEvaluatorClient<GrpcChannel>,
    pub session_issuer: SessionIssuerClient<GrpcChannel>,
    pub notifier: NotifierClient<GrpcChannel>,
    pub access_log: AccessLogClient<GrpcChannel>,
    pub audit_logs: audit_logs::AuditLogs,
    pub feeds: Feeds,
    pub clock: Arc<dyn Clock>,
    pub keys: Keys,
    pub zones: zones::Zones,
    pub limiter: limit::Limiter,
    pub refusals: refusals::Refusals,
}

type Outcome = Result<Answer, Problem>;

/// Everything but the contract itself is behind [`authenticate`]: the public contract under
/// `/client/v4/accounts/{account_id}`, and what is ours alone under `/sallyport/v1/accounts/{account_id}`, or under
/// `/sallyport/v1` where it is of no account.
pub fn router(app: App) -> axum::Router {
    let (mut operations, mut permissions) = (Vec::new(), Permissions::default());
    let mut split = |tree: Tree| tree.split(&mut operations, &mut permissions);
    let of_an_account = [split(trees::contract()), split(trees::ours())];
    let of_no_account = [split(trees::of_the_caller()), split(trees::of_the_whole())];
    let (open_at, open) = split(trees::open());
    let contract = Contract::of(operations);
    let gate = Gate { app: app.clone(), permissions: Arc::new(permissions) };
    let behind = |routes: axum::Router<App>| {
        routes
            .method_not_allowed_fallback(async || Problem::wrong_method())
            .layer(from_fn_with_state(app.clone(), limit::check))
    };
    let mut routed = axum::Router::new();
    for (at, routes) in of_an_account {
        let check = from_fn_with_state(gate.clone(), authenticate::check);
        routed = routed.nest(at, behind(routes).layer(check));
    }
    for (at, routes) in of_no_account {
        let check = from_fn_with_state(gate.clone(), authenticate::check_any);
        routed = routed.nest(at, behind(routes).layer(check));
    }
    let open = open.method_not_allowed_fallback(async || Problem::wrong_method()).layer(Extension(contract));
    let routed = routed
        .nest(open_at, open)
        .fallback(async || Problem::no_route())
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .layer(map_request(observe::name))
        .with_state(app.clone());
    axum::Router::new().fallback_service(map_request_with_state(app, zones::resolve).layer(routed))
}

/// What a service answered.
fn answered<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Result<T, Problem> {
    match answer {
        Ok(response) => Ok(response.into_inner()),
        Err(status) => Err(Problem::from_service(service_kit::status::from_status(status))),
    }
}

/// The part of an answer that the protocol cannot require but the service always fills.
fn present<T>(part: Option<T>) -> Result<T, Problem> {
    part.ok_or_else(|| model::Error::internal("a service left out the object it answers with").into())
}
