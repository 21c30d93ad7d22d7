//! Items 8 and 9: what is revoked is dead on every gateway when the answer arrives.

use crate::policies::group;
use crate::worlds::{Scenario, scenarios};
use harness::{App, Token, World, jwt, policy, service_auth};
use http::Method;
use serde_json::json;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        a_deleted_token_and_its_sessions_are_dead_on_every_gateway,
        a_token_that_a_policy_names_cannot_be_deleted,
        a_token_that_a_group_names_cannot_be_deleted,
        a_token_that_nobody_names_any_more_can_be_deleted,
        revoking_an_applications_tokens_ends_every_session_and_no_pair,
        revoking_twice_in_a_second_is_judged_rightly,
        one_revoked_session_is_dead_on_every_gateway_and_no_other_is,
        a_request_in_flight_is_not_admitted_after_the_deletion,
    ]
}

/// An application that any token opens, so that the token can be deleted.
async fn open_to_any(world: &World) -> (App, Token) {
    let any = policy("non_identity", &json!([{"any_valid_service_token": {}}]));
    (world.app(&[any]).await, world.token().await)
}

async fn a_deleted_token_and_its_sessions_are_dead_on_every_gateway(world: &World) {
    for _ in 0..3 {
        let (app, token) = open_to_any(world).await;
        let mut sessions = Vec::new();
        for gateway in &world.gateways {
            sessions.push(gateway.session(&app, &token).await);
        }
        for gateway in &world.gateways {
            gateway.get(&app.domain).pair(&token).send().await.admitted();
            for session in &sessions {
                gateway.get(&app.domain).cookie(session).send().await.admitted();
            }
        }
        let before = world.upstream().requests_to(&app.domain).len();
        let reply = world.rest.delete(&token.path()).await;
        assert_eq!(reply.result(200)["id"], json!(token.id));
        for gateway in &world.gateways {
            for session in &sessions {
                let get = || gateway.get(&app.domain);
                for call in [get().cookie(session), get().session(session)] {
                    assert_eq!(call.send().await.refused(401), "TOKEN_DELETED");
                }
            }
            assert_eq!(gateway.get(&app.domain).pair(&token).send().await.refused(401), "TOKEN_UNKNOWN");
        }
        assert_eq!(world.upstream().requests_to(&app.domain).len(), before);
        world.rest.get(&token.path()).await.failure(404);
        world.rest.delete(&token.path()).await.failure(404);
        for gone in ["rotate", "refresh"] {
            world.rest.command(&format!("{}/{gone}", token.path())).await.failure(404);
        }
    }
}

async fn a_token_that_a_policy_names_cannot_be_deleted(world: &World) {
    let token = world.token().await;
    let (first, second) = (world.unique(), world.unique());
    let named = |name: &str| {
        let mut policy = service_auth(&[&token]);
        policy["name"] = json!(name);
        policy
    };
    let app = world.app(&[named(&first)]).await;
    world.rest.post("access/policies", &named(&second)).await.result(201);
    let refusal = world.rest.delete(&token.path()).await.failure(409);
    let message = refusal["message"].as_str().unwrap();
    assert!(message.contains(&first) && message.contains(&second), "{message}");
    for gateway in &world.gateways {
        gateway.get(&app.domain).pair(&token).send().await.admitted();
    }
    assert_eq!(world.rest.get(&token.path()).await.result(200)["enabled"], json!(true));
}

async fn a_token_that_a_group_names_cannot_be_deleted(world: &World) {
    let token = world.token().await;
    let (id, _) = group(world, &json!({"include": [{"everyone": {}}], "exclude": [token.rule()]})).await;
    let refusal = world.rest.delete(&token.path()).await.failure(409);
    assert!(refusal["message"].as_str().unwrap().contains(&id), "{refusal}");
    world.rest.delete(&format!("access/groups/{id}")).await.result(202);
    world.rest.delete(&token.path()).await.result(200);
}

async fn a_token_that_nobody_names_any_more_can_be_deleted(world: &World) {
    let other = world.token().await;
    let tokens = [world.token().await, world.token().await, world.token().await];
    let edited = world.app(&[service_auth(&[&tokens[0]])]).await;
    world.rest.put(&edited.policy(0), &service_auth(&[&other])).await.result(200);
    let replaced = world.app(&[service_auth(&[&tokens[1]])]).await;
    let body =
        json!({"type": "self_hosted", "domain": replaced.domain, "policies": [service_auth(&[&other])]});
    world.rest.put(&replaced.path(), &body).await.result(200);
    let deleted = world.app(&[service_auth(&[&tokens[2]])]).await;
    world.rest.delete(&deleted.path()).await.result(202);
    for token in &tokens {
        world.rest.delete(&token.path()).await.result(200);
    }
    world.rest.delete(&other.path()).await.failure(409);
}

async fn revoking_an_applications_tokens_ends_every_session_and_no_pair(world: &World) {
    let token = world.token().await;
    let policies = [service_auth(&[&token])];
    let (app, other) = (world.app(&policies).await, world.app(&policies).await);
    let (session, elsewhere) =
        (world.gateway().session(&app, &token).await, world.gateway().session(&other, &token).await);
    for gateway in &world.gateways {
        gateway.get(&app.domain).cookie(&session).send().await.admitted();
        gateway.get(&other.domain).cookie(&elsewhere).send().await.admitted();
    }
    let result = world.rest.command(&format!("{}/revoke_tokens", app.path())).await.result(202);
    assert_eq!(result, json!({}));
    for gateway in &world.gateways {
        for call in [gateway.get(&app.domain).cookie(&session), gateway.get(&app.domain).session(&session)] {
            assert_eq!(call.send().await.refused(401), "SESSION_REVOKED");
        }
        gateway.get(&other.domain).cookie(&elsewhere).send().await.admitted();
        let next = gateway.session(&app, &token).await;
        assert_ne!(next, session);
        for again in &world.gateways {
            again.get(&app.domain).cookie(&next).send().await.admitted();
        }
    }
    let unknown = "access/apps/5d3f6a9e-8f43-4c3b-9a30-54b1a4a7c001/revoke_tokens";
    world.rest.command(unknown).await.failure(404);
}

/// Sessions of the same second on both sides of a revocation: positions decide, not the clock.
async fn revoking_twice_in_a_second_is_judged_rightly(world: &World) {
    let (app, token) = world.opened().await;
    let mut dead: Vec<String> = Vec::new();
    for _ in 0..4 {
        let session = world.gateway().session(&app, &token).await;
        for gateway in &world.gateways {
            gateway.get(&app.domain).cookie(&session).send().await.admitted();
            for dead in &dead {
                assert_eq!(
                    gateway.get(&app.domain).cookie(dead).send().await.refused(401),
                    "SESSION_REVOKED"
                );
            }
        }
        world.rest.command(&format!("{}/revoke_tokens", app.path())).await.result(202);
        dead.push(session);
    }
}

/// G1 of one session, by its id and by itself; the others of its token go on.
async fn one_revoked_session_is_dead_on_every_gateway_and_no_other_is(world: &World) {
    let (app, token) = world.opened().await;
    let named = &world.gateway().session(&app, &token).await;
    let id = jwt::claims(named)["sallyport"]["sid"].as_str().unwrap().to_owned();
    let revoke = async |body: serde_json::Value| {
        world.rest.call_own(Method::POST, "sessions/revoke").json(&body).send().await
    };
    for gateway in &world.gateways {
        gateway.get(&app.domain).cookie(named).send().await.admitted();
    }
    let answer = revoke(json!({"session_id": id})).await;
    assert_eq!(answer.result(200), json!({"session_id": id}));
    assert!(answer.header("sallyport-propagation").unwrap().contains("not_confirmed=0"), "{answer:?}");
    for gateway in &world.gateways {
        for call in [gateway.get(&app.domain).cookie(named), gateway.get(&app.domain).session(named)] {
            assert_eq!(call.send().await.refused(401), "SESSION_REVOKED");
        }
    }
    let (first, second) = (
        world.gateway().session(&app, &token).await,
        world.gateways.last().unwrap().session(&app, &token).await,
    );
    let other = world.opened().await;
    let elsewhere = world.gateway().session(&other.0, &other.1).await;
    let answer = revoke(json!({"session_jwt": first})).await;
    let id = jwt::claims(&first)["sallyport"]["sid"].clone();
    assert_eq!(answer.result(200), json!({"session_id": id}));
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&app.domain).cookie(&first).send().await.refused(401), "SESSION_REVOKED");
        gateway.get(&other.0.domain).cookie(&elsewhere).send().await.admitted();
        if second != first {
            gateway.get(&app.domain).cookie(&second).send().await.admitted();
        }
    }
    // The token is as good as before.
    for gateway in &world.gateways {
        let next = gateway.session(&app, &token).await;
        assert_ne!(next, first);
        gateway.get(&app.domain).cookie(&next).send().await.admitted();
    }
    let foreign = format!("{}x", first.rsplit_once('.').unwrap().0);
    revoke(json!({"session_jwt": foreign})).await.failure(400);
}

async fn a_request_in_flight_is_not_admitted_after_the_deletion(world: &World) {
    let (app, token) = open_to_any(world).await;
    let gateway = world.gateways.last().unwrap();
    // Exchanges that begin before, during and after.
    let hammering = async {
        let mut sessions = Vec::new();
        loop {
            let reply = gateway.get(&app.domain).pair(&token).send().await;
            if reply.status != 200 {
                return sessions;
            }
            sessions.extend(reply.cookie());
        }
    };
    let deleting = async {
        gateway.get(&app.domain).pair(&token).send().await.admitted();
        world.rest.delete(&token.path()).await.result(200);
        for gateway in &world.gateways {
            assert_eq!(gateway.get(&app.domain).pair(&token).send().await.status, 401);
        }
    };
    let (sessions, ()) = tokio::join!(hammering, deleting);
    assert!(!sessions.is_empty());
    for session in &sessions {
        world.secrets.note_session(session);
        for gateway in &world.gateways {
            assert_eq!(gateway.get(&app.domain).cookie(session).send().await.refused(401), "TOKEN_DELETED");
        }
    }
}
