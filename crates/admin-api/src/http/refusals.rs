//! Attempts that were refused, on their way to the token registry, which keeps them in the audit log.
//!
//! Nothing waits for it, and nobody fills a disk with it: of each source (an API token, or an address without a good one)
//! the first attempts of a minute are told singly, and the rest as one record with their number. What is over every bound
//! is counted by `sallyport_audit_refusals_dropped_total`, by `reason`:
//!
//! | reason | meaning |
//! |---|---|
//! | `sources` | more sources than are told apart in a minute |
//! | `full` | the token registry was away for longer than there is room |
//! | `failed` | the token registry did not take them |

mod attempt;
mod minute;
#[cfg(test)]
mod tests;

pub use attempt::{Asking, Attempt, seen};

use metrics::counter;
use minute::Minute;
use model::{BootTime, Clock, ErrorKind};
use parking_lot::Mutex;
use proto::audit::refusal_log_client::RefusalLogClient;
use proto::audit::{AuditRecord, RecordRefusalsRequest};
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Records that wait: a few megabytes.
const WAITING: usize = 4_096;
/// In one call.
const BATCH: usize = 200;
const PACE: Duration = Duration::from_millis(200);
/// After a call that failed.
const PAUSE: Duration = Duration::from_secs(2);
/// For one call; and for the last one, when the process stops.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was refused and is not written yet. Cheap to clone.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiting: VecDeque<AuditRecord>,
    minute: Minute,
}

impl State {
    fn put(&mut self, record: AuditRecord) {
        if self.waiting.len() >= WAITING {
            counter!("sallyport_audit_refusals_dropped_total", "reason" => "full")
                .increment(u64::from(record.attempts));
        } else {
            self.waiting.push_back(record);
        }
    }
}

impl Refusals {
    /// Takes a lock for a moment, and waits for nothing else.
    pub fn note(&self, record: AuditRecord, now: BootTime) {
        let mut state = self.0.lock();
        for record in state.minute.note(record, now) {
            state.put(record);
        }
    }

    fn take(&self, now: BootTime, is_last: bool) -> Vec<AuditRecord> {
        let mut state = self.0.lock();
        for record in state.minute.end_if_over(now, is_last) {
            state.put(record);
        }
        let count = state.waiting.len().min(BATCH);
        state.waiting.drain(..count).collect()
    }

    fn put_back(&self, batch: Vec<AuditRecord>) {
        let mut state = self.0.lock();
        for record in batch.into_iter().rev() {
            if state.waiting.len() < WAITING {
                state.waiting.push_front(record);
            } else {
                counter!("sallyport_audit_refusals_dropped_total", "reason" => "full")
                    .increment(u64::from(record.attempts));
            }
        }
    }

    /// Writes until `stop`, and then what is left, once.
    pub async fn keep_writing(self, channel: GrpcChannel, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let client = RefusalLogClient::new(channel);
        while !stop.is_cancelled() {
            let pause = if self.write(&client, &*clock, false).await { PACE } else { PAUSE };
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        self.write(&client, &*clock, true).await;
    }

    /// Everything that waits, unless a call fails.
    async fn write(&self, client: &RefusalLogClient<GrpcChannel>, clock: &dyn Clock, is_last: bool) -> bool {
        loop {
            let batch = self.take(clock.boot(), is_last);
            if batch.is_empty() {
                return true;
            }
            let request = RecordRefusalsRequest { refusals: batch.clone() };
            let call = client.clone();
            let answer = tokio::time::timeout(PATIENCE, async move {
                let mut call = call;
                call.record_refusals(request).await
            });
            let kind = match answer.await {
                Ok(Ok(_)) => continue,
                Ok(Err(status)) => from_status(status).kind(),
                Err(_) => ErrorKind::Deadline,
            };
            tracing::warn!(?kind, waiting = batch.len(), "refused attempts could not be recorded");
            // Said again under the same ids: each is kept once.
            if matches!(kind, ErrorKind::Unavailable | ErrorKind::Deadline) {
                self.put_back(batch);
            } else {
                let lost = batch.iter().map(|record| u64::from(record.attempts)).sum();
                counter!("sallyport_audit_refusals_dropped_total", "reason" => "failed").increment(lost);
            }
            return false;
        }
    }
}
