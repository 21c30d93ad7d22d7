//! The checklist of attacks on JWTs, each under its number (J1 …).

use super::*;
use crate::fixture::{self, judge, judge_at, signed, unsigned};
use aws_lc_rs::hmac;
use proptest::prelude::*;
use serde_json::{Value, json};

fn sealed(header: &str) -> String {
    signed(header, &fixture::payload())
}

/// The contract's header with one member set.
fn header_with(member: &str, value: Value) -> String {
    let mut header: Value = serde_json::from_str(&fixture::header()).unwrap();
    header[member] = value;
    header.to_string()
}

fn refused(token: &str, rejection: Rejection) {
    assert_eq!(judge(token), Err(rejection), "{token:.300}");
}

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
fn j7_other_serialisations_are_refused() {
    let parts: Vec<&str> = fixture::token().split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for token in [
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}.{payload}.{signature}"),
        format!("{header}..{payload}.{signature}.AAAA"),
        format!("{header}.{payload}.{signature}."),
        json!({"payload": payload, "protected": header, "signature": signature}).to_string(),
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]})
            .to_string(),
    ] {
        refused(&token, Rejection::Malformed);
    }
    // A session within a session: the payload is no claims.
    let nested = header_with("cty", json!("JWT"));
    refused(&signed(&nested, fixture::token()), Rejection::Malformed);
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
fn j13_no_bit_of_the_signature_may_change() {
    let (message, signature) = fixture::token().rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for bit in (0..signature.len() * 8).step_by(7) {
        let mut flipped = signature.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(flipped));
        refused(&token, Rejection::SignatureInvalid);
    }
    for length in [0, 1, 128, 255] {
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature[..length]));
        refused(&token, Rejection::SignatureInvalid);
    }
    for other in
        [[&[0], &signature[..]].concat(), [&signature[..], &[0]].concat(), vec![0; 256], vec![255; 256]]
    {
        refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(other)), Rejection::SignatureInvalid);
    }
}

#[test]
fn j13_no_character_may_change() {
    for (position, old) in fixture::token().char_indices() {
        let new = if old == 'A' { "B" } else { "A" };
        let mut token = fixture::token().to_owned();
        token.replace_range(position..=position, new);
        assert!(judge(&token).is_err(), "{position}");
        token.replace_range(position..=position, "");
        assert!(judge(&token).is_err(), "{position} removed");
    }
    for length in 0..fixture::token().len() {
        assert!(judge(&fixture::token()[..length]).is_err(), "{length}");
    }
}

#[test]
fn j13_a_session_has_one_spelling() {
    let token = fixture::token();
    let [header, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for token in [
        format!("{token}="),
        format!("{token}=="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{header}\n.{payload}.{signature}"),
        format!("{header}.{payload}. {signature}"),
        format!("Bearer {token}"),
        format!("\u{feff}{token}"),
        token.replace(['-', '_'], "+"),
        format!("{token}%"),
    ] {
        refused(&token, Rejection::Malformed);
    }
    // 256 bytes leave four unused bits in the last character: sixteen spellings of one signature.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let value = alphabet.find(last).unwrap();
    assert_eq!(value % 16, 0);
    for unused in 1..16 {
        refused(&format!("{rest}{}", &alphabet[value + unused..=value + unused]), Rejection::Malformed);
    }
}

#[test]
fn j15_a_header_member_that_comes_twice_is_refused() {
    let header = fixture::header();
    for extra in [r#""alg":"none","#, r#""alg":"RS256","#, r#""\u0061lg":"none","#, r#""x":1,"x":2,"#] {
        refused(&sealed(&header.replacen('{', &format!("{{{extra}"), 1)), Rejection::Malformed);
    }
    let payload = fixture::payload().replacen('{', r#"{"exp":9999999999,"#, 1);
    refused(&signed(&header, &payload), Rejection::Malformed);
}

#[test]
fn j16_outsized_texts_are_refused_unread() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    for token in [
        ".".repeat(1_000_000),
        "A".repeat(1_000_000),
        format!("{}.{}", unsigned(&fixture::header(), &"x".repeat(1_000_000)), "AAAA"),
        unsigned(&deep, &deep) + ".AAAA",
        "[".repeat(1_000_000),
    ] {
        let looked_up = verify(&token, |_| panic!("looked up"), fixture::NOW);
        assert_eq!(looked_up, Err(Rejection::Malformed));
    }
    let header = format!("{}1{}", r#"{"a":"#.repeat(900), "}".repeat(900));
    refused(&sealed(&header), Rejection::Malformed);
    let extra = format!(r#"{{"a":{}{},"#, "[".repeat(1000), "]".repeat(1000));
    let payload = fixture::payload().replacen('{', &extra, 1);
    let token = signed(&fixture::header(), &payload);
    assert!(token.len() < MAX_TOKEN_BYTES);
    assert!(judge(&token).is_ok(), "depth costs nothing where nobody looks");
    let claims = Claims { common_name: "x".repeat(MAX_TOKEN_BYTES), ..fixture::claims() };
    refused(&signed(&fixture::header(), &serde_json::to_string(&claims).unwrap()), Rejection::Malformed);
}

#[test]
fn payloads_that_are_no_claims_are_refused() {
    for payload in ["", "{}", "[]", "null", "1", "\"x\"", "{", "{\"exp\":1}", "\u{feff}{}"] {
        refused(&signed(&fixture::header(), payload), Rejection::Malformed);
    }
    let header = URL_SAFE_NO_PAD.encode(fixture::header());
    let bad_utf8 = [&b"{\"x\":\"\xff\","[..], &fixture::payload().as_bytes()[1..]].concat();
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(bad_utf8));
    let signature = fixture::key().sign_bytes(message.as_bytes()).unwrap();
    refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)), Rejection::Malformed);
}

#[test]
fn a_rejection_is_an_error_with_its_reason() {
    let error = model::Error::from(Rejection::Expired);
    assert_eq!((error.kind(), error.reason()), (model::ErrorKind::Unauthenticated, "SESSION_EXPIRED"));
}

proptest! {
    #[test]
    fn no_text_panics_or_passes(text in "\\PC{0,200}|[A-Za-z0-9_.-]{0,200}|(?s:.{0,100})") {
        prop_assert!(judge(&text).is_err());
    }

    #[test]
    fn no_json_in_the_parts_panics_or_passes(
        header in "\\{(\"(alg|kid|typ|crit|x)\":(\"RS256\"|\"JWT\"|1|\\[\\]|null),?){0,5}\\}|.{0,40}",
        payload in "\\{(\"(exp|aud|iss|sallyport)\":(1|\\[\"\"\\]|\\{\\}|-1e9),?){0,5}\\}|.{0,40}",
    ) {
        prop_assert!(judge(&signed(&header, &payload)).is_err());
    }

    #[test]
    fn any_claims_signed_here_are_read_back(
        common_name in "\\PC{0,100}",
        as_of in any::<(u64, u64, u64)>(),
        version in 0..i64::MAX,
        session in any::<[u8; 16]>(),
        token in any::<Option<[u8; 16]>>(),
        age in 0..1000_i64,
    ) {
        let claims = Claims {
            common_name,
            as_of: crate::AsOf { token_registry: as_of.0, policy_evaluator: as_of.1, session_issuer: as_of.2 },
            secret_version: version,
            session: model::SessionId::from_bytes(session),
            token: token.map(model::TokenId::from_bytes),
            issued_at_s: fixture::NOW_S - age,
            ..fixture::claims()
        };
        let read = judge(&fixture::key().sign(&claims).unwrap()).map(|verified| verified.claims);
        prop_assert_eq!(read, Ok(claims));
    }

    #[test]
    fn a_session_altered_anywhere_is_refused(
        from in 0..1000_usize,
        length in 0..20_usize,
        text in "[A-Za-z0-9_.=-]{0,20}",
    ) {
        let token = fixture::token();
        let from = from.min(token.len());
        let to = (from + length).min(token.len());
        let altered = [&token[..from], &text, &token[to..]].concat();
        prop_assume!(altered != token);
        prop_assert!(judge(&altered).is_err());
    }
}
