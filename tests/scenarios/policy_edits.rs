//! Item 5: an edit applies to the next request, on every gateway, also where everything is warm.

use crate::policies::group;
use crate::worlds::{Scenario, scenarios};
use harness::{App, Token, World, policy, service_auth};
use serde_json::{Value, json};

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        an_edited_policy_applies_to_the_next_request_on_every_gateway,
        an_edited_reusable_policy_applies_wherever_it_is_linked,
        an_edited_group_applies_through_every_policy_that_names_it,
        a_removed_policy_admits_nobody_any_more,
        a_new_block_policy_does_not_stop_service_auth,
        a_deleted_application_is_gone_at_once,
        a_moved_application_leaves_its_old_host_at_once,
    ]
}

/// A session at the application, and every gateway warm for it and for the pair.
async fn warm(world: &World, app: &App, token: &Token) -> String {
    let session = world.gateway().session(app, token).await;
    expect(world, app, token, &session, 200).await;
    expect(world, app, token, &session, 200).await;
    session
}

/// The same answer everywhere, right now.
async fn expect(world: &World, app: &App, token: &Token, session: &str, status: u16) {
    for gateway in &world.gateways {
        let get = || gateway.get(&app.domain);
        for call in [get().pair(token), get().cookie(session), get().session(session)] {
            let reply = call.send().await;
            assert_eq!(reply.status, status, "{reply:?}");
        }
    }
}

async fn change(world: &World, path: &str, body: &Value) {
    let reply = world.rest.put(path, body).await;
    reply.result(200);
    let propagation = reply.header("sallyport-propagation").unwrap();
    assert!(propagation.contains("not_confirmed=0"), "{propagation}");
}

async fn an_edited_policy_applies_to_the_next_request_on_every_gateway(world: &World) {
    let ((app, token), other) = (world.opened().await, world.token().await);
    let session = warm(world, &app, &token).await;
    for _ in 0..3 {
        change(world, &app.policy(0), &service_auth(&[&other])).await;
        expect(world, &app, &token, &session, 403).await;
        change(world, &app.policy(0), &service_auth(&[&token, &other])).await;
        expect(world, &app, &token, &session, 200).await;
    }
}

async fn an_edited_reusable_policy_applies_wherever_it_is_linked(world: &World) {
    let (token, other) = (world.token().await, world.token().await);
    let made = world.rest.post("access/policies", &service_auth(&[&token])).await.result(201);
    let apps = [world.app(&[made["id"].clone()]).await, world.app(&[made["id"].clone()]).await];
    let sessions = [warm(world, &apps[0], &token).await, warm(world, &apps[1], &token).await];
    let path = format!("access/policies/{}", made["id"].as_str().unwrap());
    for (rules, status) in [(service_auth(&[&other]), 403), (service_auth(&[&token]), 200)] {
        change(world, &path, &rules).await;
        for (app, session) in apps.iter().zip(&sessions) {
            expect(world, app, &token, session, status).await;
        }
    }
}

async fn an_edited_group_applies_through_every_policy_that_names_it(world: &World) {
    let (token, other) = (world.token().await, world.token().await);
    let (id, rule) = group(world, &json!({"include": [token.rule()]})).await;
    let (_, outer) = group(world, &json!({"include": [rule]})).await;
    let app = world.app(&[policy("non_identity", &json!([outer]))]).await;
    let session = warm(world, &app, &token).await;
    let path = format!("access/groups/{id}");
    for (rules, status) in [([other.rule()], 403), ([token.rule()], 200)] {
        change(world, &path, &json!({"name": "edited", "include": rules})).await;
        expect(world, &app, &token, &session, status).await;
    }
}

async fn a_removed_policy_admits_nobody_any_more(world: &World) {
    let (app, token) = world.opened().await;
    let session = warm(world, &app, &token).await;
    world.rest.delete(&app.policy(0)).await.result(202);
    expect(world, &app, &token, &session, 403).await;
}

async fn a_new_block_policy_does_not_stop_service_auth(world: &World) {
    let (app, token) = world.opened().await;
    let session = warm(world, &app, &token).await;
    let path = format!("{}/policies", app.path());
    world.rest.post(&path, &policy("deny", &json!([{"everyone": {}}]))).await.result(201);
    expect(world, &app, &token, &session, 200).await;
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&app.domain).send().await.refused(403), "POLICY_DENIED");
    }
}

async fn a_deleted_application_is_gone_at_once(world: &World) {
    let (app, token) = world.opened().await;
    let session = warm(world, &app, &token).await;
    world.rest.delete(&app.path()).await.result(202);
    expect(world, &app, &token, &session, 404).await;
    world.rest.get(&app.path()).await.failure(404);
    world.rest.delete(&app.path()).await.failure(404);
    // The host may be protected again, by another application with another audience.
    let next = world.app_with(json!({"domain": app.domain, "policies": [service_auth(&[&token])]})).await;
    assert_ne!(next.aud, app.aud);
    for gateway in &world.gateways {
        assert_eq!(
            gateway.get(&app.domain).cookie(&session).send().await.refused(401),
            "SESSION_AUDIENCE_WRONG"
        );
        gateway.get(&app.domain).pair(&token).send().await.admitted();
    }
}

async fn a_moved_application_leaves_its_old_host_at_once(world: &World) {
    let (app, token) = world.opened().await;
    let session = warm(world, &app, &token).await;
    let moved = App { domain: world.unique_host(), ..app.clone() };
    let body = json!({"type": "self_hosted", "domain": moved.domain, "name": "moved"});
    let shown = world.rest.put(&app.path(), &body).await.result(200);
    assert_eq!(
        (&shown["aud"], &shown["policies"][0]["id"]),
        (&json!(app.aud), &app.shown["policies"][0]["id"])
    );
    expect(world, &app, &token, &session, 404).await;
    expect(world, &moved, &token, &session, 200).await;
}
