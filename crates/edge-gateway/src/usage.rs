//! When and from where sessions were last used, told to the token registry in batches. A request adds to its own session's counter and
//! takes a lock only at the session's first use since the last report.

use crate::session::Session;
use bus::Bus;
use bytes::Bytes;
use model::{AddressClass, Timestamp};
use parking_lot::Mutex;
use prost::Message as _;
use proto::token_registry::UsageReport;
use proto::token_registry::usage_report::Use;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SUBJECT: &str = "sallyport.token-usage";
const REPORT: Duration = Duration::from_secs(2);
/// More sessions than this between two reports are not counted: memory stays bounded.
const MOST: usize = 100_000;
const PARTS: usize = 16;
/// How many uses one message says: far below the bus's largest payload.
const PER_MESSAGE: usize = 5_000;

/// One session's uses since the last report: their number, and whether the session is listed.
#[derive(Debug, Default)]
pub struct Uses(AtomicU32);

/// Beside the number: far more uses than there are between two reports.
const LISTED: u32 = 1 << 31;

impl Uses {
    /// One more. Whether the session is to be listed.
    fn add(&self) -> bool {
        let is_listed = self.0.fetch_add(1, Ordering::AcqRel) & LISTED != 0;
        !is_listed && self.0.fetch_or(LISTED, Ordering::AcqRel) & LISTED == 0
    }

    /// From now on there are none: a use that comes next lists the session again.
    fn take(&self) -> u32 {
        self.0.swap(0, Ordering::AcqRel) & !LISTED
    }
}

/// The sessions that were used since the last report, in parts: cores rarely meet at one.
#[derive(Default)]
pub struct Usage {
    listed: [Mutex<Vec<Arc<Session>>>; PARTS],
}

impl Usage {
    /// One use of a session. Nothing of one that no token obtained.
    pub fn count(&self, session: &Arc<Session>, now: Timestamp, from: AddressClass) {
        if session.token.is_none() {
            return;
        }
        session.last_used_ms.store(now.as_millis(), Ordering::Relaxed);
        session.last_used_from.store(from.number(), Ordering::Relaxed);
        if !session.uses.add() {
            return;
        }
        let [.., part] = session.id.as_bytes();
        let [first, ..] = &self.listed;
        let mut listed = self.listed.get(usize::from(*part) % PARTS).unwrap_or(first).lock();
        if listed.len() < MOST / PARTS {
            listed.push(session.clone());
        } else {
            session.uses.take();
        }
    }

    pub fn take(&self) -> Vec<Use> {
        let listed = self.listed.iter().flat_map(|part| std::mem::take(&mut *part.lock()));
        let read = |session: Arc<Session>| {
            Some(Use {
                token_id: session.token?.to_string(),
                client_secret_version: session.secret_version,
                uses: session.uses.take().into(),
                last_used_at_ms: session.last_used_ms.load(Ordering::Acquire),
                source: session.last_used_from.load(Ordering::Relaxed).into(),
            })
        };
        listed.filter_map(read).filter(|used| used.uses > 0).collect()
    }

    async fn report(&self, gateway: &str, bus: &dyn Bus) {
        for uses in self.take().chunks(PER_MESSAGE) {
            let report = UsageReport { uses: uses.to_vec(), gateway: gateway.to_owned() };
            if let Err(error) = bus.publish(SUBJECT, Bytes::from(report.encode_to_vec())).await {
                tracing::debug!(%error, "a usage report was lost");
            }
        }
    }

    /// In the name of this gateway, until `stop`.
    pub async fn keep_reporting(
        self: Arc<Self>,
        gateway: String,
        bus: Arc<dyn Bus>,
        stop: CancellationToken,
    ) {
        while stop.run_until_cancelled(tokio::time::sleep(REPORT)).await.is_some() {
            self.report(&gateway, &*bus).await;
        }
        self.report(&gateway, &*bus).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Origins;
    use model::{AccountId, SessionId, TokenId};
    use session_token::{AsOf, Claims, KeyId, Verified};

    fn session(token: TokenId) -> Arc<Session> {
        let claims = Claims {
            audience: "ab".repeat(32).parse().unwrap(),
            expires_at_s: 0,
            issuer: String::new(),
            common_name: String::new(),
            issued_at_s: 0,
            session: SessionId::random(),
            account: AccountId::random(),
            token: Some(token),
            secret_version: 7,
            certificate: None,
            binding: None,
            as_of: AsOf::default(),
        };
        Origins::default().session(Verified { claims, kid: KeyId::parse(&"0".repeat(64)).unwrap() })
    }

    #[test]
    fn uses_are_summed_and_reported_once() {
        let (usage, session) = (Usage::default(), session(TokenId::random()));
        for millis in [1, 2, 3] {
            usage.count(&session, Timestamp::from_millis(millis), AddressClass::PrivateIpv6);
        }
        let reported = usage.take();
        assert_eq!(reported.len(), 1);
        assert_eq!(
            (reported[0].uses, reported[0].last_used_at_ms, reported[0].client_secret_version),
            (3, 3, 7)
        );
        assert_eq!(reported[0].source, i32::from(AddressClass::PrivateIpv6.number()));
        assert!(usage.take().is_empty());
        usage.count(&session, Timestamp::from_millis(4), AddressClass::PublicIpv4);
        let again = usage.take();
        assert_eq!((again[0].uses, again[0].source), (1, i32::from(AddressClass::PublicIpv4.number())));
    }

    #[test]
    fn no_more_are_counted_than_there_is_room_for() {
        let usage = Usage::default();
        let sessions: Vec<_> = (0..MOST + 1_000).map(|_| session(TokenId::random())).collect();
        for session in &sessions {
            usage.count(session, Timestamp::from_millis(1), AddressClass::Unknown);
        }
        let reported = usage.take().len();
        assert!((MOST / 2..=MOST).contains(&reported), "{reported}");
        usage.count(&sessions[0], Timestamp::from_millis(2), AddressClass::Unknown);
        assert_eq!(usage.take().len(), 1, "there is room again");
    }
}
