//! Item 4: anybody can verify a session with what its issuer publishes.

use crate::worlds::{Scenario, scenarios};
use harness::gateway::Gateway;
use harness::{World, client, jwt, wait};
use http::Method;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        every_gateway_serves_the_issuers_key_set,
        a_session_verifies_with_another_library,
        a_session_says_exactly_what_the_contract_says,
        pyjwt_verifies_a_session,
    ]
}

pub async fn key_set(world: &World, gateway: &Gateway) -> Value {
    let host = world.issuer().strip_prefix("http://").unwrap();
    let reply = gateway.call(Method::GET, host, "/cdn-cgi/access/certs").send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn every_gateway_serves_the_issuers_key_set(world: &World) {
    let host = world.issuer().strip_prefix("http://").unwrap();
    assert!(host.split(':').next().unwrap().ends_with(".localhost"), "{host}");
    assert_eq!(host.rsplit_once(':').unwrap().1, world.gateway().address.port().to_string());
    // An account has keys from its first session on.
    let (app, token) = world.opened().await;
    world.gateway().session(&app, &token).await;
    let first = key_set(world, world.gateway()).await;
    for gateway in &world.gateways {
        assert_eq!(key_set(world, gateway).await, first);
    }
    let keys = first["keys"].as_array().unwrap();
    assert!(keys.len() >= 2, "{keys:?}");
    for key in keys {
        for (name, value) in [("kty", "RSA"), ("alg", "RS256"), ("use", "sig"), ("e", "AQAB")] {
            assert_eq!(key[name], value);
        }
        let kid = key["kid"].as_str().unwrap();
        assert!(
            kid.len() == 64 && kid.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()),
            "{kid}"
        );
        assert!(key["n"].as_str().unwrap().len() >= 342 && key.get("d").is_none(), "{key}");
    }
    let kids =
        |of: &Value| of.as_array().unwrap().iter().map(|it| it["kid"].to_string()).collect::<BTreeSet<_>>();
    assert_eq!(kids(&first["keys"]), kids(&first["public_certs"]));
    assert_eq!(kids(&first["keys"]).len(), keys.len());
    assert!(kids(&first["keys"]).contains(&first["public_cert"]["kid"].to_string()));
    assert!(first["public_cert"]["cert"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
}

async fn a_session_verifies_with_another_library(world: &World) {
    let (app, token) = world.opened().await;
    for gateway in &world.gateways {
        let session = gateway.session(&app, &token).await;
        let served = key_set(world, gateway).await;
        let header = jsonwebtoken::decode_header(&session).unwrap();
        let kid = header.kid.unwrap();
        let key = served["keys"].as_array().unwrap().iter().find(|key| key["kid"] == json!(kid)).unwrap();
        let part = |name: &str| key[name].as_str().unwrap();
        let public = DecodingKey::from_rsa_components(part("n"), part("e")).unwrap();
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_audience(&[&app.aud]);
        rules.set_issuer(&[world.issuer()]);
        let verified = jsonwebtoken::decode::<Value>(&session, &public, &rules).unwrap();
        assert_eq!(verified.claims["common_name"], json!(token.client_id));
        rules.set_audience(&["0".repeat(64)]);
        assert!(jsonwebtoken::decode::<Value>(&session, &public, &rules).is_err());
    }
}

async fn a_session_says_exactly_what_the_contract_says(world: &World) {
    let (app, token) = world.opened().await;
    let session = world.gateway().session(&app, &token).await;
    let header = jwt::header(&session);
    assert_eq!(
        (&header["alg"], &header["typ"], header.as_object().unwrap().len()),
        (&json!("RS256"), &json!("JWT"), 3)
    );
    let claims = jwt::claims(&session);
    let names: BTreeSet<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    let contract = ["type", "aud", "exp", "iss", "common_name", "iat", "sub", "sallyport"];
    assert_eq!(names, BTreeSet::from(contract));
    assert_eq!((&claims["type"], &claims["sub"]), (&json!("app"), &json!("")));
    assert_eq!((&claims["aud"], &claims["iss"]), (&json!([app.aud]), &json!(world.issuer())));
    assert_eq!(claims["common_name"], json!(token.client_id));
    let issued = claims["iat"].as_i64().unwrap();
    assert!((wait::now().as_seconds() - issued).abs() <= 30, "{claims}");
    assert_eq!(claims["exp"].as_i64().unwrap() - issued, 24 * 3600);
    let cookie = world.gateway().get(&app.domain).cookie(&session).send().await;
    assert_eq!(jwt::claims(cookie.admitted().header("cf-access-jwt-assertion").unwrap()), claims);
}

async fn pyjwt_verifies_a_session(world: &World) {
    let (app, token) = world.opened().await;
    let session = world.gateway().session(&app, &token).await;
    let gateway = format!("http://{}", world.gateway().address);
    let settings = [
        ("SALLYPORT_GATEWAY", gateway.as_str()),
        ("SALLYPORT_ISSUER", world.issuer()),
        ("SALLYPORT_AUD", &app.aud),
        ("SALLYPORT_SESSION", &session),
    ];
    client::python("verify_session.py", &settings).await;
}
