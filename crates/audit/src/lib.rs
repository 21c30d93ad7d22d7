//! Who changed what: one record for each change, written in the change's own transaction, and never changed.
//!
//! The tables are in each owning service's database. A record that cannot be written takes its change with it. The actor
//! is [`service_kit::actor`]'s.
//!
//! | module | holds |
//! |---|---|
//! | [`record`] | [`AuditConnection::audit`]: writing |
//! | [`log`] | reading, and forgetting what is too old |
//! | [`rpc`] | the call `ListAudit` |

pub mod log;
pub mod record;
pub mod rpc;
#[cfg(test)]
mod tests;

pub use record::{AuditConnection, Record};
