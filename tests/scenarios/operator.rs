//! What `sallyport dev` itself promises, and what belongs to the whole account: each in a world of its own, over two
//! starts on one data directory.

use crate::alerts::{mail_comes_to, mails_to, watch};
use crate::keys::key_set;
use crate::worlds::{Run, Scenario};
use harness::process::Signal;
use harness::{App, Place, Token, Topology, World, client, jwt, policy, service_auth};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub fn all() -> Vec<Scenario> {
    vec![Scenario {
        name: "a_second_start_keeps_everything",
        run: Run::Alone(|topology| Box::pin(a_second_start_keeps_everything(topology))),
    }]
}

/// What the first start leaves to the second.
struct Kept {
    printed: Value,
    token: Token,
    session: String,
    deleted: Token,
    /// Sessions of a deleted token, of an application whose sessions were revoked, and under a revoked key.
    dead: Vec<(App, String)>,
    warned: String,
    keys: BTreeSet<String>,
}

async fn a_second_start_keeps_everything(topology: Topology) {
    let place = Place::new(topology);
    let mut world = place.start(None, &[]).await.unwrap();
    let api_token = world.rest.api_token.clone();
    what_is_printed_is_what_is_promised(&world);
    the_sample_application_shows_what_it_received(&world).await;
    a_strict_organization_hands_out_no_sessions(&world).await;
    unmatched_hosts_may_be_refused(&world).await;
    a_rotated_key_signs_and_the_one_before_still_verifies(&world).await;
    let under_revoked_key = a_revoked_key_ends_every_session_under_it(&world).await;
    the_official_sdk_completes_the_life_of_a_token(&world).await;
    let mut kept = something_happens(&world).await;
    kept.dead.push(under_revoked_key);
    assert_eq!(world.stop(Signal::INT).await, Vec::<String>::new());
    drop(world);

    let mut world = place.start(None, &[]).await.unwrap();
    what_was_revoked_stays_dead(&world, &kept).await;
    everything_is_as_it_was(&world, &kept).await;
    nobody_is_told_twice(&world, &kept).await;
    a_session_of_a_former_issuer_is_refused(&world, &kept).await;
    assert_eq!(world.stop(Signal::TERM).await, Vec::<String>::new());
    assert_eq!(place.leftovers(&api_token), Vec::<String>::new());
}

fn what_is_printed_is_what_is_promised(world: &World) {
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(is_hex(&world.rest.account_id, 32) && is_hex(&world.own_app().aud, 64), "{}", world.printed);
    assert!(
        world.rest.api_token.len() >= 32 && world.own_app().domain == "app.localhost",
        "{}",
        world.printed
    );
    assert!(world.own_token().client_secret.starts_with("spst_"));
    assert!(
        world.data_dir.is_dir() && std::path::Path::new(world.text("outbox")).starts_with(&world.data_dir)
    );
    let gateway = format!("http://{}", world.gateway().address);
    assert_eq!(world.text("gateway"), gateway);
    assert_eq!(world.issuer(), format!("http://team.localhost:{}", world.gateway().address.port()));
}

async fn the_sample_application_shows_what_it_received(world: &World) {
    let (app, token) = (world.own_app(), world.own_token());
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&app.domain).send().await.refused(401), "CREDENTIAL_MISSING");
        let reply =
            gateway.call(Method::POST, &app.domain, "/hello?x=1").pair(&token).body("a body").send().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let (echo, text) = (reply.json(), reply.text());
        assert_eq!(echo["method"], json!("POST"));
        assert!(
            text.contains("/hello") && text.contains("a body") && text.contains("cf-access-jwt-assertion"),
            "{text}"
        );
        assert!(!text.contains(&token.client_secret), "{text}");
        world.secrets.note_session(&reply.cookie().unwrap());
    }
}

async fn organization(world: &World, changes: Value) {
    let changed = world.rest.patch("access/organizations", &changes).await.result(200);
    let read = world.rest.get("access/organizations").await.result(200);
    for (field, value) in changes.as_object().unwrap() {
        assert_eq!((&changed[field], &read[field]), (value, value));
    }
}

async fn a_strict_organization_hands_out_no_sessions(world: &World) {
    let (app, token, other) = (world.own_app(), world.own_token(), world.token().await);
    let session = world.gateway().session(&app, &token).await;
    organization(world, json!({"strict_service_token_auth": true})).await;
    for gateway in &world.gateways {
        let get = || gateway.get(&app.domain);
        let reply = get().pair(&token).send().await;
        assert!(reply.status == 200 && reply.cookie_line().is_none(), "{reply:?}");
        assert_eq!(
            get().pair(&token.with_secret(&"d4".repeat(32))).send().await.refused(401),
            "TOKEN_UNKNOWN"
        );
        let beside = get().pair(&token.with_secret(&"d4".repeat(32))).cookie(&session).send().await;
        assert_eq!(beside.refused(401), "TOKEN_UNKNOWN", "a session beside wrong service headers is ignored");
        assert_eq!(get().pair(&other).send().await.refused(403), "POLICY_NO_MATCH");
    }
    organization(world, json!({"strict_service_token_auth": false})).await;
    for gateway in &world.gateways {
        gateway.session(&app, &token).await;
    }
}

async fn unmatched_hosts_may_be_refused(world: &World) {
    for (flag, status, reason) in [(true, 403, "UNMATCHED_DENIED"), (false, 404, "APPLICATION_NOT_FOUND")] {
        organization(world, json!({"deny_unmatched_requests": flag})).await;
        for gateway in &world.gateways {
            assert_eq!(gateway.get("nobody.test").send().await.refused(status), reason);
        }
    }
}

fn kids(key_set: &Value) -> BTreeSet<String> {
    key_set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn a_rotated_key_signs_and_the_one_before_still_verifies(world: &World) {
    let (app, token) = (world.own_app(), world.own_token());
    let kid = |session: &str| jwt::header(session)["kid"].as_str().unwrap().to_owned();
    let before = world.gateway().session(&app, &token).await;
    let published = kids(&key_set(world, world.gateway()).await);
    let settings = world.rest.get("access/keys").await.result(200);
    assert_eq!(settings["key_rotation_interval_days"], json!(42));
    world.rest.command("access/keys/rotate").await.result(200);
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&app.domain).cookie(&before).send().await.status, 200);
        // A gateway may go on with the session that it has for the pair; another application has none yet.
        let fresh = world.app(&[service_auth(&[&token])]).await;
        let after = gateway.session(&fresh, &token).await;
        assert!(
            kid(&after) != kid(&before) && published.contains(&kid(&after)),
            "the new key was published before it signed"
        );
        let now = kids(&key_set(world, gateway).await);
        assert!(now.contains(&kid(&before)) && now.contains(&kid(&after)), "{now:?}");
        for other in &world.gateways {
            assert_eq!(other.get(&fresh.domain).cookie(&after).send().await.status, 200);
        }
    }
    world.rest.put("access/keys", &json!({"key_rotation_interval_days": 20})).await.failure(400);
    let changed = world.rest.put("access/keys", &json!({"key_rotation_interval_days": 30})).await.result(200);
    assert_eq!(changed["key_rotation_interval_days"], json!(30));
}

/// A leaked private key: one command, and no gateway honours what it signed.
async fn a_revoked_key_ends_every_session_under_it(world: &World) -> (App, String) {
    // An application of its own: for another one a gateway may go on with a session under the key before.
    let token = world.own_token();
    let app = world.app(&[service_auth(&[&token])]).await;
    let session = world.gateway().session(&app, &token).await;
    let rest = &world.rest;
    let path = format!("/sallyport/v1/accounts/{}/keys/current/revoke", rest.account_id);
    let call = rest.client.call(rest.address, Method::POST, &path);
    let reply = call.header("authorization", &format!("Bearer {}", rest.api_token)).send().await;
    assert!(reply.header("sallyport-propagation").unwrap().contains("not_confirmed=0"), "{reply:?}");
    let revoked = reply.result(200);
    assert_eq!(revoked["kid"], jwt::header(&session)["kid"]);
    for gateway in &world.gateways {
        let reason = gateway.get(&app.domain).cookie(&session).send().await.refused(401);
        assert_eq!(reason, "SESSION_KEY_REVOKED");
        let fresh = gateway.session(&app, &token).await;
        assert_eq!(jwt::header(&fresh)["kid"], revoked["signing_kid"]);
        let now = kids(&key_set(world, gateway).await);
        assert!(!now.contains(revoked["kid"].as_str().unwrap()), "{now:?}");
        for other in &world.gateways {
            assert_eq!(other.get(&app.domain).cookie(&fresh).send().await.status, 200);
        }
    }
    (app, session)
}

async fn the_official_sdk_completes_the_life_of_a_token(world: &World) {
    let admin = format!("http://{}", world.rest.address);
    let settings = [
        ("SALLYPORT_ADMIN", admin.as_str()),
        ("SALLYPORT_ACCOUNT", &world.rest.account_id),
        ("SALLYPORT_API_TOKEN", &world.rest.api_token),
    ];
    client::python("token_life.py", &settings).await;
}

async fn something_happens(world: &World) -> Kept {
    let token = world.own_token();
    let any = policy("non_identity", &json!([{"any_valid_service_token": {}}]));
    let (app, deleted) = (world.app(&[any]).await, world.token().await);
    let of_deleted = world.gateway().session(&app, &deleted).await;
    world.rest.delete(&deleted.path()).await.result(200);
    let revoked = world.app(&[service_auth(&[&token])]).await;
    let of_revoked = world.gateway().session(&revoked, &token).await;
    world.rest.command(&format!("{}/revoke_tokens", revoked.path())).await.result(202);

    let warned = format!("{}@example.test", world.unique());
    let expiring = world.token_with(json!({"duration": "100h"})).await;
    watch(world, &[&expiring], &json!({"email": [{"id": warned}]})).await;
    assert_eq!(mail_comes_to(world, &warned).await.len(), 1);
    Kept {
        printed: world.printed.clone(),
        session: world.gateway().session(&world.own_app(), &token).await,
        token,
        deleted,
        dead: vec![(app, of_deleted), (revoked, of_revoked)],
        warned,
        keys: kids(&key_set(world, world.gateway()).await),
    }
}

/// The very first requests: nothing is warm, nothing was broadcast.
async fn what_was_revoked_stays_dead(world: &World, kept: &Kept) {
    for gateway in &world.gateways {
        for (app, session) in &kept.dead {
            let reason = gateway.get(&app.domain).cookie(session).send().await.refused(401);
            let reasons = ["TOKEN_DELETED", "SESSION_REVOKED", "SESSION_KEY_REVOKED"];
            assert!(reasons.contains(&reason.as_str()), "{reason}");
        }
        let reply = gateway.get(&kept.dead[0].0.domain).pair(&kept.deleted).send().await;
        assert_eq!(reply.refused(401), "TOKEN_UNKNOWN");
    }
}

async fn everything_is_as_it_was(world: &World, kept: &Kept) {
    for name in ["account_id", "api_token", "application", "team_domain", "admin", "gateway"] {
        assert_eq!(world.printed[name], kept.printed[name], "{name}");
    }
    let (token, before) = (&world.printed["service_token"], &kept.printed["service_token"]);
    assert_eq!((&token["id"], &token["client_id"]), (&before["id"], &before["client_id"]));
    assert!(token["client_secret"].is_null() && token.get("client_secret").is_some(), "{token}");
    let app = App::of(world.printed["application"].clone());
    for gateway in &world.gateways {
        assert_eq!(gateway.get(&app.domain).cookie(&kept.session).send().await.status, 200);
        gateway.session(&app, &kept.token).await;
        assert_eq!(kids(&key_set(world, gateway).await), kept.keys);
    }
    let settings = world.rest.get("access/keys").await.result(200);
    assert_eq!(settings["key_rotation_interval_days"], json!(30));
}

async fn nobody_is_told_twice(world: &World, kept: &Kept) {
    // Two rounds that were certainly after the restart.
    for _ in 0..2 {
        let address = format!("again-{}@example.test", world.unique());
        let expiring = world.token_with(json!({"duration": "100h"})).await;
        watch(world, &[&expiring], &json!({"email": [{"id": address}]})).await;
        mail_comes_to(world, &address).await;
    }
    assert_eq!(mails_to(world, &kept.warned).len(), 1);
}

async fn a_session_of_a_former_issuer_is_refused(world: &World, kept: &Kept) {
    let app = world.own_app();
    let domain = format!("elsewhere.localhost:{}", world.gateway().address.port());
    organization(world, json!({"auth_domain": domain})).await;
    for gateway in &world.gateways {
        let reason = gateway.get(&app.domain).cookie(&kept.session).send().await.refused(401);
        assert_eq!(reason, "SESSION_ISSUER_WRONG");
        let session = gateway.session(&app, &kept.token).await;
        assert_eq!(jwt::claims(&session)["iss"], json!(format!("http://{domain}")));
    }
}
