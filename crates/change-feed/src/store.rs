//! What a feed asks of its database.

use crate::lease::{self, Lease};
use crate::log::{self, Head};
use async_trait::async_trait;
use database::Database;
use model::{Clock, Error, Timestamp};
use proto::change_feed::{Entry, HeartbeatRequest};
use std::sync::Arc;
use std::time::Duration;

/// The tables of one feed, shared by every process of its service. Each call is one step: it happens whole or not at
/// all, and whoever calls afterwards sees it. An error leaves open whether it happened.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes the head where there is none, and reads it.
    async fn open(&self) -> Result<Head, Error>;
    /// The clock that judges leases: the database's own.
    async fn now(&self) -> Result<Timestamp, Error>;
    async fn head(&self) -> Result<Head, Error>;
    /// Grants or renews a lease from `now`. The caller reads the head afterwards, never before.
    async fn grant(&self, request: &HeartbeatRequest, now: Timestamp, length: Duration) -> Result<(), Error>;
    /// Records how far replicas have come, by incarnation; never backwards, and never past the head.
    async fn acknowledge(&self, applied: &[(String, u64)]) -> Result<(), Error>;
    async fn release(&self, incarnation: &str) -> Result<(), Error>;
    async fn leases(&self) -> Result<Vec<Lease>, Error>;
    /// Objects whose name follows `after`, in order, each with the position of its last change.
    async fn objects(&self, after: &str, limit: u32) -> Result<Vec<Entry>, Error>;
    /// The entries after a position. `None`: the log no longer reaches back that far.
    async fn entries(&self, after: u64, limit: u32) -> Result<Option<Vec<Entry>>, Error>;
    /// Forgets objects past their time, entries recorded before `entries_before`, and leases that ran out before
    /// `leases_before`.
    async fn compact(&self, entries_before: Timestamp, leases_before: Timestamp) -> Result<(), Error>;
}

/// `PostgreSQL` or `SQLite`.
pub struct Sql {
    pub database: Database,
    /// The database's clock where it has none of its own.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Store for Sql {
    async fn open(&self) -> Result<Head, Error> {
        log::open(&self.database).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.database.now(&*self.clock).await
    }

    async fn head(&self) -> Result<Head, Error> {
        log::head(&self.database).await
    }

    async fn grant(&self, request: &HeartbeatRequest, now: Timestamp, length: Duration) -> Result<(), Error> {
        lease::grant(&self.database, request, now, length).await
    }

    async fn acknowledge(&self, applied: &[(String, u64)]) -> Result<(), Error> {
        lease::acknowledge(&self.database, applied).await
    }

    async fn release(&self, incarnation: &str) -> Result<(), Error> {
        lease::release(&self.database, incarnation).await
    }

    async fn leases(&self) -> Result<Vec<Lease>, Error> {
        lease::list(&self.database).await
    }

    async fn objects(&self, after: &str, limit: u32) -> Result<Vec<Entry>, Error> {
        log::objects_after(&self.database, after, limit).await
    }

    async fn entries(&self, after: u64, limit: u32) -> Result<Option<Vec<Entry>>, Error> {
        log::entries_after(&self.database, after, limit).await
    }

    async fn compact(&self, entries_before: Timestamp, leases_before: Timestamp) -> Result<(), Error> {
        log::compact(&self.database, &*self.clock, entries_before).await?;
        lease::prune(&self.database, leases_before).await
    }
}
