//! The management plane: the v4 REST API, and what it has no words for, over the services' gRPC calls. It stores nothing.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | [`Config`]: the listener and the API tokens |
//! | [`deps`] | [`Deps`]: the listener, a client of each service, the clock |
//! | [`service`] | [`build`] |
//! | `http` | routes, one module per noun; authentication, body, envelope, problem: each once |
//! | `wire` | the contract's JSON to and from the services' messages; pure, property-tested |
//!
//! # How to add an endpoint
//!
//! Its JSON in `wire/<noun>.rs` (a `read…` from [`wire::fields::Fields`], a `view`), described in `wire/schema/<noun>.rs`;
//! its handler in `http/<noun>.rs` and, in that module's `routes`, the operation that it serves: see the README. What the
//! public contract does not have goes under `/sallyport/v1`. Errors need nothing: every failure is a [`model::Error`], and
//! `http/problem.rs` is the only place that knows what it looks like to a client.

pub mod config;
pub mod deps;
#[doc(hidden)]
pub mod fuzzing;
mod http;
pub mod service;
mod wire;

pub use config::{ApiToken, Config};
pub use deps::{Deps, Feeds};
pub use service::build;

use model::Error;
use service_kit::operations::Ready;
use service_kit::{Assembly, Callers, Service, Setting};
use std::net::SocketAddr;
use std::sync::Arc;

/// The service as its own process.
pub struct AdminApi;

impl Service for AdminApi {
    const NAME: &'static str = "admin-api";
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

    async fn assemble(config: Config, setting: &Setting) -> Result<(Assembly, Ready), Error> {
        let deps = Deps::connect(&config, setting).await?;
        let assembly = build(&config, deps)?;
        // It keeps nothing of its own: it can work as soon as it listens, and says itself which service is away.
        let ready: Ready = Arc::new(|| Box::pin(async { Ok(()) }));
        Ok((assembly, ready))
    }
}
