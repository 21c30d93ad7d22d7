use super::*;
use crate::fixture;
use model::Timestamp;
use serde_json::{Value, json};

fn published(key: &crate::SigningKey) -> PublishedKey {
    key.publish("team.example", fixture::NOW, Timestamp::FAR_FUTURE).unwrap()
}

#[test]
fn a_jwk_is_read_back_as_it_was_written() {
    let jwk = fixture::jwk();
    assert_eq!(Jwk::parse(&jwk.to_json()).unwrap(), *jwk);
    assert_eq!(serde_json::to_string(jwk).unwrap(), jwk.to_json());
    let with_more = jwk.to_json().replacen('{', r#"{"x5t":"AA","key_ops":["verify"],"#, 1);
    assert_eq!(Jwk::parse(&with_more).unwrap(), *jwk);
}

#[test]
fn the_thumbprint_is_that_of_rfc_7638() {
    // RFC 7638 section 3.1.
    let n = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst",
        "n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr",
        "n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    );
    let jwk = Jwk::from_components(&URL_SAFE_NO_PAD.decode(n).unwrap(), EXPONENT).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(jwk.kid().as_bytes()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn j3_a_key_that_is_not_exactly_ours_is_refused() {
    let good: Value = serde_json::from_str(&fixture::jwk().to_json()).unwrap();
    let other_n = serde_json::from_str::<Value>(&fixture::other_key().jwk().to_json()).unwrap()["n"].clone();
    let n = good["n"].as_str().unwrap();
    for (member, values) in [
        ("kid", vec![Value::Null, json!("x"), json!("0".repeat(64)), json!(fixture::other_key().kid())]),
        ("kty", vec![Value::Null, json!("EC"), json!("oct"), json!("rsa")]),
        ("alg", vec![Value::Null, json!("RS384"), json!("PS256"), json!("HS256"), json!("none")]),
        ("use", vec![Value::Null, json!("enc")]),
        ("e", vec![Value::Null, json!("Aw"), json!("AQ"), json!("AAEAAQ"), json!("AQAB="), json!("")]),
        (
            "n",
            vec![
                Value::Null,
                other_n,
                json!(""),
                json!(n[..340]),
                json!(format!("AAAA{n}")),
                json!(format!("{n}=")),
            ],
        ),
    ] {
        for value in values {
            let mut jwk = good.clone();
            jwk[member] = value.clone();
            assert!(Jwk::parse(&jwk.to_string()).is_err(), "{member} {value}");
        }
        let mut jwk = good.clone();
        jwk.as_object_mut().unwrap().shift_remove(member);
        assert!(Jwk::parse(&jwk.to_string()).is_err(), "without {member}");
    }
    let mut private = good.clone();
    private["d"] = json!("AQAB");
    let twice = fixture::jwk().to_json().replacen('{', r#"{"alg":"RS256","#, 1);
    for json in [private.to_string(), twice, "{}".into(), "[]".into(), String::new(), format!("[{good}]")] {
        assert!(Jwk::parse(&json).is_err(), "{json}");
    }
}

#[test]
fn a_short_key_is_refused() {
    let mut modulus = vec![0xff; 128];
    assert!(Jwk::from_components(&modulus, EXPONENT).is_err());
    modulus.resize(256, 0xff);
    assert!(Jwk::from_components(&modulus, EXPONENT).is_ok());
    modulus[255] = 0xfe;
    assert!(Jwk::from_components(&modulus, EXPONENT).is_err());
    assert!(Jwk::from_components(&[0xff; 1025], EXPONENT).is_err());
}

#[test]
fn the_document_shows_the_signing_key_first() {
    let (current, previous) = (published(fixture::key()), published(fixture::other_key()));
    let text = document(&[current.clone(), previous.clone()]).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({
        "keys": [
            serde_json::from_str::<Value>(&current.jwk.to_json()).unwrap(),
            serde_json::from_str::<Value>(&previous.jwk.to_json()).unwrap(),
        ],
        "public_cert": {"kid": current.jwk.kid(), "cert": current.certificate_pem},
        "public_certs": [
            {"kid": current.jwk.kid(), "cert": current.certificate_pem},
            {"kid": previous.jwk.kid(), "cert": previous.certificate_pem},
        ],
    });
    assert_eq!(json, expected);
    assert_eq!(json["keys"][0]["n"].as_str().unwrap().len(), 342);
    assert!(!text.contains("PRIVATE"));
}

#[test]
fn there_is_no_document_without_a_key() {
    assert_eq!(document(&[]).unwrap_err().reason(), "KEY_SET_EMPTY");
}

#[test]
fn keys_are_found_by_name_until_they_are_removed() {
    let keys = [fixture::key(), fixture::other_key()];
    let mut set: KeySet = keys.iter().map(|key| VerificationKey::new(key.jwk(), fixture::ACCOUNT)).collect();
    for key in keys {
        assert_eq!(set.find(key.kid()).map(VerificationKey::kid), Some(key.kid()));
    }
    set.insert(VerificationKey::new(keys[0].jwk(), fixture::ACCOUNT));
    assert_eq!(set.len(), 2);
    set.remove(keys[0].kid());
    assert!(set.find(keys[0].kid()).is_none());
    assert!(set.find(keys[1].kid()).is_some());
}
