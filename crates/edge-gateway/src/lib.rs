//! The enforcement point: a reverse proxy that lets through what the policies admit, and nothing else. It has no
//! database and no signing key.
//!
//! | module | holds |
//! |---|---|
//! | [`request`] | what a client sent, in one canonical reading |
//! | `knowledge` | what is known here: policies, revocations, keys, and the leases on them |
//! | `session` | sessions that were verified, and how they are remembered |
//! | `decide` | the decision |
//! | [`decisions`] | what is told of each |
//! | `fallbacks` | what was admitted without live leases, counted |
//! | `exchange` | a Client ID and Client Secret become a session, once for many |
//! | `forward` | the way to the application and back |
//! | `rides` | open streams, and the end of those that would no longer be let through |
//! | `answer` | refusals and cookies |
//! | `measure` | what the operator sees of the decisions |
//! | `metadata` | which application answers, for clients without a session |
//! | `usage` | when sessions were last used |
//! | `endpoints` | `/cdn-cgi/access/…` |
//! | `listener` | connections |
//! | `asked_span` | the span of a question that another proxy asks |
//! | `ext_authz` | the second front: Envoy asks, and carries out the decision |
//! | [`forward_auth`] | decisions for other proxies, over HTTP |
//! | `bench` | decisions without a network, for measurements |

mod answer;
mod asked_span;
#[doc(hidden)]
pub mod bench;
pub mod config;
mod decide;
pub mod decisions;
pub mod deps;
mod endpoints;
mod exchange;
mod ext_authz;
mod fallbacks;
mod forward;
pub mod forward_auth;
#[doc(hidden)]
pub mod fuzzing;
mod knowledge;
mod listener;
mod measure;
mod metadata;
mod refusal;
pub mod request;
pub mod rides;
pub mod service;
mod session;
mod standalone;
mod usage;

pub use config::Config;
pub use deps::Deps;
pub use listener::proxy_protocol;
pub use service::{build, build_with};
pub use standalone::EdgeGateway;
