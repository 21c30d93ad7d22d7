//! What replicas ask of the owner.

use super::{Feed, Look};
use model::Error;
use proto::change_feed::{self as wire, Entry};
use std::sync::Arc;
use std::time::Duration;

/// Acknowledgements are written so long after they came.
const WRITE: Duration = Duration::from_millis(5);
/// A page of objects or entries ends with the one that reaches this size.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

impl Feed {
    pub(crate) async fn heartbeat(
        &self,
        request: &wire::HeartbeatRequest,
    ) -> Result<wire::HeartbeatResponse, Error> {
        let (now, ..) = self.read_clocks().await?;
        self.store.grant(request, now, self.settings.lease).await?;
        // After the grant: whoever commits later reads this lease and waits for it.
        let head = self.store.head().await?;
        self.acknowledged.hear(&request.incarnation, request.applied);
        let lease_ms = i64::try_from(self.settings.lease.as_millis()).unwrap_or(i64::MAX);
        Ok(wire::HeartbeatResponse {
            epoch: head.epoch,
            head: head.position,
            lease_ms,
            feed: self.name.to_owned(),
            broadcast_key: head.broadcast_key.0,
        })
    }

    pub(crate) fn acknowledge(self: &Arc<Self>, incarnation: &str, applied: u64) {
        if self.acknowledged.note(incarnation, applied) {
            tokio::spawn(self.clone().write_acknowledgements());
        }
    }

    /// What is lost here, the next heartbeat says again.
    async fn write_acknowledgements(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WRITE).await;
            let unwritten = self.acknowledged.take_unwritten();
            if unwritten.is_empty() {
                return;
            }
            if let Err(error) = self.store.acknowledge(&unwritten).await {
                tracing::warn!(feed = self.name, %error, "writing acknowledgements failed");
            }
        }
    }

    pub(crate) async fn release(&self, incarnation: &str) -> Result<(), Error> {
        self.store.release(incarnation).await?;
        Ok(())
    }

    pub(crate) async fn objects(&self, after: &str, limit: u32) -> Result<wire::ListObjectsResponse, Error> {
        let limit = page_size(limit);
        // The head first: what the page misses lies after it.
        let head = self.store.head().await?;
        let mut objects = self.store.objects(after, limit).await?;
        let is_full = objects.len() >= limit as usize;
        let has_more = shorten(&mut objects) || is_full;
        Ok(wire::ListObjectsResponse { epoch: head.epoch, head: head.position, objects, has_more })
    }

    pub(crate) async fn entries(&self, after: u64, limit: u32) -> Result<wire::ListEntriesResponse, Error> {
        let head = self.store.head().await?;
        let entries = self.store.entries(after, page_size(limit)).await?;
        let compacted = entries.is_none();
        let mut entries = entries.unwrap_or_default();
        shorten(&mut entries);
        Ok(wire::ListEntriesResponse { epoch: head.epoch, head: head.position, entries, compacted })
    }

    pub(crate) async fn replicas(&self) -> Result<wire::ListReplicasResponse, Error> {
        let Look { leases, now, head, .. } = self.look().await?;
        let replicas = leases.into_iter().map(|held| held.row.into_wire(!held.left.is_zero())).collect();
        Ok(wire::ListReplicasResponse { head, replicas, now_ms: now.as_millis() })
    }
}

const fn page_size(asked: u32) -> u32 {
    match asked {
        0 => 1_000,
        1..=10_000 => asked,
        _ => 10_000,
    }
}

/// Cuts a page that would be too large for one message; says whether it did. At least one entry stays.
fn shorten(entries: &mut Vec<Entry>) -> bool {
    let mut bytes = 0;
    let whole = entries.iter().take_while(|entry| {
        let fits = bytes < PAGE_BYTES;
        bytes += entry.object.len() + entry.state.len();
        fits
    });
    let keep = whole.count();
    let is_too_large = keep < entries.len();
    entries.truncate(keep);
    is_too_large
}
