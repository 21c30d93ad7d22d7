//! Waiting for a fact, with a deadline.

use model::{Clock as _, SystemClock, Timestamp};
use std::time::Duration;

/// Asks until there is an answer. Panics with `what` when there is none in time.
pub async fn until<T, F>(what: &str, within: Duration, mut attempt: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let asking = async {
        loop {
            if let Some(answer) = attempt().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(within, asking).await.unwrap_or_else(|_| panic!("within {within:?}: {what}"))
}

pub fn now() -> Timestamp {
    SystemClock.now()
}

/// The calendar itself is what is awaited.
pub async fn reach(moment: Timestamp) {
    let missing = u64::try_from(moment.as_millis() - now().as_millis()).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(missing)).await;
}

/// An RFC 3339 time of an answer.
pub fn time(value: &serde_json::Value) -> Timestamp {
    let text = value.as_str().unwrap_or_else(|| panic!("not a time: {value}"));
    Timestamp::parse_rfc3339(text).unwrap_or_else(|| panic!("not a time: {text}"))
}
