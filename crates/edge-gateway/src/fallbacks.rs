//! What was admitted without live leases: counted by mode, and logged once per application and outage, with the number
//! at its end.

use crate::decide::Fallback;
use metrics::counter;
use model::ApplicationId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often it is looked, during an outage, whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// The admissions of the outage that goes on.
#[derive(Default)]
pub struct Fallbacks {
    admitted: Mutex<HashMap<(ApplicationId, Fallback), u64>>,
    /// There is the first.
    began: Notify,
}

impl Fallbacks {
    /// One more.
    pub fn count(&self, application: ApplicationId, fallback: Fallback) {
        let mode = fallback.as_str();
        counter!("sallyport_fallbacks_total", "mode" => mode).increment(1);
        let is_first = {
            let mut admitted = self.admitted.lock();
            let count = admitted.entry((application, fallback)).or_default();
            *count += 1;
            *count == 1
        };
        if is_first {
            tracing::warn!(%application, mode, "cut off: requests are admitted as the failure mode says");
            self.began.notify_one();
        }
    }

    /// Says how many there were, once leases are live again or the gateway stops.
    pub async fn keep_watching(&self, has_leases: impl Fn() -> bool, stop: CancellationToken) {
        let watch = async {
            loop {
                self.began.notified().await;
                while !has_leases() {
                    tokio::time::sleep(LOOK).await;
                }
                self.end();
            }
        };
        stop.run_until_cancelled(watch).await;
        self.end();
    }

    fn end(&self) {
        let ended = std::mem::take(&mut *self.admitted.lock());
        for ((application, fallback), requests) in ended {
            let mode = fallback.as_str();
            tracing::warn!(%application, mode, requests, "cut off no longer: so many requests were admitted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    async fn until(is_so: impl Fn() -> bool) {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn admissions_are_kept_apart_by_application_and_mode_until_the_outage_ends() {
        let (fallbacks, stop) = (Fallbacks::default(), CancellationToken::new());
        let [first, second] = [ApplicationId::random(), ApplicationId::random()];
        let (has_leases, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
        let look = || {
            looks.fetch_add(1, Ordering::SeqCst);
            has_leases.load(Ordering::SeqCst)
        };
        let counted = |application, fallback| {
            fallbacks.admitted.lock().get(&(application, fallback)).copied().unwrap_or_default()
        };
        let outages = async {
            for _ in 0..3 {
                fallbacks.count(first, Fallback::Open);
            }
            fallbacks.count(second, Fallback::LastKnownGood);
            until(|| looks.load(Ordering::SeqCst) > 1).await;
            assert_eq!(counted(first, Fallback::Open), 3);
            assert_eq!(counted(first, Fallback::LastKnownGood), 0);
            assert_eq!(counted(second, Fallback::LastKnownGood), 1);
            has_leases.store(true, Ordering::SeqCst);
            until(|| fallbacks.admitted.lock().is_empty()).await;
            has_leases.store(false, Ordering::SeqCst);
            fallbacks.count(first, Fallback::Open);
            stop.cancel();
        };
        tokio::join!(fallbacks.keep_watching(look, stop.clone()), outages);
        assert!(fallbacks.admitted.lock().is_empty(), "a gateway that stops says it too");
    }
}
