//! Forgeries, each under its number on the checklist of attacks (J1 …); a right session; times.

use super::*;
use crate::fixture::{self, header_with, judge, judge_at, refused, sealed, unsigned};
use aws_lc_rs::hmac;
use serde_json::{Value, json};

#[test]
fn a_session_is_read_back_as_it_was_signed() {
    let verified = judge(fixture::token()).unwrap();
    assert_eq!(verified, Verified { claims: fixture::claims(), kid: fixture::key().kid() });
    assert!(fixture::token().len() < 1100, "{}", fixture::token().len());
}

#[test]
fn the_tests_own_signature_is_right() {
    // Otherwise what follows would be refused for the wrong reason.
    assert_eq!(judge(&sealed(&fixture::header())), judge(fixture::token()));
    let header = format!(r#"{{"kid":"{}","alg":"RS256"}}"#, fixture::key().kid());
    assert!(judge(&sealed(&header)).is_ok(), "typ may be absent");
}

#[test]
fn j1_unsigned_sessions_are_refused() {
    let signature = fixture::token().rsplit_once('.').unwrap().1;
    for alg in ["none", "None", "nOnE", "NONE", ""] {
        let message = unsigned(&header_with("alg", json!(alg)), &fixture::payload());
        for signature in ["", signature, "AA"] {
            refused(&format!("{message}.{signature}"), Rejection::AlgorithmNotAllowed);
        }
        refused(&sealed(&header_with("alg", json!(alg))), Rejection::AlgorithmNotAllowed);
    }
    refused(&format!("{}.", unsigned(&fixture::header(), &fixture::payload())), Rejection::SignatureInvalid);
    refused(&unsigned(&fixture::header(), &fixture::payload()), Rejection::Malformed);
}

#[test]
fn j2_the_public_key_is_no_shared_secret() {
    let published = fixture::key().publish("x", fixture::NOW, Timestamp::FAR_FUTURE).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(published.certificate_pem.as_bytes()).unwrap();
    let certificate = pem.parse_x509().unwrap();
    let spki = certificate.tbs_certificate.subject_pki.raw;
    let body = base64::engine::general_purpose::STANDARD.encode(spki);
    let spki_pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    let jwk = fixture::jwk().to_json();
    let n = serde_json::from_str::<Value>(&jwk).unwrap()["n"].as_str().unwrap().to_owned();
    let secrets: [&[u8]; 8] = [
        spki,
        certificate.tbs_certificate.subject_pki.subject_public_key.data.as_ref(),
        spki_pem.as_bytes(),
        &[b" \n", spki_pem.as_bytes()].concat(),
        published.certificate_pem.as_bytes(),
        jwk.as_bytes(),
        n.as_bytes(),
        b"",
    ];
    for alg in ["HS256", "RS256"] {
        let message = unsigned(&header_with("alg", json!(alg)), &fixture::payload());
        for secret in secrets {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
            let expected =
                if alg == "HS256" { Rejection::AlgorithmNotAllowed } else { Rejection::SignatureInvalid };
            refused(&token, expected);
        }
    }
}

#[test]
fn j3_no_algorithm_but_rs256() {
    for alg in
        ["HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 ", "RSA1_5", "RS256\u{0}"]
    {
        refused(&sealed(&header_with("alg", json!(alg))), Rejection::AlgorithmNotAllowed);
    }
    for alg in [json!(["RS256"]), json!(null), json!(256), json!({}), json!(true)] {
        refused(&sealed(&header_with("alg", alg)), Rejection::Malformed);
    }
    refused(&sealed(&format!(r#"{{"kid":"{}"}}"#, fixture::key().kid())), Rejection::Malformed);
}

#[test]
fn j4_only_a_key_of_the_set_verifies() {
    let own = fixture::key().kid().to_string();
    for kid in [
        fixture::other_key().kid().to_string(),
        own.to_uppercase(),
        own[..63].into(),
        format!("{own} "),
        format!("{own}\u{0}"),
        "../../dev/null".into(),
        "' OR '1'='1".into(),
        "x".repeat(5 * 1024),
        String::new(),
    ] {
        refused(&sealed(&header_with("kid", json!(kid))), Rejection::KeyUnknown);
    }
    refused(&sealed(r#"{"alg":"RS256","typ":"JWT"}"#), Rejection::KeyUnknown);
    refused(&sealed(&header_with("kid", json!("x".repeat(10 * 1024)))), Rejection::Malformed);
    for kid in [json!([own]), json!(null), json!(1)] {
        refused(&sealed(&header_with("kid", kid)), Rejection::Malformed);
    }
    refused(&fixture::other_key().sign(&fixture::claims()).unwrap(), Rejection::KeyUnknown);
}

#[test]
fn j4_a_malformed_kid_is_not_looked_up() {
    let token = sealed(&header_with("kid", json!("../../dev/null")));
    assert_eq!(verify(&token, |kid| panic!("looked up {kid}"), fixture::NOW), Err(Rejection::KeyUnknown));
}

#[test]
fn j5_keys_in_the_token_mean_nothing() {
    let attacker: Value = serde_json::from_str(&fixture::other_key().jwk().to_json()).unwrap();
    for (member, value) in [
        ("jwk", attacker.clone()),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["AAAA"])),
    ] {
        let header = header_with(member, value);
        assert!(judge(&sealed(&header)).is_ok(), "{member}: ignored");
        let message = unsigned(&header, &fixture::payload());
        let forged = fixture::other_key().sign_bytes(message.as_bytes()).unwrap();
        refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(forged)), Rejection::SignatureInvalid);
    }
}

#[test]
fn j6_extensions_are_refused() {
    for (member, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!(true)),
    ] {
        refused(&sealed(&header_with(member, value)), Rejection::ExtensionNotSupported);
    }
    let header = header_with("crit", json!(["b64"])).replacen('{', r#"{"b64":false,"#, 1);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), "payload");
    let signature = fixture::key().sign_bytes(message.as_bytes()).unwrap();
    refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)), Rejection::ExtensionNotSupported);
}

#[test]
fn j9_another_issuer_or_account_is_refused() {
    for issuer in [
        "https://evil.example",
        "https://team.example/",
        "https://team.example.evil.example",
        "HTTPS://team.example",
        "https://team.exampl",
        "",
    ] {
        let claims = Claims { issuer: issuer.into(), ..fixture::claims() };
        refused(&fixture::key().sign(&claims).unwrap(), Rejection::IssuerWrong);
    }
    let claims = Claims { account: model::AccountId::from_bytes([1; 16]), ..fixture::claims() };
    refused(&fixture::key().sign(&claims).unwrap(), Rejection::IssuerWrong);
}

#[test]
fn j11_another_type_of_token_is_refused() {
    for typ in ["at+jwt", "logout+jwt", "jwt", "JWT ", "JOSE", "application/jwt", ""] {
        refused(&sealed(&header_with("typ", json!(typ))), Rejection::TypeWrong);
    }
    refused(&sealed(&header_with("typ", json!(null))), Rejection::Malformed);
}

#[test]
fn j12_a_session_ends_with_the_second_it_names() {
    let exp = fixture::claims().expires_at_s;
    for (millis, result) in [
        (exp * 1000 - 1000, None),
        (exp * 1000 - 1, None),
        (exp * 1000, Some(Rejection::Expired)),
        (exp * 1000 + 1, Some(Rejection::Expired)),
        (exp * 1000 + 1000, Some(Rejection::Expired)),
    ] {
        let verified = judge_at(fixture::token(), Timestamp::from_millis(millis));
        assert_eq!(verified.err(), result, "{millis}");
    }
    assert_eq!(judge(fixture::token()).unwrap().claims.expires_at(), Timestamp::from_millis(exp * 1000));
}

#[test]
fn j12_a_session_may_be_dated_one_minute_ahead() {
    for (ahead, result) in [(0, None), (59, None), (60, None), (61, Some(Rejection::IssuedInFuture))] {
        let now = Timestamp::from_millis((fixture::NOW_S - ahead) * 1000);
        assert_eq!(judge_at(fixture::token(), now).err(), result, "{ahead}");
    }
    let claims = Claims { expires_at_s: 253_370_764_800, issued_at_s: 0, ..fixture::claims() };
    assert!(judge(&fixture::key().sign(&claims).unwrap()).is_ok());
    // A clock that went mad must not overflow.
    for millis in [i64::MIN, i64::MAX] {
        assert!(judge_at(fixture::token(), Timestamp::from_millis(millis)).is_err());
    }
}

#[test]
fn a_rejection_is_an_error_with_its_reason() {
    let error = model::Error::from(Rejection::Expired);
    assert_eq!((error.kind(), error.reason()), (model::ErrorKind::Unauthenticated, "SESSION_EXPIRED"));
}
