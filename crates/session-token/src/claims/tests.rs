use super::*;
use crate::fixture;
use serde_json::{Value, json};

#[test]
fn the_claims_are_written_as_the_contract_has_them() {
    let expected = concat!(
        r#"{"type":"app","aud":["abababababababababababababababababababababababababababababababab"],"#,
        r#""exp":1800003600,"iss":"https://team.example","common_name":"1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f.access","#,
        r#""iat":1800000000,"sub":"","sallyport":{"sid":"51515151515151515151515151515151","#,
        r#""account":"acacacacacacacacacacacacacacacac","token":"70707070-7070-7070-7070-707070707070","#,
        r#""version":3,"as_of":{"token_registry":7,"policy_evaluator":0,"session_issuer":18446744073709551615}}}"#,
    );
    assert_eq!(fixture::payload(), expected);
}

#[test]
fn what_is_written_is_read() {
    let with_certificate =
        Claims { token: None, secret_version: 0, common_name: "CN \"ü\"\n".into(), ..fixture::claims() };
    let bound = Claims { certificate: Some(Thumbprint([7; 32])), ..fixture::claims() };
    let beside = Claims { binding: Some(Thumbprint([9; 32])), ..fixture::claims() };
    for claims in [fixture::claims(), with_certificate, bound, beside] {
        let json = serde_json::to_string(&claims).unwrap();
        assert_eq!(json.contains(r#""token":"#), claims.token.is_some());
        assert_eq!(Claims::parse(&json), Ok(claims));
    }
}

#[test]
fn a_claim_of_a_newer_issuer_is_skipped() {
    let json = fixture::payload()
        .replace(r#""sub""#, r#""act":{"x":[null]},"sub""#)
        .replace(r#""version""#, r#""later":1,"version""#);
    assert_eq!(Claims::parse(&json), Ok(fixture::claims()));
}

#[test]
fn d6_what_a_session_is_bound_to_is_understood_or_it_is_none() {
    let with =
        |cnf: &str| Claims::parse(&fixture::payload().replace(r#""sub""#, &format!(r#""cnf":{cnf},"sub""#)));
    let good = "A".repeat(43);
    let read = with(&format!(r#"{{"x5t#S256":"{good}"}}"#)).map(|claims| claims.certificate);
    assert_eq!(read, Ok(Some(Thumbprint([0; 32]))));
    for cnf in [r#"{"jkt":"x"}"#, "{}", "null", "[]", r#"{"x5t#S256":null}"#, r#"{"x5t#S256":"AA"}"#] {
        assert_eq!(with(cnf), Err(Rejection::Malformed), "{cnf}");
    }
    // The last character has two bits to spare: they are zero.
    assert_eq!(with(&format!(r#"{{"x5t#S256":"{}B"}}"#, "A".repeat(42))), Err(Rejection::Malformed));
}

#[test]
fn j15_a_claim_that_comes_twice_is_refused() {
    let json = fixture::payload();
    for (claim, again) in [
        (r#""exp":"#, r#""exp":1800003600,"exp":"#),
        (r#""exp":"#, r#""e\u0078p":9999999999,"exp":"#),
        (r#""sub":"#, r#""nbf":1,"nbf":1,"sub":"#),
        (r#""sid":"#, r#""sid":"51515151515151515151515151515151","sid":"#),
        (r#""session_issuer":"#, r#""session_issuer":1,"session_issuer":"#),
        (r#""sallyport":"#, r#""sallyport":{},"sallyport":"#),
    ] {
        let twice = json.replace(claim, again);
        assert_ne!(twice, json);
        assert_eq!(Claims::parse(&twice), Err(Rejection::Malformed), "{twice}");
    }
}

/// The pointer's value replaced, or removed.
fn altered(pointer: &str, value: Option<Value>) -> String {
    let mut json: Value = serde_json::from_str(&fixture::payload()).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let object = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => assert!(object.insert(name.into(), value).is_some(), "{pointer}"),
        None => assert!(object.shift_remove(name).is_some(), "{pointer}"),
    }
    json.to_string()
}

#[test]
fn every_claim_must_be_there_and_not_null() {
    for pointer in [
        "/type",
        "/aud",
        "/exp",
        "/iss",
        "/common_name",
        "/iat",
        "/sub",
        "/sallyport",
        "/sallyport/sid",
        "/sallyport/account",
        "/sallyport/version",
        "/sallyport/as_of",
        "/sallyport/as_of/token_registry",
        "/sallyport/as_of/policy_evaluator",
        "/sallyport/as_of/session_issuer",
    ] {
        assert_eq!(Claims::parse(&altered(pointer, None)), Err(Rejection::Malformed), "{pointer} absent");
        let null = altered(pointer, Some(Value::Null));
        assert_eq!(Claims::parse(&null), Err(Rejection::Malformed), "{pointer} null");
    }
    let null = altered("/sallyport/token", Some(Value::Null));
    assert_eq!(Claims::parse(&null), Err(Rejection::Malformed));
    let without = Claims::parse(&altered("/sallyport/token", None)).unwrap();
    assert_eq!(without.token, None);
}

#[test]
fn a_claim_of_another_type_or_shape_is_refused() {
    let aud = "ab".repeat(32);
    for (pointer, value) in [
        ("/type", json!("org")),
        ("/type", json!("APP")),
        ("/type", json!(["app"])),
        ("/aud", json!(aud)),
        ("/aud", json!([])),
        ("/aud", json!([aud, "cd".repeat(32)])),
        ("/aud", json!([aud, aud])),
        ("/aud", json!([aud[..63]])),
        ("/aud", json!([aud.to_uppercase()])),
        ("/aud", json!({ "0": aud })),
        ("/iss", json!(["https://team.example"])),
        ("/sub", json!("7335d417-61da-459d-899c-0a01c76a2f94")),
        ("/common_name", json!(1)),
        ("/sallyport", json!([])),
        ("/sallyport/sid", json!("51")),
        ("/sallyport/account", json!("AC".repeat(16))),
        ("/sallyport/token", json!("")),
        ("/sallyport/token", json!("70".repeat(16))),
        ("/sallyport/version", json!("3")),
        ("/sallyport/version", json!(-1)),
        ("/sallyport/version", json!(3.0)),
        ("/sallyport/as_of", json!([7, 0, 1])),
        ("/sallyport/as_of/token_registry", json!(-1)),
        ("/sallyport/as_of/token_registry", json!("7")),
    ] {
        let json = altered(pointer, Some(value));
        assert_eq!(Claims::parse(&json), Err(Rejection::Malformed), "{json}");
    }
}

#[test]
fn j8_times_are_whole_numbers_within_the_calendar() {
    for claim in ["exp", "iat"] {
        let pattern = format!(r#""{claim}":{}"#, if claim == "exp" { "1800003600" } else { "1800000000" });
        let with = |value: &str| fixture::payload().replace(&pattern, &format!(r#""{claim}":{value}"#));
        for value in [
            r#""1800003600""#,
            "1800003600.0",
            "1800003600.5",
            "18e8",
            "1e308",
            "1e999",
            "-1",
            "-0",
            "-1800003600",
            "null",
            "true",
            "[1800003600]",
            "{}",
            "253370764801",
            "9223372036854775808",
            "99999999999999999999999999",
            "01800003600",
            "0x6b49d200",
            "NaN",
            "",
        ] {
            assert_eq!(Claims::parse(&with(value)), Err(Rejection::Malformed), "{claim} {value}");
        }
        for value in ["0", "253370764800"] {
            assert!(Claims::parse(&with(value)).is_ok(), "{claim} {value}");
        }
    }
}

#[test]
fn j10_a_session_opens_its_own_application_only() {
    let claims = fixture::claims();
    assert_eq!(claims.check_audience(claims.aud()), Ok(()));
    let other = "cd".repeat(32).parse().unwrap();
    assert_eq!(claims.check_audience(&other), Err(Rejection::AudienceWrong));
}
