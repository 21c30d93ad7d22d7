//! Item 6: how long a token lives.

use crate::worlds::{Scenario, scenarios};
use harness::{World, service_auth, wait};
use serde_json::json;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        a_token_lives_for_a_year_unless_told_otherwise,
        refreshing_extends_by_a_year_from_now,
        a_new_duration_counts_from_now,
        forever_is_a_date_that_nobody_reaches,
        an_expired_token_is_refused_and_says_so,
        an_expired_token_comes_back_when_it_is_refreshed,
        a_new_token_works_at_once_everywhere,
        the_secret_is_shown_once,
    ]
}

const YEAR_MS: i64 = 8760 * 3600 * 1000;

/// From now until then, give or take a minute.
fn expect_left(expires_at: &serde_json::Value, expected_ms: i64) {
    let left = wait::time(expires_at).as_millis() - wait::now().as_millis();
    assert!((left - expected_ms).abs() < 60_000, "{expires_at} is {left} ms away, not {expected_ms}");
}

async fn a_token_lives_for_a_year_unless_told_otherwise(world: &World) {
    let token = world.token().await;
    assert_eq!((&token.shown["duration"], &token.shown["enabled"]), (&json!("8760h"), &json!(true)));
    assert_eq!(token.shown["client_secret_version"], json!(1));
    expect_left(&token.shown["expires_at"], YEAR_MS);
    let (hex, suffix) = token.client_id.split_at(32);
    assert!(hex.bytes().all(|b| b.is_ascii_hexdigit()) && suffix == ".access", "{}", token.client_id);
    assert!(token.client_secret.starts_with("spst_") && token.client_secret.len() == 53);
    let short = world.token_with(json!({"duration": "2h45m"})).await;
    expect_left(&short.shown["expires_at"], 165 * 60 * 1000);
}

async fn refreshing_extends_by_a_year_from_now(world: &World) {
    let token = world.token_with(json!({"duration": "2h"})).await;
    let refreshed = world.rest.command(&format!("{}/refresh", token.path())).await.result(200);
    expect_left(&refreshed["expires_at"], YEAR_MS);
    assert!(refreshed.get("client_secret").is_none() && refreshed["client_id"] == json!(token.client_id));
    let app = world.app(&[service_auth(&[&token])]).await;
    world.gateway().get(&app.domain).pair(&token).send().await.admitted();
}

async fn a_new_duration_counts_from_now(world: &World) {
    let token = world.token().await;
    let changed = world.rest.put(&token.path(), &json!({"duration": "48h"})).await.result(200);
    expect_left(&changed["expires_at"], 48 * 3600 * 1000);
    assert_eq!((&changed["duration"], &changed["name"]), (&json!("48h"), &json!(token.name)));
    // Something else leaves it alone.
    let renamed = world.rest.put(&token.path(), &json!({"name": world.unique()})).await.result(200);
    assert_eq!(renamed["expires_at"], changed["expires_at"]);
    assert_ne!(renamed["name"], changed["name"]);
}

async fn forever_is_a_date_that_nobody_reaches(world: &World) {
    let token = world.token_with(json!({"duration": "forever"})).await;
    assert!(token.shown["expires_at"].as_str().unwrap().starts_with("9999-"), "{}", token.shown);
    let app = world.app(&[service_auth(&[&token])]).await;
    world.gateway().get(&app.domain).pair(&token).send().await.admitted();
    let back = world.rest.put(&token.path(), &json!({"duration": "8760h"})).await.result(200);
    expect_left(&back["expires_at"], YEAR_MS);
    let again = world.rest.put(&token.path(), &json!({"duration": "forever"})).await.result(200);
    assert_eq!(again["expires_at"], token.shown["expires_at"]);
}

async fn an_expired_token_is_refused_and_says_so(world: &World) {
    let warm = world.token_with(json!({"duration": "5s"})).await;
    let cold = world.token_with(json!({"duration": "1s"})).await;
    let app = world.app(&[service_auth(&[&warm, &cold])]).await;
    let session = world.gateway().session(&app, &warm).await;
    for gateway in &world.gateways {
        gateway.get(&app.domain).pair(&warm).send().await.admitted();
    }
    wait::reach(wait::time(&warm.shown["expires_at"])).await;
    for gateway in &world.gateways {
        for token in [&warm, &cold] {
            let reply = gateway.get(&app.domain).pair(token).send().await;
            assert_eq!(reply.refused(401), "TOKEN_EXPIRED");
            assert!(reply.json()["message"].as_str().unwrap().contains("expired"), "{reply:?}");
            let wrong = gateway.get(&app.domain).pair(&token.with_secret(&"c3".repeat(32))).send().await;
            assert_eq!(
                wrong.refused(401),
                "TOKEN_UNKNOWN",
                "only who holds the secret learns that it expired"
            );
        }
        assert!(gateway.get(&app.domain).cookie(&session).send().await.refused(401).contains("EXPIRED"));
    }
    let shown = world.rest.get(&warm.path()).await.result(200);
    assert_eq!(shown["expires_at"], warm.shown["expires_at"]);
}

async fn an_expired_token_comes_back_when_it_is_refreshed(world: &World) {
    let refreshed = world.token_with(json!({"duration": "1s"})).await;
    let redated = world.token_with(json!({"duration": "1s"})).await;
    let app = world.app(&[service_auth(&[&refreshed, &redated])]).await;
    wait::reach(wait::time(&redated.shown["expires_at"])).await;
    for gateway in &world.gateways {
        for token in [&refreshed, &redated] {
            assert_eq!(gateway.get(&app.domain).pair(token).send().await.refused(401), "TOKEN_EXPIRED");
        }
    }
    world.rest.command(&format!("{}/refresh", refreshed.path())).await.result(200);
    world.rest.put(&redated.path(), &json!({"duration": "1h"})).await.result(200);
    for gateway in &world.gateways {
        for token in [&refreshed, &redated] {
            gateway.get(&app.domain).pair(token).send().await.admitted();
        }
    }
}

async fn a_new_token_works_at_once_everywhere(world: &World) {
    let app = world.app(&[harness::policy("non_identity", &json!([{"any_valid_service_token": {}}]))]).await;
    for _ in 0..5 {
        let token = world.token().await;
        for gateway in world.gateways.iter().rev() {
            gateway.get(&app.domain).pair(&token).send().await.admitted();
        }
    }
}

async fn the_secret_is_shown_once(world: &World) {
    let token = world.token().await;
    let path = format!("access/service_tokens?name={}", token.name);
    let listed = world.rest.get(&path).await.result(200);
    let changed = world.rest.put(&token.path(), &json!({"enabled": true})).await.result(200);
    let read = world.rest.get(&token.path()).await.result(200);
    let deleted = world.rest.delete(&token.path()).await.result(200);
    for shown in [&listed[0], &changed, &read, &deleted] {
        assert_eq!(shown["client_id"], json!(token.client_id), "{shown}");
        assert!(!shown.to_string().contains("spst_") && shown.get("client_secret").is_none(), "{shown}");
    }
}
