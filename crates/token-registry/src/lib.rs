//! Service tokens and API tokens: who holds one, whether it is good now, and what has changed about it.
//!
//! | module | holds |
//! |---|---|
//! | [`token`] | a token and everything that may happen to it; pure |
//! | [`api_token`] | the same of what the management API is asked with |
//! | [`pepper`] | the keyed hash of secrets |
//! | `store` | the SQL |
//! | `validated` | the cache of validated tokens, and the rule that keeps it from reviving anything |
//! | `failures` | what was presented and is not good, for the log |
//! | `usage` | when each secret was last used, in batches |
//! | `rpc` | one file a call |
//! | [`config`], [`deps`], [`service`] | built, connected, run |

pub mod api_token;
pub mod config;
pub mod deps;
mod failures;
#[doc(hidden)]
pub mod fuzzing;
pub mod pepper;
mod rpc;
pub mod service;
mod standalone;
mod store;
#[cfg(test)]
mod tests;
pub mod token;
mod usage;
mod validated;

pub use config::{Config, default_callers};
pub use deps::Deps;
pub use service::build;
pub use standalone::TokenRegistry;
