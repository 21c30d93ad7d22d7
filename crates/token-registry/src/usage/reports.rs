//! What gateways say about the use of sessions. One replica takes each report.

use super::{Pending, Place, Usage};
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
        for Use { token_id, client_secret_version, last_used_at_ms, uses, source } in report.uses {
            // What is no id belongs to no token, and would spoil the batch that it is written in.
            if token_id.parse::<TokenId>().is_err() {
                continue;
            }
            let place = Place::new(&report.gateway, source);
            let used = Pending { last: Timestamp::from_millis(last_used_at_ms), place, count: uses.max(1) };
            self.add(&token_id, client_secret_version, used);
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
    use model::AddressClass;
    use proto::token_registry as wire;

    #[tokio::test]
    async fn a_report_on_the_bus_is_counted() {
        let bus: Arc<dyn Bus> = Arc::new(bus::Memory::default());
        let (usage, stop) = (Arc::new(Usage::default()), CancellationToken::new());
        let listening = tokio::spawn(usage.clone().keep_listening(bus.clone(), stop.clone()));
        let token_id = TokenId::random().to_string();
        let used = Use {
            token_id: token_id.clone(),
            client_secret_version: 2,
            last_used_at_ms: 7,
            uses: 3,
            source: wire::AddressClass::PrivateIpv4.into(),
        };
        let junk = Use { token_id: "\0".into(), ..used.clone() };
        let report = UsageReport { uses: vec![junk, used], gateway: "gw-1".into() }.encode_to_vec();
        while usage.pending.lock().is_empty() {
            bus.publish(SUBJECT, report.clone().into()).await.unwrap();
            tokio::task::yield_now().await;
        }
        stop.cancel();
        listening.await.unwrap();
        let pending = usage.pending.lock();
        assert_eq!(pending.len(), 1);
        let Pending { last, place, count } = &pending[&(token_id, 2)];
        assert_eq!((*last, count % 3), (Timestamp::from_millis(7), 0));
        assert_eq!((&*place.gateway, place.source), ("gw-1", AddressClass::PrivateIpv4));
    }

    #[test]
    fn the_words_for_an_address_are_those_of_the_calls() {
        for class in AddressClass::ALL {
            let said = wire::AddressClass::try_from(i32::from(class.number())).unwrap();
            let name = said.as_str_name().trim_start_matches("ADDRESS_CLASS_").to_lowercase();
            assert_eq!(name.replace("unspecified", ""), class.as_str());
        }
        assert!(wire::AddressClass::try_from(7).is_err());
    }

    #[test]
    fn a_gateways_name_that_cannot_be_shown_is_none() {
        for name in ["a\nb", "\0", &"x".repeat(201)] {
            assert_eq!(&*Place::new(name, 99).gateway, "");
        }
        assert_eq!(Place::new("gw-é", 99).source, AddressClass::Unknown);
    }
}
