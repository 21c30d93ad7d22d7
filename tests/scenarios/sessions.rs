//! Item 3: the session alone is accepted, at its application, until it expires.

use crate::worlds::{Scenario, scenarios};
use harness::{App, World, jwt, service_auth, wait};
use model::Timestamp;
use serde_json::json;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        a_session_is_accepted_as_cookie_and_as_header_on_every_gateway,
        a_session_opens_no_other_application,
        a_session_ends_at_its_expiry,
        a_policys_duration_wins_over_the_applications,
        a_session_of_no_duration_serves_one_request,
        a_session_outlives_neither_its_token_nor_its_secret,
        several_cookies_are_refused_unless_they_are_equal,
        a_session_that_is_not_one_is_refused,
    ]
}

async fn a_session_is_accepted_as_cookie_and_as_header_on_every_gateway(world: &World) {
    let (app, token) = world.opened().await;
    for issuing in &world.gateways {
        let session = issuing.session(&app, &token).await;
        for gateway in &world.gateways {
            for call in
                [gateway.get(&app.domain).cookie(&session), gateway.get(&app.domain).session(&session)]
            {
                let reply = call.send().await;
                let seen = reply.admitted();
                assert_eq!(seen.header("cf-access-jwt-assertion"), Some(session.as_str()));
                assert!(reply.cookie_line().is_none(), "{reply:?}");
            }
        }
    }
}

async fn a_session_opens_no_other_application(world: &World) {
    let token = world.token().await;
    let policies = [service_auth(&[&token])];
    let (app, other) = (world.app(&policies).await, world.app(&policies).await);
    let session = world.gateway().session(&app, &token).await;
    for gateway in &world.gateways {
        for call in
            [gateway.get(&other.domain).cookie(&session), gateway.get(&other.domain).session(&session)]
        {
            assert_eq!(call.send().await.refused(401), "SESSION_AUDIENCE_WRONG");
        }
        gateway.get(&app.domain).cookie(&session).send().await.admitted();
    }
}

async fn a_session_ends_at_its_expiry(world: &World) {
    let (app, token) = world.opened_with(json!({"session_duration": "12s"})).await;
    let session = world.gateway().session(&app, &token).await;
    let claims = jwt::claims(&session);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 12);
    for gateway in &world.gateways {
        gateway.get(&app.domain).cookie(&session).send().await.admitted();
    }
    wait::reach(expiry(&session)).await;
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&app.domain).cookie(&session).send().await.refused(401), "SESSION_EXPIRED");
        assert_eq!(gateway.get(&app.domain).session(&session).send().await.refused(401), "SESSION_EXPIRED");
        // The pair obtains the next one.
        let next = gateway.session(&app, &token).await;
        assert!(expiry(&next) > expiry(&session));
    }
}

fn expiry(session: &str) -> Timestamp {
    Timestamp::from_millis(jwt::claims(session)["exp"].as_i64().unwrap() * 1000)
}

async fn a_policys_duration_wins_over_the_applications(world: &World) {
    let token = world.token().await;
    let length = async |app: &App| {
        let claims = jwt::claims(&world.gateway().session(app, &token).await);
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
    };
    let plain = service_auth(&[&token]);
    let mut own = plain.clone();
    own["session_duration"] = json!("15m");
    let app = world.app_with(json!({"session_duration": "2h", "policies": [own]})).await;
    assert_eq!(length(&app).await, 15 * 60);
    let app = world.app_with(json!({"session_duration": "2h", "policies": [plain]})).await;
    assert_eq!(length(&app).await, 2 * 3600);
    let app = world.app(&[plain]).await;
    assert_eq!(length(&app).await, 24 * 3600);
}

async fn a_session_of_no_duration_serves_one_request(world: &World) {
    let (app, token) = world.opened_with(json!({"session_duration": "0s"})).await;
    for gateway in &world.gateways {
        for _ in 0..2 {
            let reply = gateway.get(&app.domain).pair(&token).send().await;
            let assertion = reply.admitted().header("cf-access-jwt-assertion").unwrap().to_owned();
            assert!(reply.cookie_line().is_none(), "{reply:?}");
            world.secrets.note_session(&assertion);
        }
    }
}

async fn a_session_outlives_neither_its_token_nor_its_secret(world: &World) {
    let token = world.token_with(json!({"duration": "12s"})).await;
    let app = world.app(&[service_auth(&[&token])]).await;
    let session = world.gateway().session(&app, &token).await;
    wait::reach(wait::time(&token.shown["expires_at"])).await;
    for gateway in &world.gateways {
        let reason = gateway.get(&app.domain).cookie(&session).send().await.refused(401);
        assert!(reason.contains("EXPIRED"), "{reason}");
    }
}

async fn several_cookies_are_refused_unless_they_are_equal(world: &World) {
    let (app, token) = world.opened().await;
    let session = world.gateway().session(&app, &token).await;
    let get = || world.gateway().get(&app.domain);
    let differing = format!("CF_Authorization={session}; CF_Authorization=other");
    assert_eq!(get().header("cookie", &differing).send().await.refused(401), "CREDENTIAL_AMBIGUOUS");
    assert_eq!(get().cookie(&session).cookie("other").send().await.refused(401), "CREDENTIAL_AMBIGUOUS");
    let seen = get().cookie(&session).cookie(&session).send().await.admitted();
    assert!(seen.header("cookie").is_none(), "{seen:?}");
}

async fn a_session_that_is_not_one_is_refused(world: &World) {
    let (app, token) = world.opened().await;
    for junk in ["x", "a.b.c", "..", "eyJhbGciOiJSUzI1NiJ9.e30.", &"a".repeat(6000)] {
        let reply = world.gateway().get(&app.domain).session(junk).send().await;
        assert!(reply.refused(401).starts_with("SESSION_"), "{reply:?}");
    }
    // The pair wins over what a cookie jar sends along.
    world.gateway().get(&app.domain).pair(&token).cookie("x").send().await.admitted();
    let session = world.gateway().session(&app, &token).await;
    world.gateway().get(&app.domain).cookie(&session).send().await.admitted();
}
