//! What every service needs and none should write again.
//!
//! | module | holds |
//! |---|---|
//! | [`actor`] | in whose name a call is made |
//! | [`assembly`] | [`Assembly`]: what a built service is: routes and workers |
//! | [`caller`] | who calls, and which callers may call what |
//! | [`channel`] | [`GrpcChannel`]: to a service in this process or over mutual TLS |
//! | [`config`] | one TOML file, a table per service, and the environment |
//! | [`leftover`] | what nobody has read of a request's body |
//! | `measure` | every gRPC call counted and timed |
//! | [`operations`] | `/healthz`, `/readyz` and `/metrics` |
//! | [`server`] | the gRPC server |
//! | [`standalone`] | the `main` of a service that is its own process |
//! | [`status`] | [`model::Error`] to and from [`tonic::Status`]: the only map |

pub mod actor;
pub mod assembly;
pub mod caller;
pub mod channel;
pub mod config;
pub mod leftover;
mod measure;
pub mod operations;
pub mod server;
pub mod standalone;
pub mod status;

pub use assembly::{Assembly, Worker};
pub use caller::{Caller, Callers};
pub use channel::{GrpcChannel, Peers};
pub use standalone::{Service, Setting};
