//! When each secret was last used: counted in memory, written in batches, apart from the credentials.

mod api_tokens;
mod reports;

pub use api_tokens::ApiTokenUsage;

use crate::store::{Store, Use};
use model::{Clock, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often what was counted is written.
const FLUSH: Duration = Duration::from_secs(2);
/// More than this many secrets between two flushes are not counted: memory stays bounded.
const MOST: usize = 100_000;

/// Secrets whose use is written in one transaction: changes of tokens wait no longer than for that.
const BATCH: usize = 500;

/// Uses that are not written yet.
#[derive(Default)]
pub struct Usage {
    pending: Mutex<HashMap<(String, i64), (Timestamp, i64)>>,
}

impl Usage {
    /// One use, now.
    pub fn count(&self, token_id: &str, version: i64, clock: &dyn Clock) {
        self.add(token_id, version, clock.now(), 1);
    }

    fn add(&self, token_id: &str, version: i64, last: Timestamp, count: i64) {
        let mut pending = self.pending.lock();
        if let Some((known, uses)) = pending.get_mut(&(token_id.to_owned(), version)) {
            *known = last.max(*known);
            *uses = uses.saturating_add(count);
        } else if pending.len() < MOST {
            pending.insert((token_id.to_owned(), version), (last, count));
        }
    }

    /// How many secrets have uses that are not written yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.lock().len()
    }

    pub async fn flush(&self, store: &Store) {
        let pending = std::mem::take(&mut *self.pending.lock());
        let uses = pending.into_iter().map(|((token_id, version), (last, count))| Use {
            token_id,
            version,
            last,
            count,
        });
        let mut uses: Vec<_> = uses.collect();
        uses.sort_unstable_by(|a, b| (&a.token_id, a.version).cmp(&(&b.token_id, b.version)));
        for batch in uses.chunks(BATCH) {
            if let Err(error) = store.record_uses(batch).await {
                tracing::warn!(%error, lost = batch.len(), "recording the use of tokens failed; the counts are lost");
            }
        }
    }

    pub async fn keep_flushing(self: Arc<Self>, store: Arc<Store>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(FLUSH)).await.is_some() {
            self.flush(&store).await;
        }
        self.flush(&store).await;
    }
}
