//! A feed's database that counts what a confirmation asks of it.

use async_trait::async_trait;
use change_feed::Store;
use change_feed::lease::Lease;
use change_feed::log::Head;
use change_feed::store::Sql;
use model::{Error, Timestamp};
use proto::change_feed::{Entry, HeartbeatRequest};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub struct Counted {
    sql: Sql,
    acknowledgements: AtomicU32,
    looks: AtomicU32,
    pages: AtomicU32,
}

impl Counted {
    pub const fn new(sql: Sql) -> Self {
        Self { sql, acknowledgements: AtomicU32::new(0), looks: AtomicU32::new(0), pages: AtomicU32::new(0) }
    }

    /// Since the last call: acknowledgements written, readings of the leases, and pages of the log read.
    pub fn take(&self) -> [u32; 3] {
        [&self.acknowledgements, &self.looks, &self.pages].map(|count| count.swap(0, Ordering::Relaxed))
    }
}

#[async_trait]
impl Store for Counted {
    async fn open(&self) -> Result<Head, Error> {
        self.sql.open().await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.sql.now().await
    }

    async fn head(&self) -> Result<Head, Error> {
        self.sql.head().await
    }

    async fn grant(&self, request: &HeartbeatRequest, now: Timestamp, length: Duration) -> Result<(), Error> {
        self.sql.grant(request, now, length).await
    }

    async fn acknowledge(&self, applied: &[(String, u64)]) -> Result<(), Error> {
        self.acknowledgements.fetch_add(1, Ordering::Relaxed);
        self.sql.acknowledge(applied).await
    }

    async fn release(&self, incarnation: &str) -> Result<(), Error> {
        self.sql.release(incarnation).await
    }

    async fn leases(&self) -> Result<Vec<Lease>, Error> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.sql.leases().await
    }

    async fn objects(&self, after: &str, limit: u32) -> Result<Vec<Entry>, Error> {
        self.sql.objects(after, limit).await
    }

    async fn entries(&self, after: u64, limit: u32) -> Result<Option<Vec<Entry>>, Error> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.sql.entries(after, limit).await
    }

    async fn compact(&self, entries_before: Timestamp, leases_before: Timestamp) -> Result<(), Error> {
        self.sql.compact(entries_before, leases_before).await
    }
}
