//! Who changed what: one record for each change, written in the change's own transaction, and never changed.
//!
//! The tables are in each owning service's database. A record that cannot be written takes its change with it. The actor
//! is [`service_kit::actor`]'s. What was refused changes nothing: one service keeps it for all.
//!
//! A service that owns something migrates [`database::migrations::AUDIT`], adds [`rpc::server`] to its routes and
//! [`log::worker`] to its workers, answers its calls by [`service_kit::actor::answer`], and records each change where it
//! writes it.
//!
//! | module | holds |
//! |---|---|
//! | [`record`] | [`AuditConnection::audit`]: writing |
//! | [`state`] | what a record says of an object |
//! | [`log`] | reading, and forgetting what is too old |
//! | [`refusals`] | the call `RecordRefusals` |
//! | [`rpc`] | the call `ListAudit` |

pub mod log;
pub mod record;
pub mod refusals;
pub mod rpc;
pub mod state;
#[cfg(test)]
mod tests;

pub use record::{AuditConnection, Record};
