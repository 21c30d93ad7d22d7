//! ES256 beside RS256: `kid` names a key, a key has one algorithm, and a session one spelling.

use super::*;
use crate::fixture::{self, ACCOUNT, ISSUER, NOW};
use crate::{Jwk, SigningKey, low_s};
use aws_lc_rs::hmac;
use serde_json::Value;

/// Judged with both keys.
fn judge(token: &str) -> Result<Verified, Rejection> {
    let keys = [fixture::jwk(), fixture::ec_key().jwk()].map(|jwk| VerificationKey::new(jwk, ACCOUNT));
    verify(token, |kid| keys.iter().find(|key| key.kid() == kid).map(|key| (key, ISSUER)), NOW)
}

fn header(alg: &str, key: &SigningKey) -> String {
    format!(r#"{{"alg":"{alg}","kid":"{}","typ":"JWT"}}"#, key.kid())
}

fn message(alg: &str, named: &SigningKey) -> String {
    fixture::unsigned(&header(alg, named), &fixture::payload())
}

fn with_signature(message: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn token() -> String {
    fixture::ec_key().sign(&fixture::claims()).unwrap()
}

#[test]
fn each_session_verifies_under_its_own_key() {
    for key in [fixture::key(), fixture::ec_key()] {
        let verified = judge(&key.sign(&fixture::claims()).unwrap()).unwrap();
        assert_eq!((verified.kid, verified.claims), (key.kid(), fixture::claims()));
    }
    let header_of = |token: &str| URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(header_of(&token()), header("ES256", fixture::ec_key()).as_bytes());
}

#[test]
fn j3_the_algorithm_is_the_keys_whatever_the_header_says() {
    let (rsa, ec) = (fixture::key(), fixture::ec_key());
    for (alg, named, signer) in [
        ("ES256", rsa, ec),
        ("ES256", rsa, rsa),
        ("RS256", ec, rsa),
        ("RS256", ec, ec),
        ("none", ec, ec),
        ("ES256K", ec, ec),
        ("ES384", ec, ec),
        ("es256", ec, ec),
    ] {
        let message = message(alg, named);
        let forged = with_signature(&message, signer.sign_bytes(message.as_bytes()).unwrap());
        assert_eq!(judge(&forged), Err(Rejection::AlgorithmNotAllowed), "{alg}");
    }
    let message = message("ES256", ec);
    let forged = with_signature(&message, rsa.sign_bytes(message.as_bytes()).unwrap());
    assert_eq!(judge(&forged), Err(Rejection::SignatureInvalid));
}

#[test]
fn j2_the_public_key_is_no_secret() {
    let ec = fixture::ec_key();
    let message = message("HS256", ec);
    for secret in [ec.jwk().to_json().into_bytes(), ec.jwk().kid().as_bytes().to_vec()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        assert_eq!(judge(&with_signature(&message, tag)), Err(Rejection::AlgorithmNotAllowed));
    }
}

#[test]
fn j13_only_the_lower_s_is_a_signature() {
    for _ in 0..32 {
        let token = token();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(judge(&token).is_ok());
        low_s::negate(&mut signature);
        assert_eq!(judge(&with_signature(message, &signature)), Err(Rejection::SignatureInvalid));
        // It is a signature, only not ours.
        let point = point(fixture::ec_key().jwk());
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
            point,
        );
        key.verify(message.as_bytes(), &signature).unwrap();
    }
}

fn point(jwk: &Jwk) -> Vec<u8> {
    let jwk: Value = serde_json::from_str(&jwk.to_json()).unwrap();
    let half = |member: &str| URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap();
    [vec![4], half("x"), half("y")].concat()
}

#[test]
fn j13_no_bit_of_an_es256_signature_may_change() {
    let token = token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for bit in 0..signature.len() * 8 {
        let mut flipped = signature.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(judge(&with_signature(message, flipped)), Err(Rejection::SignatureInvalid), "{bit}");
    }
}

#[test]
fn signatures_of_zeros_of_the_order_and_of_other_lengths_are_refused() {
    let token = token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let (zero, one) = ([0; 32], [&[0; 31][..], &[1]].concat());
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
    for forged in [
        vec![],
        vec![0; 64],
        [&zero, s].concat(),
        [r, &zero].concat(),
        [&order, s].concat(),
        [&order[..], &zero].concat(),
        [&one[..], &one].concat(),
        [r, &order].concat(),
        vec![0xff; 64],
        signature[..63].to_vec(),
        [&signature[..], &[0]].concat(),
        [&[0], &signature[..]].concat(),
        // As X.509 writes it.
        [&[0x30, 0x44, 2, 32], r, &[2, 32], s].concat(),
    ] {
        assert_eq!(judge(&with_signature(message, &forged)), Err(Rejection::SignatureInvalid), "{forged:?}");
    }
}

#[test]
fn j3_an_ec_key_that_is_not_exactly_ours_is_refused() {
    let good: Value = serde_json::from_str(&fixture::ec_key().jwk().to_json()).unwrap();
    assert_eq!(Jwk::parse(&good.to_string()).unwrap(), *fixture::ec_key().jwk());
    assert_eq!(serde_json::to_value(fixture::ec_key().jwk()).unwrap(), good);
    let text = |member: &str| good[member].as_str().unwrap().to_owned();
    for (member, values) in [
        ("kid", vec!["0".repeat(64), fixture::key().kid().to_string()]),
        ("kty", vec!["RSA".to_owned(), "oct".into()]),
        ("alg", vec!["RS256".to_owned(), "ES384".into(), "none".into()]),
        ("use", vec!["enc".to_owned()]),
        ("crv", vec!["P-384".to_owned(), "secp256k1".into(), "p-256".into()]),
        ("x", vec![text("y"), String::new(), "AA".into(), "A".repeat(43), text("x") + "="]),
        ("y", vec![text("x"), String::new(), "AA".into(), "A".repeat(43), text("y") + &text("y")]),
    ] {
        for value in values {
            let mut jwk = good.clone();
            jwk[member] = value.into();
            assert!(Jwk::parse(&jwk.to_string()).is_err(), "{jwk}");
        }
        let mut jwk = good.clone();
        jwk.as_object_mut().unwrap().shift_remove(member);
        assert!(Jwk::parse(&jwk.to_string()).is_err(), "without {member}");
    }
    let mut private = good.clone();
    private["d"] = "AA".into();
    assert!(Jwk::parse(&private.to_string()).is_err());
}

#[test]
fn the_thumbprint_of_an_ec_key_is_that_of_rfc_7638() {
    let json = r#"{"kty":"EC","alg":"ES256","use":"sig","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"KID"}"#;
    let parsed = Jwk::parse(&json.replace("KID", RFC_7515_A3));
    assert_eq!(parsed.unwrap().kid().to_string(), RFC_7515_A3);
}

/// Of the key of RFC 7515 A.3; computed with Python's hashlib.
const RFC_7515_A3: &str = "a0a232c2f194a53553cb1310ddbc0821e414b9d7ebfc290b323084d7d1020fe5";

#[test]
fn a_stored_ec_key_is_the_same_key_and_has_no_certificate() {
    let key = fixture::ec_key();
    let stored = key.to_pkcs8().unwrap();
    let again = SigningKey::from_pkcs8(Algorithm::Es256, &stored).unwrap();
    assert_eq!(again.kid(), key.kid());
    assert!(judge(&again.sign(&fixture::claims()).unwrap()).is_ok());
    assert!(SigningKey::from_pkcs8(Algorithm::Rs256, &stored).is_err());
    assert!(SigningKey::from_pkcs8(Algorithm::Es256, &fixture::key().to_pkcs8().unwrap()).is_err());

    let published = |key: &SigningKey| key.publish("team.example", NOW, NOW).unwrap();
    let keys = [published(fixture::key()), published(key)];
    let alone = crate::key_set::document(&keys[..1]).unwrap();
    let both: Value = serde_json::from_str(&crate::key_set::document(&keys).unwrap()).unwrap();
    let mut expected: Value = serde_json::from_str(&alone).unwrap();
    expected["keys"].as_array_mut().unwrap().push(serde_json::to_value(key.jwk()).unwrap());
    assert_eq!(both, expected, "RS256's part of the key set stays as it was");
}

#[test]
fn j14_the_published_es256_vectors_come_out_as_published() {
    const VECTORS: &str = include_str!("../../tests/data/wycheproof/json_web_signature_test.json");
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let public = &group["public"];
        let component = |member: &str| URL_SAFE_NO_PAD.decode(public[member].as_str()?).ok();
        if public["alg"] != "ES256" || public["crv"] != "P-256" {
            continue;
        }
        let (Some(x), Some(y)) = (component("x"), component("y")) else { continue };
        let Ok(jwk) = Jwk::from_point(&[vec![4], x, y].concat()) else { continue };
        let key = VerificationKey::new(&jwk, ACCOUNT);
        for test in group["tests"].as_array().unwrap() {
            let Some(jws) = test["jws"].as_str() else { continue };
            let is_high = || {
                let signature = jws.rsplit_once('.').and_then(|(_, it)| URL_SAFE_NO_PAD.decode(it).ok());
                signature.is_some_and(|it| !low_s::is_low(&it))
            };
            let expected = test["result"] == "valid" && !is_high();
            let opened = open(jws, |_| Some(&key));
            assert_eq!(opened.is_ok(), expected, "{} {}", test["tcId"], test["comment"]);
            if test["result"] == "valid" { valid += 1 } else { invalid += 1 }
        }
    }
    assert!(valid >= 1 && invalid >= 10, "{valid} valid, {invalid} invalid");
}
