//! Tells people, once, that a service token expires within a week, or that nobody uses it: a week before it is disabled or
//! deleted for that, and when it was.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] [`deps`] [`service`] | what is configured, what it reaches, how it is put together |
//! | `alert_policy` | who is told of which tokens: rules of a policy |
//! | `webhook` | destinations: their types, URLs and secrets |
//! | `alert` | the words and shapes of a message |
//! | `delivery` | one message to one recipient: its id, its states, when it is tried again |
//! | [`mailer`] | the port to mail: SMTP, or a folder |
//! | `outbound` | HTTP to webhooks, never to a private address unless allowed |
//! | [`secrets`] | webhook secrets at rest |
//! | `store` | the SQL |
//! | `access_log` | what enforcement points decided, kept for a while |
//! | `rpc` | the gRPC service, a file per noun |
//! | `worker` | finds what is due (`scan`), looks again (`judge`), and sends it (`send`) |
//!
//! To add news of tokens: name it in `delivery::Matter`, give it words in `alert`, a scan and a judgement.
//! To add an alert type: name it in `alert_policy`, give it words in `alert`, and a scan that schedules deliveries.
//! To add a kind of destination: `webhook::Kind`, its host, its shape in `alert`, its header in `outbound`.

pub mod config;
pub mod deps;
pub mod mailer;
pub mod secrets;
pub mod service;

mod access_log;
mod alert;
mod alert_policy;
mod delivery;
mod outbound;
mod rpc;
mod store;
mod text;
mod webhook;
mod worker;

#[cfg(test)]
mod fixture;

pub use config::{Config, default_callers};
pub use deps::Deps;
pub use mailer::Mailer;
pub use secrets::SecretsKey;
pub use service::{Notifier, build};
