//! Item 7: rotating a secret, with and without overlap; switching a token off and on.

use crate::worlds::{Scenario, scenarios};
use harness::http::Reply;
use harness::{App, Token, World, wait};
use http::Method;
use model::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        rotating_without_overlap_stops_the_old_secret_at_once,
        rotating_with_overlap_lets_both_work_until_the_time,
        the_overlap_can_be_ended_early,
        a_rotation_is_finished_when_nobody_uses_the_old_secret_any_more,
        a_rotation_is_undone_while_the_old_secret_works,
        a_second_rotation_leaves_two_secrets_at_most,
        a_higher_version_in_an_update_rotates,
        a_lower_version_in_an_update_is_refused,
        a_disabled_token_stops_at_once_with_both_secrets_and_comes_back,
    ]
}

async fn rotate(world: &World, token: &Token, overlap_until: Option<Timestamp>) -> Token {
    let path = format!("{}/rotate", token.path());
    let reply = match overlap_until {
        Some(time) => {
            world.rest.post(&path, &json!({"previous_client_secret_expires_at": time.to_string()})).await
        }
        None => world.rest.command(&path).await,
    };
    let rotated = Token::of(reply.result(200));
    assert_eq!((&rotated.id, &rotated.client_id), (&token.id, &token.client_id));
    assert_ne!(rotated.client_secret, token.client_secret);
    rotated
}

fn version(shown: &Value) -> u64 {
    shown["client_secret_version"].as_u64().unwrap()
}

async fn expect(world: &World, app: &App, token: &Token, status: u16) {
    for gateway in &world.gateways {
        let reply = gateway.get(&app.domain).pair(token).send().await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
}

async fn expect_session(world: &World, app: &App, session: &str, status: u16) {
    for gateway in &world.gateways {
        let reply = gateway.get(&app.domain).cookie(session).send().await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
}

async fn rotating_without_overlap_stops_the_old_secret_at_once(world: &World) {
    let (app, mut token) = world.opened().await;
    for round in 1..=3 {
        let session = world.gateway().session(&app, &token).await;
        expect(world, &app, &token, 200).await;
        expect_session(world, &app, &session, 200).await;
        let rotated = rotate(world, &token, None).await;
        assert_eq!(version(&rotated.shown), round + 1);
        for gateway in &world.gateways {
            let reply = gateway.get(&app.domain).pair(&token).send().await;
            assert_eq!(reply.refused(401), "TOKEN_UNKNOWN");
        }
        // What the old secret obtained dies with it.
        expect_session(world, &app, &session, 401).await;
        expect(world, &app, &rotated, 200).await;
        token = rotated;
    }
}

async fn rotating_with_overlap_lets_both_work_until_the_time(world: &World) {
    let (app, old) = world.opened().await;
    let session = world.gateway().session(&app, &old).await;
    expect(world, &app, &old, 200).await;
    let end = wait::now().after(Duration::from_secs(15));
    let new = rotate(world, &old, Some(end)).await;
    assert_eq!(wait::time(&new.shown["previous_client_secret_expires_at"]), end);
    let new_session = world.gateway().session(&app, &new).await;
    for _ in 0..2 {
        expect(world, &app, &old, 200).await;
        expect(world, &app, &new, 200).await;
        expect_session(world, &app, &session, 200).await;
    }
    assert!(wait::now() < end, "this machine was too slow to see the overlap");
    wait::reach(end).await;
    expect(world, &app, &old, 401).await;
    expect_session(world, &app, &session, 401).await;
    expect(world, &app, &new, 200).await;
    expect_session(world, &app, &new_session, 200).await;
}

async fn the_overlap_can_be_ended_early(world: &World) {
    let (app, old) = world.opened().await;
    expect(world, &app, &old, 200).await;
    let new = rotate(world, &old, Some(wait::now().after(Duration::from_hours(1)))).await;
    expect(world, &app, &old, 200).await;
    let past = json!({"previous_client_secret_expires_at": "2020-01-01T00:00:00.123450+00:00"});
    let shown = world.rest.put(&new.path(), &past).await.result(200);
    assert_eq!(version(&shown), 2);
    expect(world, &app, &old, 401).await;
    expect(world, &app, &new, 200).await;
}

async fn own(world: &World, method: Method, token: &Token, path: &str) -> Reply {
    world.rest.call_own(method, &format!("service_tokens/{}/{path}", token.id)).send().await
}

/// What is known of the use of one version, once it has been written.
async fn used(world: &World, token: &Token, version: u64, uses: u64) -> Value {
    let listed = async || {
        let secrets = own(world, Method::GET, token, "secrets").await.result(200);
        let is_it = |it: &&Value| self::version(it) == version && it["uses"].as_u64() >= Some(uses);
        secrets.as_array().unwrap().iter().find(is_it).cloned()
    };
    wait::until("the use of a secret is written", Duration::from_secs(30), listed).await
}

async fn a_rotation_is_finished_when_nobody_uses_the_old_secret_any_more(world: &World) {
    let (app, old) = world.opened().await;
    let missing = own(world, Method::DELETE, &old, "rotation").await;
    missing.failure(404);
    let session = world.gateway().session(&app, &old).await;
    let new = rotate(world, &old, Some(wait::now().after(Duration::from_hours(1)))).await;
    let new_session = world.gateway().session(&app, &new).await;
    // A session counts as a use of the version that opened it, wherever it is presented.
    let before = used(world, &old, 1, 1).await["uses"].as_u64().unwrap();
    expect_session(world, &app, &session, 200).await;
    let previous = used(world, &old, 1, before + world.gateways.len() as u64).await;
    assert_eq!(previous["state"], "previous");
    assert_eq!(previous["last_used_from"], "loopback_ipv4");
    assert!(previous["last_used_at_gateway"].as_str().unwrap().starts_with("edge-gateway"), "{previous}");
    assert!(previous["unused_for_seconds"].as_u64().unwrap() < 60, "{previous}");
    assert_eq!(used(world, &old, 2, 1).await["state"], "current");

    let finished = own(world, Method::DELETE, &old, "rotation").await;
    let propagation = finished.header("sallyport-propagation").unwrap_or_default().to_owned();
    assert!(propagation.contains("not_confirmed=0"), "{propagation}");
    assert_eq!(version(&finished.result(200)), 2);
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&app.domain).pair(&old).send().await.refused(401), "TOKEN_UNKNOWN");
        let reply = gateway.get(&app.domain).cookie(&session).send().await;
        assert_eq!(reply.refused(401), "TOKEN_SECRET_EXPIRED");
    }
    expect(world, &app, &new, 200).await;
    expect_session(world, &app, &new_session, 200).await;
    own(world, Method::DELETE, &old, "rotation").await.failure(404);
    own(world, Method::POST, &old, "rotation/undo").await.failure(409);
}

async fn a_rotation_is_undone_while_the_old_secret_works(world: &World) {
    let (app, old) = world.opened().await;
    own(world, Method::POST, &old, "rotation/undo").await.failure(409);
    let session = world.gateway().session(&app, &old).await;
    let new = rotate(world, &old, Some(wait::now().after(Duration::from_hours(1)))).await;
    let new_session = world.gateway().session(&app, &new).await;
    expect_session(world, &app, &new_session, 200).await;
    let shown = own(world, Method::POST, &old, "rotation/undo").await.result(200);
    assert_eq!(version(&shown), 3);
    assert!(shown.get("previous_client_secret_expires_at").is_none() && shown.get("client_secret").is_none());
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&app.domain).pair(&new).send().await.refused(401), "TOKEN_UNKNOWN");
        let reply = gateway.get(&app.domain).cookie(&new_session).send().await;
        assert_eq!(reply.refused(401), "TOKEN_SECRET_EXPIRED");
    }
    // For the users of the old secret nothing has happened.
    expect(world, &app, &old, 200).await;
    expect_session(world, &app, &session, 200).await;
    own(world, Method::POST, &old, "rotation/undo").await.failure(409);
    let lower = world.rest.put(&old.path(), &json!({"client_secret_version": 2})).await.failure(400);
    assert_eq!(lower["source"]["pointer"], json!("/client_secret_version"));
}

async fn a_second_rotation_leaves_two_secrets_at_most(world: &World) {
    let (app, first) = world.opened().await;
    let later = wait::now().after(Duration::from_hours(1));
    let second = rotate(world, &first, Some(later)).await;
    expect(world, &app, &first, 200).await;
    let third = rotate(world, &second, Some(later)).await;
    assert_eq!(version(&third.shown), 3);
    expect(world, &app, &first, 401).await;
    expect(world, &app, &second, 200).await;
    expect(world, &app, &third, 200).await;
}

async fn a_higher_version_in_an_update_rotates(world: &World) {
    let (app, old) = world.opened().await;
    expect(world, &app, &old, 200).await;
    let later = wait::now().after(Duration::from_hours(1)).to_string();
    let body = json!({"client_secret_version": 2, "previous_client_secret_expires_at": later});
    let new = Token::of(world.rest.put(&old.path(), &body).await.result(200));
    assert_eq!(version(&new.shown), 2);
    expect(world, &app, &old, 200).await;
    expect(world, &app, &new, 200).await;
    // The same version again changes nothing, and shows nothing.
    let again = world.rest.put(&old.path(), &body).await.result(200);
    assert!(version(&again) == 2 && again.get("client_secret").is_none(), "{again}");
    expect(world, &app, &new, 200).await;
}

async fn a_lower_version_in_an_update_is_refused(world: &World) {
    let (app, token) = world.opened().await;
    let token = rotate(world, &token, None).await;
    let refusal = world.rest.put(&token.path(), &json!({"client_secret_version": 1})).await.failure(400);
    assert_eq!(refusal["source"]["pointer"], json!("/client_secret_version"));
    expect(world, &app, &token, 200).await;
}

async fn a_disabled_token_stops_at_once_with_both_secrets_and_comes_back(world: &World) {
    let (app, old) = world.opened().await;
    expect(world, &app, &old, 200).await;
    let new = rotate(world, &old, Some(wait::now().after(Duration::from_hours(1)))).await;
    let session = world.gateway().session(&app, &new).await;
    for token in [&old, &new] {
        expect(world, &app, token, 200).await;
    }
    expect_session(world, &app, &session, 200).await;
    world.rest.put(&new.path(), &json!({"enabled": false})).await.result(200);
    for gateway in &world.gateways {
        for token in [&old, &new] {
            assert_eq!(gateway.get(&app.domain).pair(token).send().await.refused(401), "TOKEN_DISABLED");
        }
        assert_eq!(gateway.get(&app.domain).cookie(&session).send().await.refused(401), "TOKEN_DISABLED");
    }
    world.rest.put(&new.path(), &json!({"enabled": true})).await.result(200);
    for token in [&old, &new] {
        expect(world, &app, token, 200).await;
    }
    let next = world.gateway().session(&app, &new).await;
    expect_session(world, &app, &next, 200).await;
}
