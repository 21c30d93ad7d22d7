//! What gateways say about the use of sessions. One replica takes each report.

use super::Usage;
use bus::Bus;
use model::{Timestamp, TokenId};
use prost::Message as _;
use proto::token_registry::UsageReport;
use proto::token_registry::usage_report::Use;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SUBJECT: &str = "sallyport.token-usage";
const GROUP: &str = "token-registry";
const RETRY: Duration = Duration::from_secs(1);

impl Usage {
    pub(crate) fn take(&self, report: UsageReport) {
        for Use { token_id, client_secret_version, last_used_at_ms, uses } in report.uses {
            // What is no id belongs to no token, and would spoil the batch that it is written in.
            if token_id.parse::<TokenId>().is_err() {
                continue;
            }
            self.add(&token_id, client_secret_version, Timestamp::from_millis(last_used_at_ms), uses.max(1));
        }
    }

    /// Takes reports until `stop`. The bus may lose them: then a count is lost.
    pub async fn keep_listening(self: Arc<Self>, bus: Arc<dyn Bus>, stop: CancellationToken) {
        let listen = async {
            loop {
                match bus.subscribe_shared(SUBJECT, GROUP).await {
                    Ok(mut reports) => {
                        while let Some(report) = reports.next().await {
                            match UsageReport::decode(report) {
                                Ok(report) => self.take(report),
                                Err(error) => tracing::warn!(%error, "unreadable usage report ignored"),
                            }
                        }
                    }
                    Err(error) => tracing::warn!(%error, "listening for usage reports failed; retrying"),
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        stop.run_until_cancelled(listen).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_report_on_the_bus_is_counted() {
        let bus: Arc<dyn Bus> = Arc::new(bus::Memory::default());
        let (usage, stop) = (Arc::new(Usage::default()), CancellationToken::new());
        let listening = tokio::spawn(usage.clone().keep_listening(bus.clone(), stop.clone()));
        let token_id = TokenId::random().to_string();
        let used = Use { token_id: token_id.clone(), client_secret_version: 2, last_used_at_ms: 7, uses: 3 };
        let junk = Use { token_id: "\0".into(), ..used.clone() };
        let report = UsageReport { uses: vec![junk, used] }.encode_to_vec();
        while usage.pending.lock().is_empty() {
            bus.publish(SUBJECT, report.clone().into()).await.unwrap();
            tokio::task::yield_now().await;
        }
        stop.cancel();
        listening.await.unwrap();
        let pending = usage.pending.lock();
        assert_eq!(pending.len(), 1);
        let (last, uses) = pending[&(token_id, 2)];
        assert_eq!((last, uses % 3), (Timestamp::from_millis(7), 0));
    }
}
