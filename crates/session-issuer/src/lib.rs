//! Session JWTs: issued for credentials that an application's policies admit, signed, verified, revoked.
//!
//! | module | holds |
//! |---|---|
//! | [`session`] | what a session says and how long it lives; pure |
//! | `keys` | the signing keys of every account: created, published, used, rotated, revoked, retired |
//! | [`sealing`] | private keys under the key-encryption key |
//! | `store` | the SQL |
//! | `rpc` | one file a call |
//! | [`config`], [`deps`], [`service`], `standalone` | built, connected, run |
//!
//! Three rules:
//! - A session carries the feed positions that were read *before* its credential was judged, so that a revocation that
//!   commits meanwhile ends it.
//! - A key signs only after every enforcement point has confirmed that it knows it, and validators outside have had the
//!   time to read it. A revoked key signs and verifies nothing any more.
//! - What enforcement points decide by ([`revocation`]) is what this service itself decides by.

pub mod config;
pub mod deps;
mod keys;
mod rpc;
pub mod sealing;
pub mod service;
pub mod session;
mod standalone;
mod store;

#[cfg(test)]
mod fixture;

pub use config::{Config, default_callers};
pub use deps::Deps;
pub use service::build;
pub use standalone::SessionIssuer;
