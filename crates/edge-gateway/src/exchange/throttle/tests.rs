use super::*;
use crate::config;
use model::{ManualClock, Timestamp};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

const CLIENT_ID: &str = "88bf3b6d86161464f6509f7219099e57.access";

fn throttle(wrong_per_client_id: u32, wrong_per_source: u32) -> (Throttle, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
    let settings = config::Throttle {
        wrong_per_client_id: NonZeroU32::new(wrong_per_client_id).unwrap(),
        wrong_per_source: NonZeroU32::new(wrong_per_source).unwrap(),
        ..config::Throttle::default()
    };
    (Throttle::new(&settings, clock.clone()), clock)
}

fn pair(client_id: &str, client_secret: usize) -> Pair<'static> {
    Pair { client_id: client_id.to_owned().into(), client_secret: client_secret.to_string().into() }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Whether somebody was asked, and the secret was wrong.
fn guess(throttle: &Throttle, pair: &Pair<'_>, from: &str) -> bool {
    let attempt = throttle.attempt(pair, Some(address(from)));
    attempt.is_ok_and(|mut attempt| {
        attempt.sent();
        true
    })
}

/// So many secrets that nobody has tried.
fn guesses(throttle: &Throttle, number: usize, from: &str) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(10_000_000);
    let secrets = (0..number).map(|_| NEXT.fetch_add(1, Ordering::Relaxed));
    secrets.filter(|secret| guess(throttle, &pair(CLIENT_ID, *secret), from)).count()
}

#[test]
fn a5_a_hundred_thousand_guesses_get_no_further_than_the_budget() {
    let (throttle, clock) = throttle(20, 200);
    assert_eq!(guesses(&throttle, 100_000, "192.0.2.1"), 20);
    let refusal = throttle.attempt(&pair(CLIENT_ID, 1), Some(address("192.0.2.1"))).err().unwrap();
    assert_eq!((refusal.status.as_u16(), &*refusal.reason, refusal.retry_s), (429, "ATTEMPTS_THROTTLED", 3));
    // It is heard again, now and then.
    clock.advance(Duration::from_secs(3));
    assert_eq!(guesses(&throttle, 1_000, "192.0.2.1"), 1);
    clock.advance(Duration::from_mins(10));
    assert_eq!(guesses(&throttle, 1_000, "192.0.2.1"), 20);
    assert_eq!((throttle.pairs.len(), throttle.sources.len(), throttle.known.len()), (1, 1, 0));
    assert!(throttle.under_way.lock().is_empty());
}

#[test]
fn m10_guessing_locks_out_neither_other_sources_nor_other_client_ids() {
    let (throttle, _) = throttle(20, 200);
    guesses(&throttle, 1_000, "192.0.2.1");
    assert!(guess(&throttle, &pair(CLIENT_ID, 1), "192.0.2.2"));
    assert!(guess(&throttle, &pair(CLIENT_ID, 1), "2001:db8::1"));
    assert!(guess(&throttle, &pair("another", 1), "192.0.2.1"));
    let nowhere = throttle.attempt(&pair(CLIENT_ID, 1), None);
    assert!(nowhere.is_ok());
}

#[test]
fn a5_a_source_is_an_ipv4_address_an_ipv6_64_or_everybody_unknown() {
    let same = |a: &str, b: &str| Source::from(Some(address(a))) == Source::from(Some(address(b)));
    assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
    assert!(!same("192.0.2.1", "192.0.2.2"));
    assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
    assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
    for text in ["0.0.0.0", "::"] {
        assert!(
            Source::from(None) == Source::from(None)
                && Source::from(None) != Source::from(Some(address(text)))
        );
    }
}

#[test]
fn q3_a_spray_over_client_ids_is_throttled_by_its_source() {
    let (throttle, clock) = throttle(20, 200);
    let spray = |from| (0..10_000).filter(|id| guess(&throttle, &pair(&id.to_string(), 1), from)).count();
    assert_eq!(spray("192.0.2.1"), 200);
    assert_eq!(spray("192.0.2.2"), 200);
    clock.advance(Duration::from_secs(3));
    assert_eq!(spray("192.0.2.1"), 10);
}

#[test]
fn m10_who_was_right_lately_is_kept_out_by_nobody_behind_the_same_address() {
    let (throttle, _) = throttle(20, 200);
    let right = pair(CLIENT_ID, 1_000_000);
    throttle.attempt(&right, Some(address("192.0.2.1"))).ok().unwrap().was_right();
    guesses(&throttle, 1_000, "192.0.2.1");
    for id in 0..1_000 {
        guess(&throttle, &pair(&id.to_string(), 1), "192.0.2.1");
    }
    assert!(throttle.attempt(&pair(CLIENT_ID, 8), Some(address("192.0.2.1"))).is_err());
    for _ in 0..1_000 {
        throttle.attempt(&right, Some(address("192.0.2.1"))).ok().unwrap().was_right();
    }
    // Until it is wrong itself.
    assert!(guess(&throttle, &right, "192.0.2.1"));
    assert!(!guess(&throttle, &right, "192.0.2.1"));
}

#[test]
fn a5_guesses_at_once_get_no_further_than_one_after_the_other() {
    let (throttle, _) = throttle(20, 200);
    let pairs: Vec<_> = (0..1_000).map(|secret| pair(CLIENT_ID, secret)).collect();
    let attempts: Vec<_> =
        pairs.iter().filter_map(|pair| throttle.attempt(pair, Some(address("192.0.2.1"))).ok()).collect();
    assert_eq!(attempts.len(), 20);
    // Nobody was asked: nothing is paid.
    drop(attempts);
    assert_eq!(guesses(&throttle, 1_000, "192.0.2.1"), 20);
}

#[test]
fn m10_first_requests_to_many_applications_cost_what_one_does() {
    let (throttle, _) = throttle(2, 200);
    let right = pair(CLIENT_ID, 1_000_000);
    let attempts: Vec<_> =
        (0..100).map(|_| throttle.attempt(&right, Some(address("192.0.2.1"))).ok().unwrap()).collect();
    assert!(guess(&throttle, &pair(CLIENT_ID, 1), "192.0.2.1"));
    assert!(!guess(&throttle, &pair(CLIENT_ID, 2), "192.0.2.1"));
    attempts.into_iter().for_each(Attempt::was_right);
    // What it had paid in advance is back.
    assert!(guess(&throttle, &pair(CLIENT_ID, 3), "192.0.2.1"));
    assert!(!guess(&throttle, &pair(CLIENT_ID, 4), "192.0.2.1"));
    // Each wrong answer is paid for.
    let wrong = pair("another", 7);
    let attempts: Vec<_> =
        (0..2).map(|_| throttle.attempt(&wrong, Some(address("192.0.2.1"))).ok().unwrap()).collect();
    for mut attempt in attempts {
        attempt.sent();
    }
    assert!(!guess(&throttle, &pair("another", 8), "192.0.2.1"));
}

#[test]
fn what_nobody_could_judge_is_not_paid_for() {
    let (throttle, _) = throttle(2, 200);
    for secret in 0..100 {
        let pair = pair(CLIENT_ID, secret);
        let mut attempt = throttle.attempt(&pair, Some(address("192.0.2.1"))).ok().unwrap();
        attempt.sent();
        attempt.was_not_judged();
    }
    assert_eq!(guesses(&throttle, 100, "192.0.2.1"), 2);
}

#[test]
fn q3_the_tables_do_not_grow_with_a_flood_from_everywhere() {
    let (throttle, _) = throttle(20, 200);
    for number in 0..3 * u32::try_from(ENTRIES).unwrap() {
        let from = IpAddr::from(number.to_be_bytes());
        let pair = pair(&number.to_string(), 1);
        let mut attempt = throttle.attempt(&pair, Some(from)).ok().unwrap();
        attempt.sent();
    }
    assert!(throttle.pairs.len() <= ENTRIES && throttle.sources.len() <= ENTRIES);
    assert!(throttle.wrong.len() <= ENTRIES);
    assert_eq!((throttle.known.len(), throttle.under_way.lock().len()), (0, 0));
}

#[test]
fn m10_a_machine_with_an_old_secret_keeps_out_none_with_the_new_one() {
    let (throttle, _) = throttle(2, 200);
    let old = pair(CLIENT_ID, 1);
    for _ in 0..100 {
        assert!(guess(&throttle, &old, "192.0.2.1"));
    }
    assert!(guess(&throttle, &pair(CLIENT_ID, 2), "192.0.2.1"));
    assert!(!guess(&throttle, &pair(CLIENT_ID, 3), "192.0.2.1"));
    // It is held back by its source all the same.
    assert_eq!((0..1_000).filter(|_| guess(&throttle, &old, "192.0.2.1")).count(), 99);
}
