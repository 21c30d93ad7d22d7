use super::minute::{Minute, OF_ONE, OF_STRANGERS, SOURCES, SUMS};
use super::{Attempt, Refusals, WAITING};
use axum::body::Body;
use axum::extract::Request;
use http::{Method, StatusCode};
use model::BootTime;
use proptest::prelude::*;
use proto::audit::{Actor, AuditRecord};
use std::time::Duration;

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

fn at(seconds: u64) -> BootTime {
    BootTime::from_duration(Duration::from_secs(seconds))
}

fn from(address: &str, id: &str) -> AuditRecord {
    let actor = Actor { id: id.into(), address: address.into(), ..Actor::default() };
    AuditRecord { account_id: ACCOUNT.into(), actor: Some(actor), attempts: 1, ..AuditRecord::default() }
}

fn total(records: &[AuditRecord]) -> u32 {
    records.iter().map(|record| record.attempts).sum()
}

/// O5.
#[test]
fn the_first_attempts_of_a_source_are_told_and_the_rest_by_number() {
    let mut minute = Minute::default();
    let told: Vec<_> = (0..1_000).flat_map(|_| minute.note(from("192.0.2.1", ""), at(10))).collect();
    assert_eq!(told.len(), OF_ONE as usize);
    // Whoever shows an API token is another source, and so is another address.
    assert_eq!(minute.note(from("192.0.2.1", "7"), at(20)).len(), 1);
    assert_eq!(minute.note(from("192.0.2.2", ""), at(20)).len(), 1);
    assert!(minute.end_if_over(at(69), false).is_empty());
    let sums = minute.end_if_over(at(70), false);
    assert_eq!((sums.len(), total(&sums)), (1, 1_000 - OF_ONE));
    assert_eq!(minute.note(from("192.0.2.1", ""), at(71)).len(), 1);
}

#[test]
fn strangers_of_one_network_are_one_source_and_all_of_them_have_one_bound() {
    let mut minute = Minute::default();
    let near: Vec<_> =
        (0..100).flat_map(|it| minute.note(from(&format!("2001:db8::{it}"), ""), at(1))).collect();
    assert_eq!(near.len(), OF_ONE as usize);
    let far: Vec<_> = (0..200).flat_map(|it| minute.note(from(&format!("10.0.0.{it}"), ""), at(1))).collect();
    assert_eq!(near.len() + far.len(), OF_STRANGERS as usize);
    // An API token's attempts are told all the same.
    assert_eq!(minute.note(from("10.0.0.1", "7"), at(2)).len(), 1);
}

#[test]
fn however_many_ask_what_is_told_of_a_minute_has_a_bound() {
    let mut minute = Minute::default();
    let mut told = 0;
    for number in 0..10 * SOURCES {
        let record = AuditRecord { account_id: format!("{number:032x}"), ..from("192.0.2.1", "") };
        told += minute.note(record, at(1)).len();
    }
    let sums = minute.end_if_over(at(61), false);
    assert_eq!((told, sums.len()), (OF_STRANGERS as usize, SUMS));
}

#[test]
fn what_waits_has_a_bound() {
    let refusals = Refusals::default();
    for minute in 0..1_000 {
        for number in 0..10 {
            refusals.note(from("192.0.2.1", &number.to_string()), at(minute * 60));
        }
    }
    assert_eq!(refusals.0.lock().waiting.len(), WAITING);
    let batch = refusals.take(at(60_000), true);
    let (count, first) = (batch.len(), batch[0].clone());
    refusals.put_back(batch);
    assert_eq!(refusals.0.lock().waiting.len(), WAITING);
    assert_eq!(refusals.0.lock().waiting[0], first);
    assert!(count > 0);
}

fn attempt(method: &Method, route: &str, path: &str) -> Option<AuditRecord> {
    let request = Request::builder().uri(path).header("user-agent", "curl/8 x").body(Body::empty()).unwrap();
    Attempt::of(&request, method, route).refused(None, StatusCode::FORBIDDEN, 10_000)
}

#[test]
fn a_call_is_told_in_the_words_of_the_services() {
    let base = "/client/v4/accounts/{account_id}";
    let id = "c37b22b0-d865-42cd-be77-0f82e28fc4b6";
    for (method, rest, expected) in [
        (Method::POST, "access/service_tokens/{id}/rotate", ("rotate", "service_token", id)),
        (Method::DELETE, "access/apps/{app_id}", ("delete", "application", id)),
        (Method::POST, "access/apps/{app_id}/revoke_tokens", ("revoke_sessions", "application", id)),
        (Method::PUT, "tokens/{id}/value", ("roll", "api_token", id)),
        (Method::PATCH, "access/organizations", ("update", "organization", ACCOUNT)),
        (Method::GET, "access/tags/{id}", ("read", "tag", id)),
        (Method::GET, "access/users", ("read", "", "")),
    ] {
        let route = format!("{base}/{rest}");
        let path = route.replace("{account_id}", ACCOUNT).replace("{id}", id).replace("{app_id}", id);
        let record = attempt(&method, &route, &path).unwrap();
        let told = (&*record.operation, &*record.object_kind, &*record.object_id);
        assert_eq!(told, expected, "{method} {rest}");
        assert_eq!((record.status, record.error_code, record.attempts), (403, 10_000, 1));
        assert_eq!(record.call, format!("{method} {route}"));
    }
    let elsewhere = "/client/v4/accounts/{account_id}/tokens";
    assert_eq!(attempt(&Method::GET, elsewhere, "/client/v4/accounts/%27/tokens"), None);
}

/// O5.
#[test]
fn an_encoded_id_is_told_as_the_id_that_it_is() {
    let route = "/client/v4/accounts/{account_id}/access/service_tokens/{id}";
    let id = "c37b22b0-d865-42cd-be77-0f82e28fc4b6";
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    for (account, token) in [
        (format!("%{:x}{}", b'0', &ACCOUNT[1..]), id.to_owned()),
        (encoded(ACCOUNT), encoded(id)),
        (encoded(ACCOUNT).to_lowercase(), id.replace('-', "%2d")),
    ] {
        let path = format!("/client/v4/accounts/{account}/access/service_tokens/{token}");
        let record = attempt(&Method::DELETE, route, &path).unwrap();
        assert_eq!((&*record.account_id, &*record.object_id), (ACCOUNT, id), "{path}");
    }
    // Encoded twice it is none, nor is what is no text.
    for account in
        [format!("%25{:x}{}", b'0', &ACCOUNT[1..]), format!("%ff{ACCOUNT}"), "%".repeat(32), "%+1".to_owned()]
    {
        let path = format!("/client/v4/accounts/{account}/access/service_tokens/{id}");
        assert_eq!(attempt(&Method::DELETE, route, &path), None, "{path}");
    }
}

proptest! {
    /// O8.
    #[test]
    fn nothing_but_ids_is_told_of_a_path(secret in "spst_[0-9A-Za-z]{40}[0-9a-f]{8}|[0-9a-f]{64}") {
        let route = "/client/v4/accounts/{account_id}/access/service_tokens/{id}";
        let path = format!("/client/v4/accounts/{ACCOUNT}/access/service_tokens/{secret}");
        let record = attempt(&Method::GET, route, &path).unwrap();
        let told = format!("{record:?}");
        prop_assert!(!told.contains(&secret));
        let path = format!("/client/v4/accounts/{secret}/access/service_tokens/{ACCOUNT}");
        prop_assert!(attempt(&Method::GET, route, &path).is_none());
        let agent = Request::builder().uri("/").header("user-agent", &secret[..]).body(Body::empty()).unwrap();
        if secret.starts_with("spst_") {
            prop_assert_eq!(super::seen(&agent).agent, "");
        }
    }
}
