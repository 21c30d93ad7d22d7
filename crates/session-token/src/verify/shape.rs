//! What is not spelled as a session is none: the rest of the checklist (J7, J13, J15, J16), and random texts.

use super::*;
use crate::fixture::{self, header_with, judge, refused, sealed, signed, unsigned};
use proptest::prelude::*;
use serde_json::json;

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
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{header}\n.{payload}.{signature}"),
        format!("{header}.{payload}. {signature}"),
        format!("Bearer {token}"),
        format!("\u{feff}{token}"),
        format!("{header}.{payload}.+{}", &signature[1..]),
        format!("{token}%"),
    ] {
        refused(&token, Rejection::Malformed);
    }
    refused(&format!("{header}.{payload}=.{signature}"), Rejection::SignatureInvalid);
    // Not even our own signature makes another spelling of the payload right.
    let message = format!("{header}.{payload}=");
    let signed = fixture::key().sign_bytes(message.as_bytes()).unwrap();
    refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signed)), Rejection::Malformed);
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
