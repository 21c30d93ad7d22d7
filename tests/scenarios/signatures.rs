//! An application chooses ES256: its sessions verify with other people's software, nobody else notices, and what is forged
//! across the two algorithms is refused.

use crate::keys::key_set;
use crate::worlds::{Run, Scenario};
use aws_lc_rs::hmac;
use harness::jwt::{encode, unsigned};
use harness::process::Signal;
use harness::upstream::Upstream;
use harness::{App, Place, Topology, World, client, jwt, service_auth};
use http::Method;
use serde_json::{Value, json};

pub fn all() -> Vec<Scenario> {
    vec![Scenario {
        name: "an_application_chooses_es256",
        run: Run::Alone(|topology| Box::pin(an_application_chooses_es256(topology))),
    }]
}

async fn an_application_chooses_es256(topology: Topology) {
    let place = Place::new(topology);
    let mut world = place.start(Some(Upstream::start().await), &[]).await.unwrap();
    let (other, others) = world.opened().await;
    let plain = world.gateway().session(&other, &others).await;
    let before = key_set(&world, world.gateway()).await;
    assert!(before["keys"].as_array().unwrap().iter().all(|key| key["alg"] == "RS256"), "{before}");

    // A gateway goes on with the session that it has for a credential: the new choice is met with another one.
    let (first, token) = (world.token().await, world.token().await);
    let app = world.app_with(json!({"policies": [service_auth(&[&first, &token])]})).await;
    let old = world.gateway().session(&app, &first).await;
    assert_eq!(jwt::header(&old)["alg"], "RS256");
    choose(&world, &app, "ES256").await;
    let session = world.gateway().session(&app, &token).await;
    assert_eq!(jwt::header(&session)["alg"], "ES256");
    for gateway in &world.gateways {
        for good in [&session, &old] {
            gateway.get(&app.domain).session(good).send().await.admitted();
        }
        gateway.get(&other.domain).session(&plain).send().await.admitted();
        let after = key_set(&world, gateway).await;
        for part in ["public_cert", "public_certs"] {
            assert_eq!(after[part], before[part]);
        }
        let keys = after["keys"].as_array().unwrap();
        let (rs256, es256) = keys.split_at(before["keys"].as_array().unwrap().len());
        assert_eq!(rs256, before["keys"].as_array().unwrap().as_slice());
        assert_eq!(es256.len(), 2);
        assert!(
            es256.iter().all(|key| key["kty"] == "EC" && key["crv"] == "P-256" && key.get("d").is_none())
        );
    }
    pyjwt_verifies(&world, &app, &session).await;
    forgeries_are_refused(&world, &app, &session, &old).await;
    assert_eq!(world.stop(Signal::INT).await, Vec::<String>::new());
}

async fn choose(world: &World, app: &App, algorithm: &str) {
    let path = format!("/sallyport/v1/accounts/{}/apps/{}/session_signature", world.rest.account_id, app.id);
    let body = json!({"algorithm": algorithm});
    let call = world.rest.client.call(world.rest.address, Method::PUT, &path).json(&body);
    let authorization = format!("Bearer {}", world.rest.api_token);
    assert_eq!(call.header("authorization", &authorization).send().await.result(200), body);
}

async fn pyjwt_verifies(world: &World, app: &App, session: &str) {
    let gateway = format!("http://{}", world.gateway().address);
    let settings = [
        ("SALLYPORT_GATEWAY", gateway.as_str()),
        ("SALLYPORT_ISSUER", world.issuer()),
        ("SALLYPORT_AUD", &app.aud),
        ("SALLYPORT_SESSION", session),
        ("SALLYPORT_ALGORITHM", "ES256"),
    ];
    client::python("verify_session.py", &settings).await;
}

async fn forgeries_are_refused(world: &World, app: &App, es256: &str, rs256: &str) {
    let keys = key_set(world, world.gateway()).await;
    let header = jwt::header(es256);
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let claims = jwt::claims(es256);
    let signature = es256.rsplit_once('.').unwrap().1;
    let with = |changes: &[(&str, &Value)]| {
        let mut header = header.clone();
        for (name, value) in changes {
            header[*name] = (*value).clone();
        }
        unsigned(&header, &claims)
    };
    let rs256_kid = &jwt::header(rs256)["kid"];
    let hs256 = with(&[("alg", &json!("HS256"))]);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.to_string().as_bytes()), hs256.as_bytes());
    let body = es256.rsplit_once('.').unwrap().0;
    let algorithm = "SESSION_ALGORITHM_NOT_ALLOWED";
    for (forged, reason) in [
        (format!("{}.{signature}", with(&[("kid", rs256_kid)])), algorithm),
        (format!("{}.{signature}", with(&[("alg", &json!("RS256"))])), algorithm),
        (format!("{}.", with(&[("alg", &json!("none"))])), algorithm),
        (format!("{hs256}.{}", encode(tag)), algorithm),
        (format!("{body}.{}", encode([0; 64])), "SESSION_SIGNATURE_INVALID"),
        (format!("{body}."), "SESSION_SIGNATURE_INVALID"),
    ] {
        for gateway in &world.gateways {
            let refused = gateway.get(&app.domain).session(&forged).send().await.refused(401);
            assert_eq!(refused, reason, "{forged}");
        }
    }
}
