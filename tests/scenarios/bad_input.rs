//! Bad input, and what it gets: 4xx in the envelope, with the pointer of the field; nothing half-written.

use crate::worlds::{Scenario, scenarios};
use harness::http::Reply;
use harness::{World, policy, service_auth};
use http::Method;
use serde_json::{Value, json};

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        nobody_manages_without_an_api_token,
        unknown_ids_are_not_found,
        wrong_fields_of_a_token_are_pointed_at,
        wrong_fields_of_an_application_are_pointed_at,
        wrong_fields_of_a_policy_are_pointed_at,
        wrong_fields_of_an_alert_are_pointed_at,
        nothing_is_half_written,
        a_domain_is_protected_once,
        a_body_that_is_no_object_is_refused,
        a_body_over_a_mebibyte_is_refused,
        an_empty_body_is_enough_for_a_command,
        unknown_fields_and_routes,
        a_long_token_name_ends_at_350_characters,
    ]
}

const NOBODY: &str = "5d3f6a9e-8f43-4c3b-9a30-54b1a4a7c001";

/// Refused because of this field.
fn pointed(reply: &Reply, pointer: &str) {
    reply.failure(400);
    let envelope = reply.json();
    let mut errors = envelope["errors"].as_array().unwrap().iter();
    assert!(errors.any(|error| error["source"]["pointer"] == json!(pointer)), "not {pointer}: {reply:?}");
}

async fn nobody_manages_without_an_api_token(world: &World) {
    let rest = &world.rest;
    let path = format!("/client/v4/accounts/{}/access/service_tokens", rest.account_id);
    let get = |path: &str| rest.client.call(rest.address, Method::GET, path);
    for (authorization, status) in
        [(None, 401), (Some("Bearer wrong"), 401), (Some("Basic eDp5"), 401), (Some("Bearer "), 401)]
    {
        let call =
            authorization.into_iter().fold(get(&path), |call, value| call.header("authorization", value));
        call.send().await.failure(status);
    }
    let elsewhere = format!("/client/v4/accounts/{}/access/service_tokens", "0".repeat(32));
    let bearer = format!("Bearer {}", rest.api_token);
    get(&elsewhere).header("authorization", &bearer).send().await.failure(403);
    get(&path).header("authorization", &bearer).send().await.result(200);
}

async fn unknown_ids_are_not_found(world: &World) {
    let rest = &world.rest;
    let token = json!({"name": "x"});
    let rules = policy("bypass", &json!([{"everyone": {}}]));
    let app = world.app(&[]).await;
    let alert = "0".repeat(32);
    for path in [
        format!("access/service_tokens/{NOBODY}"),
        format!("access/apps/{NOBODY}"),
        format!("access/apps/{NOBODY}/policies/{NOBODY}"),
        format!("access/apps/{}/policies/{NOBODY}", app.id),
        format!("access/policies/{NOBODY}"),
        format!("access/groups/{NOBODY}"),
        format!("alerting/v3/policies/{alert}"),
        format!("alerting/v3/destinations/webhooks/{alert}"),
    ] {
        rest.get(&path).await.failure(404);
        rest.delete(&path).await.failure(404);
    }
    rest.put(&format!("access/service_tokens/{NOBODY}"), &token).await.failure(404);
    rest.command(&format!("access/service_tokens/{NOBODY}/refresh")).await.failure(404);
    rest.command(&format!("access/service_tokens/{NOBODY}/rotate")).await.failure(404);
    rest.put(&format!("access/policies/{NOBODY}"), &rules).await.failure(404);
    rest.post(&format!("access/apps/{NOBODY}/policies"), &rules).await.failure(404);
    for id in ["not-a-uuid", "%00", "..%2f..", "x' OR '1'='1"] {
        let path = format!("access/service_tokens/{}", id.replace(' ', "%20"));
        let reply = rest.get(&path).await;
        assert!((400..500).contains(&reply.status), "{reply:?}");
    }
}

async fn wrong_fields_of_a_token_are_pointed_at(world: &World) {
    let token = world.token().await;
    for (body, pointer) in [
        (json!({}), "/name"),
        (json!({"name": null}), "/name"),
        (json!({"name": 5}), "/name"),
        (json!({"name": ["x"]}), "/name"),
        (json!({"name": ""}), "/name"),
        (json!({"name": "x".repeat(5000)}), "/name"),
        (json!({"name": "a\nb"}), "/name"),
        (json!({"name": "a\u{0}b"}), "/name"),
        (json!({"name": "x", "duration": "-1h"}), "/duration"),
        (json!({"name": "x", "duration": "1y"}), "/duration"),
        (json!({"name": "x", "duration": ""}), "/duration"),
        (json!({"name": "x", "duration": "99999999999h"}), "/duration"),
        (json!({"name": "x", "duration": "1e9h"}), "/duration"),
        (json!({"name": "x", "duration": "0s"}), "/duration"),
        (json!({"name": "x", "duration": 3600}), "/duration"),
        (json!({"name": "x", "enabled": "yes"}), "/enabled"),
        (json!({"name": "x", "client_secret_version": 1.5}), "/client_secret_version"),
        (json!({"name": "x", "client_secret_version": 0}), "/client_secret_version"),
        (
            json!({"name": "x", "previous_client_secret_expires_at": "tomorrow"}),
            "/previous_client_secret_expires_at",
        ),
    ] {
        pointed(&world.rest.post("access/service_tokens", &body).await, pointer);
        if pointer != "/name" || !body["name"].is_null() {
            pointed(&world.rest.put(&token.path(), &body).await, pointer);
        }
    }
    let rotate = format!("{}/rotate", token.path());
    let wrong = json!({"previous_client_secret_expires_at": "soon"});
    pointed(&world.rest.post(&rotate, &wrong).await, "/previous_client_secret_expires_at");
    let shown = world.rest.get(&token.path()).await.result(200);
    assert_eq!((&shown["name"], &shown["client_secret_version"]), (&json!(token.name), &json!(1)));
}

async fn wrong_fields_of_an_application_are_pointed_at(world: &World) {
    let host = world.unique_host();
    for (fields, pointer) in [
        (json!({"domain": null}), "/domain"),
        (json!({"domain": 7}), "/domain"),
        (json!({"domain": ""}), "/domain"),
        (json!({"domain": format!("{host}:8080")}), "/domain"),
        (json!({"domain": format!("{host}/x?y=1")}), "/domain"),
        (json!({"domain": format!("{host}/x#y")}), "/domain"),
        (json!({"domain": format!("https://{host}")}), "/domain"),
        (json!({"domain": format!("user@{host}")}), "/domain"),
        (json!({"domain": format!("**.{host}")}), "/domain"),
        (json!({"domain": format!("{}.test", "a".repeat(70))}), "/domain"),
        (json!({"domain": host, "type": null}), "/type"),
        (json!({"domain": host, "type": "saas"}), "/type"),
        (json!({"domain": host, "name": "x".repeat(5000)}), "/name"),
        (json!({"domain": host, "name": "tab\there"}), "/name"),
        (json!({"domain": host, "session_duration": "-1h"}), "/session_duration"),
        (json!({"domain": host, "session_duration": "1y"}), "/session_duration"),
        (json!({"domain": host, "session_duration": "721h"}), "/session_duration"),
        (json!({"domain": host, "same_site_cookie_attribute": "loose"}), "/same_site_cookie_attribute"),
        (
            json!({"domain": host, "read_service_tokens_from_header": "no header"}),
            "/read_service_tokens_from_header",
        ),
        (json!({"domain": host, "policies": [NOBODY]}), "/policies/0"),
        (json!({"domain": host, "policies": {}}), "/policies"),
        (json!({"domain": host, "policies": [5]}), "/policies/0"),
        (
            json!({"domain": host, "destinations": [{"type": "public", "uri": host}, {"type": "public", "uri": "x:1"}]}),
            "/destinations/1/uri",
        ),
    ] {
        pointed(&world.try_app(fields).await, pointer);
    }
    assert_eq!(world.gateway().get(&host).send().await.status, 404);
}

async fn wrong_fields_of_a_policy_are_pointed_at(world: &World) {
    let app = world.app(&[]).await;
    let everyone = json!([{"everyone": {}}]);
    let of = |include: Value| policy("non_identity", &include);
    let with = |field: &str, value: Value| {
        let mut body = of(everyone.clone());
        body[field] = value;
        body
    };
    for (body, pointer) in [
        (of(json!([])), "/include"),
        (with("include", Value::Null), "/include"),
        (with("include", json!({})), "/include"),
        (with("name", json!("")), "/name"),
        (with("name", Value::Null), "/name"),
        (with("decision", json!("admit")), "/decision"),
        (with("decision", Value::Null), "/decision"),
        (with("session_duration", json!("1y")), "/session_duration"),
        (with("exclude", json!([{"ip": {"ip": "300.1.2.3"}}])), "/exclude/0/ip/ip"),
        (of(json!([{"everyone": {}}, {"ip": {"ip": "10.0.0.0/33"}}])), "/include/1/ip/ip"),
        (of(json!([{"ip": {"ip": "10.0.0.0/-1"}}])), "/include/0/ip/ip"),
        (of(json!([{"ip": {"ip": 10}}])), "/include/0/ip/ip"),
        (of(json!([{"no_such_selector": {}}])), "/include/0"),
        (of(json!([{"everyone": {}, "certificate": {}}])), "/include/0"),
        (of(json!(["everyone"])), "/include/0"),
        (of(json!([{"geo": {"country_code": "Portugal"}}])), "/include/0/geo/country_code"),
        (of(json!([{"service_token": {"token_id": "a name"}}])), "/include/0/service_token/token_id"),
        (of(json!([{"service_token": {"token_id": NOBODY}}])), "/include/0/service_token/token_id"),
        (of(json!([{"group": {"id": NOBODY}}])), "/include/0/group/id"),
        (of(json!([{"email": {"email": "nobody"}}])), "/include/0/email/email"),
    ] {
        pointed(&world.rest.post("access/policies", &body).await, pointer);
        pointed(&world.rest.post(&format!("{}/policies", app.path()), &body).await, pointer);
        let nested = world.try_app(json!({"policies": [body]})).await;
        pointed(&nested, &format!("/policies/0{pointer}"));
    }
    let login = policy("bypass", &json!([{"email": {"email": "a@example.test"}}]));
    world.rest.post("access/policies", &login).await.failure(400);
    let shown = world.rest.get(&app.path()).await.result(200);
    assert_eq!(shown["policies"], json!([]));
}

async fn wrong_fields_of_an_alert_are_pointed_at(world: &World) {
    let good = json!({
        "name": world.unique(), "alert_type": "expiring_service_token_alert", "enabled": true,
        "mechanisms": {"email": [{"id": "a@example.test"}]}, "filters": {"token_id": [NOBODY]},
    });
    for (field, value, pointer) in [
        ("name", Value::Null, "/name"),
        ("name", json!(""), "/name"),
        ("alert_type", json!("other_alert"), "/alert_type"),
        ("enabled", json!("on"), "/enabled"),
        ("mechanisms", Value::Null, "/mechanisms"),
        ("mechanisms", json!({"email": ["a@example.test"]}), "/mechanisms/email/0"),
        ("mechanisms", json!({"email": [{"id": "a\r\nBcc: b@example.test"}]}), "/mechanisms/email/0/id"),
        ("mechanisms", json!({"webhooks": [{"id": "0".repeat(32)}]}), "/mechanisms/webhooks/0/id"),
        ("filters", json!({"token_id": "x"}), "/filters/token_id"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        pointed(&world.rest.post("alerting/v3/policies", &body).await, pointer);
    }
    let webhooks = "alerting/v3/destinations/webhooks";
    for url in ["", "ftp://example.test", "no url", "http://"] {
        pointed(&world.rest.post(webhooks, &json!({"name": "x", "url": url})).await, "/url");
    }
    pointed(&world.rest.post(webhooks, &json!({"url": "http://127.0.0.1:9"})).await, "/name");
    let listed = world.rest.get("alerting/v3/policies").await.result(200);
    assert!(!listed.to_string().contains(good["name"].as_str().unwrap()));
}

async fn nothing_is_half_written(world: &World) {
    let (host, name) = (world.unique_host(), world.unique());
    let good = policy("bypass", &json!([{"everyone": {}}]));
    let mut named = good.clone();
    named["name"] = json!(name);
    let bad = policy("bypass", &json!([{"ip": {"ip": "nowhere"}}]));
    pointed(
        &world.try_app(json!({"domain": host, "policies": [named, good, bad]})).await,
        "/policies/2/include/0/ip/ip",
    );
    assert_eq!(world.gateway().get(&host).send().await.status, 404);
    for list in ["access/apps", "access/policies"] {
        let listed = world.rest.get(list).await.result(200).to_string();
        assert!(!listed.contains(&host) && !listed.contains(&name), "{list}");
    }
    // Also an update: the application keeps all it had.
    let (app, token) = world.opened().await;
    let update = json!({"type": "self_hosted", "domain": app.domain, "name": name, "policies": [bad]});
    world.rest.put(&app.path(), &update).await.failure(400);
    assert_eq!(world.rest.get(&app.path()).await.result(200), app.shown);
    world.gateway().get(&app.domain).pair(&token).send().await.admitted();
}

async fn a_domain_is_protected_once(world: &World) {
    let host = world.unique_host();
    let app = world.app_with(json!({"domain": format!("{host}/x")})).await;
    for same in [format!("{host}/x"), format!("{}/x/", host.to_ascii_uppercase())] {
        let reply = world.try_app(json!({"domain": same})).await;
        let refusal = reply.failure(409);
        assert!(refusal["message"].as_str().unwrap().contains("application_already_exists"), "{refusal}");
        assert_eq!(reply.header("x-should-retry"), Some("false"));
    }
    let other = world.app_with(json!({"domain": format!("{host}/y")})).await;
    let body = json!({"type": "self_hosted", "domain": app.domain});
    world.rest.put(&other.path(), &body).await.failure(409);
    assert_eq!(world.rest.get(&other.path()).await.result(200), other.shown);
}

async fn a_body_that_is_no_object_is_refused(world: &World) {
    for path in
        ["access/service_tokens", "access/apps", "access/policies", "access/groups", "alerting/v3/policies"]
    {
        for body in [
            "",
            "{",
            "{\"name\":",
            "null",
            "[]",
            "5",
            "\"x\"",
            "name=x",
            "{\"name\": \"\u{1}\"}",
            "\u{feff}{}",
            "{} {}",
        ] {
            let call = world.rest.call(Method::POST, path).header("content-type", "application/json");
            call.body(body.to_owned()).send().await.failure(400);
        }
        let call =
            world.rest.call(Method::POST, path).body(vec![b'{', b'"', 0xff, 0xfe, b'"', b':', b'1', b'}']);
        call.send().await.failure(400);
    }
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    world.rest.call(Method::POST, "access/service_tokens").body(deep).send().await.failure(400);
}

async fn a_body_over_a_mebibyte_is_refused(world: &World) {
    let large = json!({"name": "x".repeat(1 << 20)}).to_string();
    let reply = world.rest.call(Method::POST, "access/service_tokens").body(large).send().await;
    assert!((400..500).contains(&reply.status), "{reply:?}");
    reply.failure(413);
    let name = world.unique();
    let padded = format!("{}{}", json!({"name": name}), " ".repeat(1_000_000));
    let reply = world.rest.call(Method::POST, "access/service_tokens").body(padded).send().await;
    let made = reply.result(201);
    world.secrets.note_all(&made);
}

async fn an_empty_body_is_enough_for_a_command(world: &World) {
    let token = world.token().await;
    for command in ["refresh", "rotate"] {
        let path = format!("{}/{command}", token.path());
        for body in ["", "{}", " "] {
            let call = world.rest.call(Method::POST, &path).header("content-type", "application/json");
            let reply = call.body(body).send().await;
            world.secrets.note_all(&reply.result(200));
        }
    }
}

async fn unknown_fields_and_routes(world: &World) {
    let body = json!({
        "name": world.unique(), "id": NOBODY, "client_id": "mine", "account_id": "0".repeat(32),
        "expires_at": "2100-01-01T00:00:00Z", "created_at": 5, "colour": {"deep": ["blue"]},
    });
    let made = world.rest.post("access/service_tokens", &body).await.result(201);
    assert!(
        made["id"] != json!(NOBODY) && made["client_id"] != json!("mine") && made.get("colour").is_none(),
        "{made}"
    );
    assert!(made["expires_at"] != body["expires_at"], "{made}");
    world.rest.get("access/no_such_thing").await.failure(404);
    world.rest.patch("access/service_tokens", &json!({})).await.failure(405);
    let rest = &world.rest;
    rest.client.call(rest.address, Method::GET, "/client/v4/elsewhere").send().await.failure(404);
}

async fn a_long_token_name_ends_at_350_characters(world: &World) {
    let longest = "é".repeat(350);
    let token = world.token_with(json!({"name": longest})).await;
    assert_eq!(world.rest.get(&token.path()).await.result(200)["name"], json!(longest));
    let app = world.app(&[service_auth(&[&token])]).await;
    world.gateway().get(&app.domain).pair(&token).send().await.admitted();
    pointed(&world.rest.post("access/service_tokens", &json!({"name": "é".repeat(351)})).await, "/name");
}
