//! Whatever is sent, a body is read or refused with the field named; nothing panics.

use super::fields::Fields;
use super::{
    alert, application, certificate, failure_mode, group, json, keys, organization, policy,
    session_signature, token, webhook,
};
use model::{Error, ErrorKind};
use proptest::prelude::*;
use proto::change_feed::Wait;
use serde_json::{Map, Value};

/// Names that mean something somewhere, so that the readers get past their first field.
const NAMES: [&str; 42] = [
    "name",
    "type",
    "domain",
    "destinations",
    "self_hosted_domains",
    "uri",
    "policies",
    "id",
    "precedence",
    "decision",
    "include",
    "require",
    "exclude",
    "ip",
    "service_token",
    "token_id",
    "everyone",
    "email",
    "enabled",
    "duration",
    "client_secret_version",
    "previous_client_secret_expires_at",
    "mechanisms",
    "webhooks",
    "filters",
    "alert_type",
    "url",
    "secret",
    "auth_domain",
    "cors_headers",
    "service_token_inactivity",
    "session_duration",
    "key_rotation_interval_days",
    "reusable",
    "mode",
    "max_staleness",
    "acknowledge",
    "certificate",
    "associated_hostnames",
    "settings",
    "hostname",
    "tags",
];

const TEXTS: [&str; 11] = [
    "self_hosted",
    "allow",
    "non_identity",
    "app.test",
    "8760h",
    "2026-01-01T00:00:00Z",
    "\u{0}",
    "public",
    "last_known_good",
    "open",
    "10m",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Binary fractions: the parser is not exact to the last bit of others, and nothing here needs it to be.
        any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(&TEXTS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            members(inner).prop_map(Value::Object),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![
        9 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        1 => ".{0,8}",
    ];
    prop::collection::vec((name, value), 0..14).prop_map(|members| members.into_iter().collect())
}

fn judge<T>(read: Result<T, Error>) -> Result<(), TestCaseError> {
    if let Err(error) = read {
        prop_assert_eq!(error.kind(), ErrorKind::Invalid);
        prop_assert!(!error.violations().is_empty());
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_body_is_read_or_refused(body in members(any_value())) {
        let fields = || Fields::body(body.clone());
        let id = String::new;
        judge(token::read_create(id(), &mut fields()))?;
        judge(token::read_update(id(), id(), Wait::None, &mut fields()))?;
        judge(token::read_rotate(id(), id(), Wait::None, &mut fields()))?;
        judge(application::read(&mut fields()))?;
        judge(policy::read(&mut fields(), &mut Vec::new()))?;
        judge(policy::read_links(&mut fields(), &mut Vec::new()))?;
        judge(certificate::read_create(id(), &mut fields()))?;
        judge(certificate::read_update(id(), id(), &mut fields()))?;
        judge(certificate::read_settings(&mut fields()))?;
        judge(group::read(&mut fields()))?;
        judge(organization::read(&mut fields()))?;
        judge(organization::read_create(&mut fields()))?;
        judge(failure_mode::read(&mut fields()))?;
        judge(session_signature::read(&mut fields()))?;
        judge(keys::read(id(), &mut fields()))?;
        judge(alert::read_create(&mut fields()))?;
        judge(alert::read_update(id(), id(), &mut fields()))?;
        judge(webhook::read_create(id(), &mut fields()))?;
        judge(webhook::read_update(id(), id(), &mut fields()))?;
    }

    #[test]
    fn every_json_text_is_read_as_it_was_written(value in any_value()) {
        let text = value.to_string();
        prop_assert_eq!(json::parse(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = json::parse(&bytes);
    }
}
