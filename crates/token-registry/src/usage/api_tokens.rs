//! When each API token was last used.

use super::{BATCH, FLUSH, MOST};
use crate::store::Store;
use model::Timestamp;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Uses that are not written yet.
#[derive(Default)]
pub struct ApiTokenUsage(Mutex<BTreeMap<String, Timestamp>>);

impl ApiTokenUsage {
    pub fn note(&self, id: &str, now: Timestamp) {
        let mut pending = self.0.lock();
        if let Some(last) = pending.get_mut(id) {
            *last = now.max(*last);
        } else if pending.len() < MOST {
            pending.insert(id.to_owned(), now);
        }
    }

    pub async fn flush(&self, store: &Store) {
        let pending: Vec<_> = std::mem::take(&mut *self.0.lock()).into_iter().collect();
        for batch in pending.chunks(BATCH) {
            if let Err(error) = store.record_api_token_uses(batch).await {
                tracing::warn!(%error, lost = batch.len(), "recording the use of API tokens failed");
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
