//! The acknowledged change feed: how a change reaches every enforcement point before the call that made it returns.
//!
//! ```text
//! owner:    transaction { change; advance; record }  →  announce  →  confirm
//!                                                        │             ↑
//!                                                       bus (hint)   acknowledge, lease
//!                                                        ↓             │
//! replica:  heartbeat → load objects → follow entries → apply → acknowledge
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`log`] | positions and entries, written in the transaction of the change |
//! | [`lease`] | who may decide, until when, and how far each has come |
//! | [`store`] | what a feed asks of its database |
//! | [`feed`] | [`Feed`]: the owner's side: announce, confirm, compact |
//! | `broadcast` | what goes over the bus, and by what it is believed |
//! | [`history`] | positions that a failover took back |
//! | [`rpc`] | the owner's side over gRPC |
//! | [`source`] | where a replica reads from: an owner in this process, or over gRPC |
//! | [`replica`] | [`Replica`]: the enforcement point's side: lease, gap detection, catch-up |
//!
//! The rule for whoever decides: after the last await take the lease ([`Gate::lease`]), look the state up, decide, and
//! let the decision stand only if the lease still covers it ([`replica::Lease::covers`]).

mod broadcast;
pub mod feed;
#[doc(hidden)]
pub mod fuzzing;
pub mod history;
pub mod lease;
pub mod log;
pub mod replica;
pub mod rpc;
pub mod source;
pub mod store;

#[cfg(test)]
mod tests;

pub use feed::{Feed, Settings, Wait};
pub use history::History;
pub use log::{Appended, Change, FeedConnection};
pub use replica::{Gate, Replica, Staleness, View};
pub use source::{RemoteSource, Source};
pub use store::Store;

/// The bus subject of a feed's broadcasts.
fn subject(feed: &str) -> String {
    format!("sallyport.feed.{feed}")
}
