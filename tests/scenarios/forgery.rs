//! Item 3: what was not signed here, or not like this, is refused. Whoever forges knows everything but the private key.

use crate::worlds::{Scenario, scenarios};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::{hmac, signature};
use harness::jwt::{encode, unsigned};
use harness::{App, World, jwt};
use serde_json::{Value, json};

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        an_altered_session_is_refused,
        a_session_without_a_signature_is_refused,
        a_session_signed_with_the_public_key_as_secret_is_refused,
        a_session_signed_by_a_stranger_is_refused,
    ]
}

/// A good session at an application, in its parts.
struct Original {
    app: App,
    header: Value,
    claims: Value,
    session: String,
}

async fn original(world: &World) -> Original {
    let (app, token) = world.opened().await;
    let session = world.gateway().session(&app, &token).await;
    let original = Original { app, header: jwt::header(&session), claims: jwt::claims(&session), session };
    world.gateway().get(&original.app.domain).session(&original.session).send().await.admitted();
    original
}

impl Original {
    /// Refused on every gateway, both ways, for a reason of this kind.
    async fn expect_refused(&self, world: &World, forged: &str, reasons: &[&str]) {
        for gateway in &world.gateways {
            for call in
                [gateway.get(&self.app.domain).session(forged), gateway.get(&self.app.domain).cookie(forged)]
            {
                let reason = call.send().await.refused(401);
                assert!(reasons.contains(&reason.as_str()), "{reason}: {forged}");
            }
        }
    }

    fn header_with(&self, changes: &Value) -> Value {
        changed(&self.header, changes)
    }
}

/// `null` takes a member out.
fn changed(original: &Value, changes: &Value) -> Value {
    let mut changed = original.clone();
    for (name, value) in changes.as_object().unwrap() {
        changed[name] = value.clone();
    }
    changed.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    changed
}

async fn an_altered_session_is_refused(world: &World) {
    let original = original(world).await;
    let signature = original.session.rsplit_once('.').unwrap().1;
    let longer = original.claims["exp"].as_i64().unwrap() + 3600;
    let altered = [
        changed(&original.claims, &json!({"exp": longer})),
        changed(&original.claims, &json!({"common_name": format!("{}.access", "0".repeat(32))})),
        changed(&original.claims, &json!({"iss": "http://elsewhere.test"})),
        changed(&original.claims, &json!({"aud": [original.app.aud, "0".repeat(64)]})),
    ];
    for claims in altered {
        let forged = format!("{}.{signature}", unsigned(&original.header, &claims));
        let reasons = ["SESSION_SIGNATURE_INVALID", "SESSION_ISSUER_WRONG", "SESSION_MALFORMED"];
        original.expect_refused(world, &forged, &reasons).await;
    }
    let (body, flipped) = (original.session.rsplit_once('.').unwrap().0, flip(signature));
    let cut = signature.get(..signature.len() - 4).unwrap();
    for forged in [
        format!("{body}.{flipped}"),
        format!("{body}.{cut}"),
        format!("{body}.{signature}="),
        format!("{body}.{signature}.x"),
    ] {
        original.expect_refused(world, &forged, &["SESSION_SIGNATURE_INVALID", "SESSION_MALFORMED"]).await;
    }
}

/// The same text with another character in the middle.
fn flip(text: &str) -> String {
    let middle = text.len() / 2;
    let other = if text.as_bytes()[middle] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &text[..middle], &text[middle + 1..])
}

async fn a_session_without_a_signature_is_refused(world: &World) {
    let original = original(world).await;
    let signature = original.session.rsplit_once('.').unwrap().1;
    for algorithm in ["none", "None", "nOnE", ""] {
        let body = unsigned(&original.header_with(&json!({"alg": algorithm})), &original.claims);
        for forged in [format!("{body}."), body.clone(), format!("{body}.{signature}")] {
            original
                .expect_refused(world, &forged, &["SESSION_ALGORITHM_NOT_ALLOWED", "SESSION_MALFORMED"])
                .await;
        }
    }
    let empty = format!("{}.", unsigned(&original.header, &original.claims));
    original.expect_refused(world, &empty, &["SESSION_SIGNATURE_INVALID", "SESSION_MALFORMED"]).await;
}

async fn a_session_signed_with_the_public_key_as_secret_is_refused(world: &World) {
    let original = original(world).await;
    let host = world.issuer().strip_prefix("http://").unwrap();
    let served = world.gateway().call(http::Method::GET, host, "/cdn-cgi/access/certs").send().await.json();
    let kid = &original.header["kid"];
    let key = served["keys"].as_array().unwrap().iter().find(|key| &key["kid"] == kid).unwrap();
    let certificates = served["public_certs"].as_array().unwrap();
    let pem = certificates.iter().find(|it| &it["kid"] == kid).unwrap()["cert"].as_str().unwrap();
    let secrets = [
        pem.to_owned(),
        pem.trim().to_owned(),
        format!("{}\n", pem.trim()),
        key.to_string(),
        key["n"].as_str().unwrap().to_owned(),
    ];
    for algorithm in ["HS256", "hs256"] {
        let body = unsigned(&original.header_with(&json!({"alg": algorithm})), &original.claims);
        for secret in &secrets {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes());
            let forged = format!("{body}.{}", encode(tag));
            original.expect_refused(world, &forged, &["SESSION_ALGORITHM_NOT_ALLOWED"]).await;
        }
    }
}

async fn a_session_signed_by_a_stranger_is_refused(world: &World) {
    let original = original(world).await;
    let pair = tokio::task::spawn_blocking(|| KeyPair::generate(KeySize::Rsa2048)).await.unwrap().unwrap();
    let sign = |header: &Value, claims: &Value| {
        let body = unsigned(header, claims);
        let mut tag = vec![0; pair.public_modulus_len()];
        pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), body.as_bytes(), &mut tag).unwrap();
        format!("{body}.{}", encode(tag))
    };
    let public = json!({"kty": "RSA", "alg": "RS256", "e": "AQAB", "n": "AQAB"});
    for (header, reason) in [
        (json!({}), "SESSION_SIGNATURE_INVALID"),
        (json!({"kid": "0".repeat(64)}), "SESSION_KEY_UNKNOWN"),
        (json!({"kid": "../../dev/null"}), "SESSION_KEY_UNKNOWN"),
        (json!({"kid": null}), "SESSION_KEY_UNKNOWN"),
        (json!({"jwk": public}), "SESSION_SIGNATURE_INVALID"),
        (json!({"jku": format!("{}/keys", world.upstream().url())}), "SESSION_SIGNATURE_INVALID"),
        (json!({"crit": ["b64"], "b64": false}), "SESSION_EXTENSION_NOT_SUPPORTED"),
        (json!({"typ": "logout+jwt"}), "SESSION_TYPE_WRONG"),
        (json!({"alg": "PS256"}), "SESSION_ALGORITHM_NOT_ALLOWED"),
    ] {
        let forged = sign(&original.header_with(&header), &original.claims);
        original.expect_refused(world, &forged, &[reason, "SESSION_MALFORMED"]).await;
    }
    let elsewhere = changed(&original.claims, &json!({"iss": "http://elsewhere.test"}));
    let reasons = ["SESSION_SIGNATURE_INVALID", "SESSION_ISSUER_WRONG"];
    original.expect_refused(world, &sign(&original.header, &elsewhere), &reasons).await;
    assert!(
        !world.upstream().all().iter().any(|seen| seen.target == "/keys"),
        "a key was fetched from where a client said"
    );
}
