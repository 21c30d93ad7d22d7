//! When sessions were last used, told to the token registry in batches. A request adds to its own session's counter and
//! takes a lock only at the session's first use since the last report.

use bus::Bus;
use bytes::Bytes;
use model::{Timestamp, TokenId};
use parking_lot::Mutex;
use prost::Message as _;
use proto::token_registry::UsageReport;
use proto::token_registry::usage_report::Use;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SUBJECT: &str = "sallyport.token-usage";
const REPORT: Duration = Duration::from_secs(2);
/// More sessions than this between two reports are not counted: memory stays bounded.
const MOST: usize = 100_000;
/// How many uses one message says: far below the bus's largest payload.
const PER_MESSAGE: usize = 5_000;

/// One session's uses since the last report.
#[derive(Debug, Default)]
pub struct Uses {
    count: AtomicI64,
    last_ms: AtomicI64,
    is_listed: AtomicBool,
}

/// A session that was used.
struct Used {
    token: TokenId,
    version: i64,
    uses: Arc<Uses>,
}

/// The sessions that were used since the last report.
#[derive(Default)]
pub struct Usage {
    listed: Mutex<Vec<Used>>,
}

impl Usage {
    pub fn count(&self, token: TokenId, version: i64, uses: &Arc<Uses>, now: Timestamp) {
        uses.count.fetch_add(1, Ordering::Relaxed);
        uses.last_ms.store(now.as_millis(), Ordering::Relaxed);
        if uses.is_listed.load(Ordering::Relaxed) || uses.is_listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut listed = self.listed.lock();
        if listed.len() < MOST {
            listed.push(Used { token, version, uses: uses.clone() });
        } else {
            uses.is_listed.store(false, Ordering::Release);
        }
    }

    pub fn take(&self) -> Vec<Use> {
        let listed = std::mem::take(&mut *self.listed.lock());
        let read = |Used { token, version, uses }: Used| {
            // Unlisted first: a use that comes in between lists the session again.
            uses.is_listed.store(false, Ordering::Release);
            Use {
                token_id: token.to_string(),
                client_secret_version: version,
                uses: uses.count.swap(0, Ordering::AcqRel),
                last_used_at_ms: uses.last_ms.load(Ordering::Acquire),
            }
        };
        listed.into_iter().map(read).filter(|used| used.uses > 0).collect()
    }

    async fn report(&self, bus: &dyn Bus) {
        for uses in self.take().chunks(PER_MESSAGE) {
            let report = UsageReport { uses: uses.to_vec() };
            if let Err(error) = bus.publish(SUBJECT, Bytes::from(report.encode_to_vec())).await {
                tracing::debug!(%error, "a usage report was lost");
            }
        }
    }

    pub async fn keep_reporting(self: Arc<Self>, bus: Arc<dyn Bus>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(REPORT)).await.is_some() {
            self.report(&*bus).await;
        }
        self.report(&*bus).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_summed_and_reported_once() {
        let (usage, uses, token) = (Usage::default(), Arc::new(Uses::default()), TokenId::random());
        for millis in [1, 2, 3] {
            usage.count(token, 7, &uses, Timestamp::from_millis(millis));
        }
        let reported = usage.take();
        assert_eq!(reported.len(), 1);
        assert_eq!(
            (reported[0].uses, reported[0].last_used_at_ms, reported[0].client_secret_version),
            (3, 3, 7)
        );
        assert!(usage.take().is_empty());
        usage.count(token, 7, &uses, Timestamp::from_millis(4));
        assert_eq!(usage.take()[0].uses, 1);
    }
}
