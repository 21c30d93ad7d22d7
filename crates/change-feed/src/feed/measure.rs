//! What the operator sees of a feed.

use proto::change_feed as wire;
use std::time::Duration;

/// How a change has reached the enforcement points.
pub(super) fn propagation(feed: &'static str, propagation: &wire::Propagation, elapsed: Duration) {
    let outcome = if !propagation.not_confirmed.is_empty() {
        "not_confirmed"
    } else if !propagation.fenced.is_empty() {
        "fenced"
    } else {
        "confirmed"
    };
    metrics::histogram!("sallyport_feed_propagation_seconds", "feed" => feed, "outcome" => outcome)
        .record(elapsed.as_secs_f64());
    if let Ok(fenced @ 1..) = u64::try_from(propagation.fenced.len()) {
        metrics::counter!("sallyport_feed_replicas_fenced_total", "feed" => feed).increment(fenced);
    }
}

/// Who follows it, and where it is.
#[expect(clippy::cast_precision_loss, reason = "a gauge is for people")]
pub(super) fn followers(feed: &'static str, answer: &wire::ListReplicasResponse) {
    let live = answer.replicas.iter().filter(|replica| replica.is_live).count();
    let lapsed = answer.replicas.len() - live;
    metrics::gauge!("sallyport_feed_head", "feed" => feed).set(answer.head as f64);
    metrics::gauge!("sallyport_feed_replicas", "feed" => feed, "state" => "live").set(live as f64);
    metrics::gauge!("sallyport_feed_replicas", "feed" => feed, "state" => "lapsed").set(lapsed as f64);
}
