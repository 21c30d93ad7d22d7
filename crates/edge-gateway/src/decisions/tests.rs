use super::event::Who;
use super::*;
use bus::Bus as _;
use http::Method;
use model::{Clock as _, SystemClock, Timestamp};
use prost::Message as _;
use proto::access_log::DecisionReport;
use std::collections::HashSet;
use std::sync::Arc;
use telemetry::metrics::{install, render};

const EVERYTHING: Settings = Settings { log: Log::All, publish: Publish::All };

fn refused(reason: &'static str) -> Event {
    Event {
        ray: Ray::next(),
        at: Timestamp::from_millis(1),
        duration_us: 1,
        application: None,
        refused: Some(reason.into()),
        policy: None,
        credential: CredentialKind::Pair,
        who: Who::default(),
        address: None,
        country: None,
        method: Method::GET,
        host: "app.test".into(),
        path: "/".into(),
        fallback: None,
    }
}

fn dropped(reason: &str) -> u64 {
    let name = format!("sallyport_decision_events_dropped_total{{reason=\"{reason}\"}} ");
    let text = render();
    text.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

#[test]
fn q3_whoever_finds_no_room_goes_on_and_is_counted() {
    install();
    let decisions = Decisions::new(EVERYTHING);
    let room = decisions.queues[0].capacity();
    for _ in 0..room + 7 {
        decisions.record(refused("FULL"));
    }
    assert_eq!((decisions.take().count(), dropped("full")), (room, 7));
    assert_eq!(decisions.take().count(), 0);
}

#[tokio::test]
async fn a6_refusals_of_strangers_are_told_singly_up_to_a_bound_and_then_as_a_number() {
    install();
    let before = dropped("summed");
    let bus = bus::Memory::default();
    let decisions = Decisions::new(EVERYTHING);
    for _ in 0..100 {
        decisions.record(refused("TOKEN_UNKNOWN"));
        decisions.record(refused("CREDENTIAL_MALFORMED"));
    }
    decisions.tell(&bus, "edge").await;
    assert_eq!(dropped("summed") - before, 2 * 80);
}

#[tokio::test]
async fn what_belongs_to_no_application_is_in_no_accounts_log() {
    let bus = bus::Memory::default();
    let mut heard = bus.subscribe(report::SUBJECT).await.unwrap();
    let decisions = Decisions::new(EVERYTHING);
    decisions.record(refused("APPLICATION_NOT_FOUND"));
    decisions.tell(&bus, "edge").await;
    bus.publish(report::SUBJECT, DecisionReport::default().encode_to_vec().into()).await.unwrap();
    assert!(heard.next().await.unwrap().is_empty(), "the first report is the test's own");
}

#[test]
fn nothing_is_recorded_where_nobody_is_told() {
    let decisions = Decisions::default();
    assert!(!decisions.is_on() && decisions.queues.is_empty());
    decisions.record(refused("X"));
    assert_eq!(decisions.take().count(), 0);
}

#[test]
fn what_is_told_is_as_set() {
    let read = |text: &str| serde_json::from_str::<Settings>(text);
    let usual = read("{}").unwrap();
    assert_eq!(usual, Settings { log: Log::Denied, publish: Publish::Logins });
    assert!(usual.logs(false) && !usual.logs(true));
    for (is_allowed, credential, is_published) in [
        (true, CredentialKind::Pair, true),
        (false, CredentialKind::Pair, true),
        (true, CredentialKind::Session, false),
        (false, CredentialKind::Session, true),
        (false, CredentialKind::None, false),
    ] {
        assert_eq!(usual.publishes(is_allowed, credential), is_published, "{is_allowed} {credential:?}");
    }
    assert!(read(r#"{"log":"some"}"#).is_err() && read(r#"{"logs":"all"}"#).is_err());
}

#[test]
fn every_request_has_a_name_of_its_own() {
    let threads: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| (0..10_000).map(|_| Ray::next()).collect::<Vec<_>>())).collect();
    let rays: HashSet<Ray> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(rays.len(), 40_000);
    let ray = rays.into_iter().next().unwrap();
    assert_eq!(ray.header().to_str().unwrap(), ray.to_string());
    assert_eq!(ray.to_string().len(), 16);
}

/// `cargo test -p edge-gateway --lib what_recording_costs -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn what_recording_costs() {
    const EACH: u32 = 1000;
    let decisions = Arc::new(Decisions::new(EVERYTHING));
    let (mut recording, mut taking) = (std::time::Duration::ZERO, std::time::Duration::ZERO);
    for _ in 0..1000 {
        let begun = SystemClock.boot();
        for _ in 0..EACH {
            decisions.record(refused("TOKEN_UNKNOWN"));
        }
        recording += SystemClock.boot().since(begun);
        let begun = SystemClock.boot();
        assert_eq!(decisions.take().count(), EACH as usize);
        taking += SystemClock.boot().since(begun);
    }
    println!(
        "recording {} ns, taking {} ns",
        recording.as_nanos() / 1_000_000,
        taking.as_nanos() / 1_000_000
    );
}
