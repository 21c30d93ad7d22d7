//! What this installation measures: every metric's name, kind, unit, labels and meaning, and their rendering for
//! Prometheus.
//!
//! Any crate records with the macros of the `metrics` facade, by a literal name of [`METRICS`]; an architecture test
//! compares the two. Nothing is recorded before [`install`]. No label may hold what a caller chose: no token, client id,
//! host, path or address.

use metrics::{Recorder, Unit, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Duration;

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at each start; its name ends in `_total`.
    Counter,
    Gauge,
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    /// What one is: `Seconds`, or `Count` of whatever the name says.
    pub unit: Unit,
    /// The label names, each with few possible values.
    pub labels: &'static [&'static str],
    pub meaning: &'static str,
    /// Upper bounds of a histogram's buckets; empty for the others.
    pub buckets: &'static [f64],
}

/// From 1 ms to 10 s: a confirmation takes milliseconds, a lease 5 s, and the deadline is 10 s.
const PROPAGATION: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// From 1 µs: a known session is decided in one; an exchange takes milliseconds.
const DECISION: &[f64] = &[
    0.000_001, 0.000_002, 0.000_005, 0.000_01, 0.000_025, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.25,
    1.0, 5.0,
];
/// From 100 µs to the callers' deadline of 15 s.
const CALL: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
];

const fn counter(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, unit: Unit::Count, labels, meaning, buckets: &[] }
}

const fn level(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit: Unit::Count, labels, meaning, buckets: &[] }
}

/// In seconds since 1970.
const fn moment(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit: Unit::Seconds, labels, meaning, buckets: &[] }
}

const fn seconds(
    name: &'static str,
    labels: &'static [&'static str],
    buckets: &'static [f64],
    meaning: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram, unit: Unit::Seconds, labels, meaning, buckets }
}

/// Everything that may be recorded.
pub const METRICS: &[Metric] = &[
    // The owner of a feed.
    seconds(
        "sallyport_feed_propagation_seconds",
        &["feed", "outcome"],
        PROPAGATION,
        "From the commit of a change to its end for the enforcement points: outcome confirmed (all applied it), fenced (some lost their lease instead) or not_confirmed (given up at the deadline).",
    ),
    level("sallyport_feed_head", &["feed"], "Position of the feed's last committed entry."),
    level("sallyport_feed_replicas", &["feed", "state"], "Replicas that hold a lease: state live or lapsed."),
    counter(
        "sallyport_feed_replicas_fenced_total",
        &["feed"],
        "Replicas whose lease ran out while a change waited for them.",
    ),
    counter(
        "sallyport_feed_broadcast_failures_total",
        &["feed"],
        "Changes that the bus did not take; replicas catch up at their next heartbeat.",
    ),
    counter(
        "sallyport_feed_clock_steps_total",
        &["feed"],
        "Steps seen in the database's clock; after each, every lease counts as live for one whole lease.",
    ),
    // A replica of a feed.
    level("sallyport_replica_applied", &["feed"], "Position up to which the feed is applied here."),
    level("sallyport_replica_lag", &["feed"], "Entries between the last head seen and what is applied here."),
    level("sallyport_replica_is_live", &["feed"], "1 while the lease on the feed is live, else 0."),
    counter(
        "sallyport_replica_gaps_repaired_total",
        &["feed"],
        "Times that missing entries were read by call because no broadcast brought them.",
    ),
    counter("sallyport_replica_loads_total", &["feed"], "Times that all objects were loaded."),
    counter(
        "sallyport_replica_heartbeat_failures_total",
        &["feed"],
        "Heartbeats that did not renew the lease.",
    ),
    counter(
        "sallyport_replica_fences_total",
        &["feed", "reason"],
        "Times that this replica gave up deciding until a restart: the feed's history changed, or an entry is not understood.",
    ),
    counter(
        "sallyport_replica_histories_resumed_total",
        &["feed"],
        "Times that the owner began a new history after it had lost the old one, and this replica followed it from its start.",
    ),
    counter(
        "sallyport_replica_broadcasts_rejected_total",
        &["feed", "reason"],
        "Broadcasts that were ignored because they could not be read or believed.",
    ),
    // The gateway.
    counter(
        "sallyport_requests_total",
        &["outcome", "reason"],
        "Requests that were decided: outcome admitted (with identity), passed (without) or refused, with the stable reason.",
    ),
    seconds(
        "sallyport_decision_seconds",
        &["outcome"],
        DECISION,
        "By outcome (admitted, passed, refused), from a whole request head to the decision, an exchange included; one decision in 16 is timed.",
    ),
    counter(
        "sallyport_decision_events_dropped_total",
        &["reason"],
        "Decisions that are missing in the decision log and the access log: reason full (no room until they were written), summed (refusals of strangers told as a number), bus (not published), or undecided (refused before there was anything to decide, and told as a number).",
    ),
    counter(
        "sallyport_audit_refusals_dropped_total",
        &["reason"],
        "Refused management calls that are missing in the audit log: reason sources (more sources than are told apart), full (no room until they were written), or failed (the token registry did not take them).",
    ),
    counter(
        "sallyport_unused_tokens_ended_total",
        &["action"],
        "Tokens that were ended because nobody used them, as their organization wants: action disable or delete.",
    ),
    counter(
        "sallyport_token_references_missing_total",
        &[],
        "Tokens that a policy or group names and the token registry does not have, counted each time that they are stated, which is every ten minutes: the registry was restored from a backup.",
    ),
    counter(
        "sallyport_exchanges_total",
        &["outcome"],
        "Credentials that were asked about: outcome session, bypass, refused or unavailable.",
    ),
    level("sallyport_exchanges_in_flight", &[], "Credentials that the session issuer is being asked about."),
    level(
        "sallyport_exchanges_waiting",
        &[],
        "Requests that wait for a credential to be asked about, those included that wait for another's answer.",
    ),
    counter(
        "sallyport_attempts_throttled_total",
        &["reason"],
        "Credentials that nobody was asked about because there had been too many wrong ones: reason client_id (for that Client ID from that source) or source.",
    ),
    counter(
        "sallyport_metadata_total",
        &["outcome"],
        "Times that a client without a session asked which application refuses it: outcome remembered, signed (the session issuer was asked), throttled (asked for too often) or failed; the last two get the refusal alone.",
    ),
    counter(
        "sallyport_requests_shed_total",
        &["reason"],
        "Requests that were sent away with 503 for want of room: reason full (too many wait), turn (its turn did not come in time) or silent (the session issuer did not answer in time).",
    ),
    counter(
        "sallyport_fallbacks_total",
        &["mode"],
        "Requests that were admitted without a live lease because the application says so: mode last_known_good or open.",
    ),
    level(
        "sallyport_streams_open",
        &[],
        "Streams that are open now: upgraded connections and unfinished answers.",
    ),
    counter(
        "sallyport_streams_ended_total",
        &["reason"],
        "Streams that were ended because what they rode on is no longer good: reason credential, policy or lease.",
    ),
    counter(
        "sallyport_connections_turned_away_total",
        &["reason"],
        "Connections that did not come to HTTP: reason tls (the handshake failed), timeout, proxy_protocol (a balancer did not say, or said badly, who the client is) or gone.",
    ),
    counter(
        "sallyport_tls_reloads_total",
        &["outcome"],
        "TLS files that had changed: outcome loaded, or failed (unusable: what there was stays).",
    ),
    moment(
        "sallyport_tls_certificate_expiration_timestamp_seconds",
        &["certificate"],
        "When a certificate of the gateway's own expires, in seconds since 1970, by its file.",
    ),
    level(
        "sallyport_upstream_address_well",
        &["address"],
        "Whether an application's address is used (1), or left out because it cannot be connected to or says that it is not well (0).",
    ),
    counter(
        "sallyport_upstream_connect_failures_total",
        &["address"],
        "Connections to an application's address that failed.",
    ),
    // The access log.
    counter(
        "sallyport_access_log_decisions_total",
        &["outcome"],
        "Decisions that arrived for the access log: outcome kept, lost (the database was away) or unreadable.",
    ),
    // Every gRPC server, also those in one process.
    counter(
        "sallyport_grpc_requests_total",
        &["service", "method", "code"],
        "Calls that were answered, by gRPC status code; CANCELLED also when the caller left.",
    ),
    seconds(
        "sallyport_grpc_request_seconds",
        &["service", "method"],
        CALL,
        "From a call's arrival to the beginning of its answer.",
    ),
    // The process.
    level("sallyport_build_info", &["version"], "Always 1; the label says what runs."),
];

static RENDERER: OnceLock<PrometheusHandle> = OnceLock::new();

/// How often recorded times are sorted into their buckets, so that they do not pile up when nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(1);

/// Installs the recorder of this process. Further calls change nothing.
pub fn install() {
    RENDERER.get_or_init(|| {
        let recorder = builder().build_recorder();
        let handle = recorder.handle();
        describe(&recorder);
        if let Err(error) = metrics::set_global_recorder(recorder) {
            eprintln!("telemetry: another recorder is installed, metrics stay empty: {error}");
        }
        gauge!("sallyport_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        keep_up(handle.clone());
        handle
    });
}

/// Everything recorded so far, in the text format of Prometheus. Empty before [`install`].
pub fn render() -> String {
    RENDERER.get().map(PrometheusHandle::render).unwrap_or_default()
}

fn builder() -> PrometheusBuilder {
    let timed = METRICS.iter().filter(|metric| !metric.buckets.is_empty());
    timed.fold(PrometheusBuilder::new(), |builder, metric| {
        // It refuses nothing but empty buckets.
        builder
            .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.buckets)
            .unwrap_or_default()
    })
}

fn describe(recorder: &impl Recorder) {
    for metric in METRICS {
        let (name, unit, meaning) = (metric.name.into(), Some(metric.unit), metric.meaning.into());
        match metric.kind {
            Kind::Counter => recorder.describe_counter(name, unit, meaning),
            Kind::Gauge => recorder.describe_gauge(name, unit, meaning),
            Kind::Histogram => recorder.describe_histogram(name, unit, meaning),
        }
    }
}

/// On a thread of its own, which ends with the process: metrics are recorded also where no runtime is.
fn keep_up(handle: PrometheusHandle) {
    let upkeep = move || {
        loop {
            std::thread::sleep(UPKEEP);
            handle.run_upkeep();
        }
    };
    if let Err(error) = std::thread::Builder::new().name("metrics upkeep".to_owned()).spawn(upkeep) {
        eprintln!("telemetry: recorded times are sorted only when they are read: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{counter, histogram, with_local_recorder};
    use std::collections::BTreeSet;

    #[test]
    fn names_follow_the_conventions() {
        let mut seen = BTreeSet::new();
        for metric in METRICS {
            let name = metric.name;
            assert!(seen.insert(name), "{name} is there twice");
            let rest = name.strip_prefix("sallyport_").unwrap();
            assert!(rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), metric.unit == Unit::Seconds, "{name}");
            assert!(metric.meaning.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn every_histogram_has_rising_buckets_and_nothing_else_has_any() {
        for metric in METRICS {
            assert_eq!(metric.buckets.is_empty(), metric.kind != Kind::Histogram, "{}", metric.name);
            assert!(metric.buckets.is_sorted_by(|a, b| a < b), "{}", metric.name);
        }
    }

    #[test]
    fn what_is_recorded_is_rendered_with_its_meaning_and_buckets() {
        let recorder = builder().build_recorder();
        let handle = recorder.handle();
        describe(&recorder);
        with_local_recorder(&recorder, || {
            counter!("sallyport_replica_loads_total", "feed" => "token-registry").increment(2);
            histogram!("sallyport_feed_propagation_seconds", "feed" => "f", "outcome" => "confirmed")
                .record(0.004);
        });
        let text = handle.render();
        for line in [
            "# HELP sallyport_replica_loads_total Times that all objects were loaded.",
            "# TYPE sallyport_replica_loads_total counter",
            "sallyport_replica_loads_total{feed=\"token-registry\"} 2",
            "# TYPE sallyport_feed_propagation_seconds histogram",
            "sallyport_feed_propagation_seconds_bucket{feed=\"f\",outcome=\"confirmed\",le=\"0.002\"} 0",
            "sallyport_feed_propagation_seconds_bucket{feed=\"f\",outcome=\"confirmed\",le=\"0.005\"} 1",
            "sallyport_feed_propagation_seconds_bucket{feed=\"f\",outcome=\"confirmed\",le=\"+Inf\"} 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_process_has_one_recorder_however_often_it_is_installed() {
        install();
        counter!("sallyport_exchanges_total", "outcome" => "issued").increment(1);
        install();
        let text = render();
        assert!(text.contains("sallyport_exchanges_total{outcome=\"issued\"} 1"), "{text}");
        assert!(
            text.contains(&format!("sallyport_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")))
        );
    }
}
