//! When and where each secret was last used: counted in memory, written in batches, apart from the credentials.

mod api_tokens;
mod reports;

pub use api_tokens::ApiTokenUsage;

use crate::store::{Store, Use};
use model::{AddressClass, Clock, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
    pending: Mutex<HashMap<(String, i64), Pending>>,
}

struct Pending {
    last: Timestamp,
    place: Place,
    count: i64,
}

/// Where a secret was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The gateway's name; empty: unknown.
    gateway: Arc<str>,
    source: AddressClass,
}

/// A longer name is none.
const LONGEST_NAME: usize = 200;

impl Place {
    /// As a gateway says. A name that could not be shown is none.
    pub fn new(gateway: &str, source: i32) -> Self {
        let is_shown = gateway.len() <= LONGEST_NAME && !gateway.chars().any(char::is_control);
        Self {
            gateway: if is_shown { gateway.into() } else { "".into() },
            source: AddressClass::from_number(source.into()),
        }
    }
}

impl Usage {
    /// One use, now.
    pub fn count(&self, token_id: &str, version: i64, place: Place, clock: &dyn Clock) {
        self.add(token_id, version, Pending { last: clock.now(), place, count: 1 });
    }

    fn add(&self, token_id: &str, version: i64, new: Pending) {
        let mut pending = self.pending.lock();
        let is_full = pending.len() >= MOST;
        match pending.entry((token_id.to_owned(), version)) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.count = known.count.saturating_add(new.count);
                if new.last > known.last {
                    (known.last, known.place) = (new.last, new.place);
                }
            }
            Entry::Vacant(_) if is_full => {}
            Entry::Vacant(place) => {
                place.insert(new);
            }
        }
    }

    /// How many secrets have uses that are not written yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.lock().len()
    }

    pub async fn flush(&self, store: &Store) {
        let pending = std::mem::take(&mut *self.pending.lock());
        let uses = pending.into_iter().map(|((token_id, version), Pending { last, place, count })| Use {
            token_id,
            version,
            last,
            count,
            gateway: place.gateway.to_string(),
            source: place.source,
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
