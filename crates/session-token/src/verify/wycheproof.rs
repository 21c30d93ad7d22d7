//! J14: the JSON Web Signature vectors of Project Wycheproof (C2SP), see `tests/data/wycheproof`.
//!
//! Every vector of every algorithm runs: with RS256 keys the published result must come out; with any other
//! key nothing may pass.

use super::*;
use crate::fixture;
use crate::key_set::Jwk;
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../tests/data/wycheproof/json_web_signature_test.json");

/// The vectors' names for their keys are not thumbprints, and some leave `use` out; the rest is as published.
fn verification_key(public: &Value) -> Option<VerificationKey> {
    let text = |member: &str| public[member].as_str();
    let component = |member: &str| URL_SAFE_NO_PAD.decode(text(member)?).ok();
    let jwk = Jwk::from_components(&component("n")?, &component("e")?).ok()?;
    let mut json = public.clone();
    json["kid"] = json!(jwk.kid());
    if text("use").is_none() {
        json["use"] = json!("sig");
    }
    Some(VerificationKey::new(&Jwk::parse(&json.to_string()).ok()?, fixture::ACCOUNT))
}

#[test]
fn j14_the_published_vectors_come_out_as_published() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let (mut valid, mut invalid, mut foreign) = (0, 0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = verification_key(&group["public"]);
        let stranger = VerificationKey::new(fixture::jwk(), fixture::ACCOUNT);
        for test in group["tests"].as_array().unwrap() {
            let jws = test["jws"].as_str().map_or_else(|| test["jws"].to_string(), str::to_owned);
            let opened = open(&jws, |_| Some(key.as_ref().unwrap_or(&stranger)));
            let is_valid = match test["result"].as_str().unwrap() {
                "valid" => true,
                "invalid" => false,
                other => panic!("{other}"),
            };
            let expected = is_valid && key.is_some();
            assert_eq!(opened.is_ok(), expected, "{} {}", test["tcId"], test["comment"]);
            match (&key, is_valid) {
                (Some(_), true) => valid += 1,
                (Some(_), false) => invalid += 1,
                (None, _) => foreign += 1,
            }
        }
    }
    assert_eq!(valid + invalid + foreign, vectors["numberOfTests"].as_i64().unwrap());
    // Otherwise a key that is no longer read would turn every vector into "nothing may pass".
    assert!(valid >= 8 && invalid >= 220, "{valid} valid, {invalid} invalid, {foreign} foreign");
}
