//! Applications, Access policies, groups and organizations; and the judgement on a request.
//!
//! | module | holds |
//! |---|---|
//! | `domain` | what applications, policies, groups and organizations must satisfy; pure |
//! | `store` | the SQL: reads, and the writes that a plan may contain |
//! | `change` | how anything is changed: planned, checked, written and told to the feed in one transaction |
//! | `inactivity` | what is to be done with unused tokens, as the token registry is told |
//! | `recorded` | what the feed is told once more after an upgrade |
//! | `references` | which tokens policies and groups name, as the token registry is told |
//! | `rpc` | one folder a noun, one file a call |
//! | [`config`], [`deps`], [`service`] | built, connected, run |
//!
//! # How to add a change
//!
//! Implement `change::Intent` beside the call: `plan` reads and checks everything and lists the writes and the objects
//! whose state they change; `subject` says what its audit record is about; `answer` reads what the caller is told.
//! `Changes::run` does the rest.

mod audited;
mod change;
pub mod config;
pub mod deps;
mod domain;
mod inactivity;
mod recorded;
mod references;
mod rpc;
pub mod service;
mod standalone;
mod store;

pub use config::{Config, default_callers};
pub use deps::Deps;
pub use service::build;
pub use standalone::PolicyEvaluator;
