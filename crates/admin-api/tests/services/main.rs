//! The REST API in front of the real services.

#[cfg(test)]
mod any_body;
#[cfg(test)]
mod api_tokens;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod boundaries;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod failure_modes;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod management;
#[cfg(test)]
mod policy_test;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod session_signatures;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod world;
#[cfg(test)]
mod zones;

use serde_json::{Value, json};
use world::World;

pub fn policy(name: &str, include: impl Into<Value>) -> Value {
    json!({"name": name, "decision": "non_identity", "include": include.into()})
}

pub fn app(domain: &str, policies: impl Into<Value>) -> Value {
    json!({"type": "self_hosted", "domain": domain, "policies": policies.into()})
}

#[tokio::test]
async fn a_token_lives_and_dies() {
    let world = World::start().await;
    let created = world.post("access/service_tokens", json!({"name": "ci", "duration": null})).await;
    assert_eq!(created.status, 201, "{}", created.envelope);
    let path = format!("access/service_tokens/{}", created.id());
    let secret = created.result()["client_secret"].clone();
    assert!(secret.as_str().unwrap().starts_with("spst_"));
    assert_eq!(created.header("cache-control"), "no-store");

    let read = world.get(&path).await;
    assert_eq!(read.result()["duration"], "8760h");
    assert_eq!(read.result().get("client_secret"), None);

    let ends = "2099-01-01T00:00:00.120000+00:00";
    let rotated =
        world.post(&format!("{path}/rotate"), json!({"previous_client_secret_expires_at": ends})).await;
    assert_eq!(rotated.status, 200, "{}", rotated.envelope);
    assert_ne!(rotated.result()["client_secret"], secret);
    assert_eq!(rotated.result()["previous_client_secret_expires_at"], "2099-01-01T00:00:00.12Z");
    assert_eq!(rotated.result()["client_secret_version"], 2);
    assert_eq!(rotated.result()["client_id"], created.result()["client_id"]);
    assert!(rotated.header("sallyport-propagation").starts_with("position="));

    let bumped = world.put(&path, json!({"client_secret_version": 3, "name": null, "id": 7})).await;
    assert!(bumped.result()["client_secret"].is_string(), "{}", bumped.envelope);
    assert_eq!(
        world.put(&path, json!({"client_secret_version": 1})).await.refusal().2,
        "/client_secret_version"
    );
    assert_eq!(world.put(&path, json!({"enabled": false})).await.result()["enabled"], false);
    let refreshed = world.post(&format!("{path}/refresh"), Value::Null).await;
    assert_eq!((refreshed.status, refreshed.result().get("client_secret")), (200, None));

    let page = world.get("access/service_tokens?page=2").await;
    assert_eq!(page.result(), &json!([]));
    let info = json!({"page": 2, "per_page": 1000, "count": 0, "total_count": 1, "total_pages": 1});
    assert_eq!(page.envelope["result_info"], info);

    let deleted = world.delete(&format!("{path}?wait=none")).await;
    assert_eq!((deleted.status, deleted.id()), (200, created.id()));
    for (method, path) in [("GET", &path), ("DELETE", &path), ("POST", &format!("{path}/refresh"))] {
        let gone = world.ask(world::ACCOUNT, method, path, &Value::Null).await;
        assert_eq!(gone.refusal(), (404, 12_135, ""), "{method}");
        assert!(gone.message().contains("not_found"));
    }
    world.end().await;
}

#[tokio::test]
async fn an_application_and_its_policies() {
    let world = World::start().await;
    let token = world.post("access/service_tokens", json!({"name": "ci"})).await.id();
    for tag in ["a", "b"] {
        world.post("access/tags", json!({"name": tag})).await;
    }
    let rules = json!([{"service_token": {"token_id": token}}, {"ip": {"ip": "10.0.0.1"}}]);
    let mut body = app("app.example.com", json!([policy("machines", rules.clone())]));
    body["cors_headers"] = json!({"allowed_origins": ["https://x.example.com"]});
    body["mfa_config"] = json!({"mfa_disabled": true});
    body["tags"] = json!(["b", "a"]);
    let created = world.post("access/apps", body.clone()).await;
    assert_eq!(created.status, 201, "{}", created.envelope);
    let said = created.envelope["messages"][0]["message"].as_str().unwrap();
    assert!(said.contains("mfa_config") && !said.contains("cors_headers"), "{said}");
    let path = format!("access/apps/{}", created.id());
    let shown = created.result();
    assert_eq!(shown["destinations"], json!([{"type": "public", "uri": "app.example.com"}]));
    assert_eq!(shown["self_hosted_domains"], json!(["app.example.com"]));
    assert_eq!(shown["aud"].as_str().unwrap().len(), 64);
    assert_eq!((&shown["uid"], &shown["session_duration"]), (&shown["id"], &json!("24h")));
    assert_eq!((&shown["cors_headers"], &shown["tags"]), (&body["cors_headers"], &json!(["a", "b"])));
    let own = &shown["policies"][0];
    assert_eq!((&own["include"], &own["reusable"], &own["exclude"]), (&rules, &json!(false), &json!([])));
    assert_eq!(world.get(&path).await.result(), shown);
    let by_domain = world.get("access/apps?domain=app.example.com").await;
    assert_eq!(by_domain.result(), &json!([shown]));
    assert_eq!(world.get("access/apps?name=app&exact=false").await.envelope["result_info"]["total_count"], 1);

    // Omitted fields are reset, policies are kept.
    let replaced =
        world.put(&path, json!({"type": "self_hosted", "domain": "app.example.com", "policies": null})).await;
    assert_eq!(replaced.status, 200, "{}", replaced.envelope);
    assert_eq!((replaced.result().get("cors_headers"), &replaced.result()["tags"]), (None, &json!([])));
    assert_eq!(replaced.result()["policies"][0]["id"], own["id"]);
    // What a client reads it may send back.
    let echoed = world.put(&path, replaced.result().clone()).await;
    assert_eq!(echoed.result()["policies"][0]["include"], rules, "{}", echoed.envelope);

    let second = world.post(&format!("{path}/policies"), policy("second", json!([{"everyone": {}}]))).await;
    assert_eq!(second.status, 201, "{}", second.envelope);
    assert!(second.result()["precedence"].as_i64() > own["precedence"].as_i64());
    let listed = world.get(&format!("{path}/policies")).await;
    assert_eq!(listed.envelope["result_info"]["total_count"], 2);
    let second_path = format!("{path}/policies/{}", second.id());
    let renamed = world.put(&second_path, policy("renamed", json!([{"certificate": {}}]))).await;
    assert_eq!(
        (&renamed.result()["name"], &renamed.result()["include"]),
        (&json!("renamed"), &json!([{"certificate": {}}]))
    );
    assert_eq!(world.get(&second_path).await.result()["name"], "renamed");
    let removed = world.delete(&second_path).await;
    assert_eq!((removed.status, removed.result()), (202, &json!({"id": second.id()})));
    assert_eq!(world.get(&second_path).await.status, 404);

    let in_use = world.delete(&format!("access/service_tokens/{token}")).await;
    assert_eq!((in_use.status, in_use.header("x-should-retry")), (409, "false"));
    assert!(in_use.message().contains("machines"), "{}", in_use.message());

    let revoked = world.post(&format!("{path}/revoke_tokens"), Value::Null).await;
    assert_eq!((revoked.status, revoked.result()), (202, &json!({})));
    assert_eq!(world.delete(&path).await.status, 202);
    assert_eq!(world.get(&path).await.refusal(), (404, 12_135, ""));
    assert_eq!(world.post(&format!("{path}/revoke_tokens"), Value::Null).await.status, 404);
    assert_eq!(world.delete(&format!("access/service_tokens/{token}")).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn reusable_policies_and_groups_are_kept_while_they_are_used() {
    let world = World::start().await;
    let group = json!({"name": "office", "include": [{"ip": {"ip": "192.0.2.0/24"}}], "is_default": false});
    let group = world.post("access/groups", group).await;
    assert_eq!((group.status, group.result().get("is_default")), (201, None), "{}", group.envelope);
    let mut body = policy("reusable", json!([{"group": {"id": group.id()}}]));
    body["session_duration"] = json!("24h");
    body["approval_required"] = json!(false);
    let reusable = world.post("access/policies", body).await;
    assert_eq!(reusable.status, 201, "{}", reusable.envelope);
    assert_eq!((&reusable.result()["reusable"], reusable.result().get("precedence")), (&json!(true), None));

    let links = json!([{"id": reusable.id(), "precedence": 5}]);
    let linking = world.post("access/apps", app("linked.example.com", links)).await;
    assert_eq!(linking.result()["policies"][0]["precedence"], 5, "{}", linking.envelope);
    let found = world.get(&format!("access/policies/{}", reusable.id())).await;
    assert_eq!(found.result()["app_count"], 1);

    let kept = world.delete(&format!("access/policies/{}", reusable.id())).await;
    assert_eq!((kept.status, kept.header("x-should-retry")), (409, "false"));
    let kept = world.delete(&format!("access/groups/{}", group.id())).await;
    assert!(kept.status == 409 && kept.message().contains("reusable"), "{}", kept.message());
    let path = format!("access/apps/{}", linking.id());
    assert_eq!(world.put(&path, app("linked.example.com", json!([]))).await.result()["policies"], json!([]));
    assert_eq!(world.delete(&format!("access/policies/{}", reusable.id())).await.status, 202);
    let renamed = json!({"name": "home", "include": [{"geo": {"country_code": "PT"}}]});
    assert_eq!(world.put(&format!("access/groups/{}", group.id()), renamed).await.result()["name"], "home");
    assert_eq!(world.get("access/groups?search=HOM").await.envelope["result_info"]["total_count"], 1);
    assert_eq!(world.delete(&format!("access/groups/{}", group.id())).await.status, 202);
    world.end().await;
}

#[tokio::test]
async fn the_organization_is_merged_and_its_keys_rotate_by_an_interval() {
    let world = World::start().await;
    assert_eq!(world.get("access/organizations").await.status, 404);
    assert_eq!(world.post("access/organizations", json!({"name": "Acme"})).await.refusal().2, "/auth_domain");
    let created =
        world.post("access/organizations", json!({"name": "Acme", "auth_domain": "acme.example.com"})).await;
    assert_eq!(created.status, 201, "{}", created.envelope);
    let inactivity = json!({"enabled": true, "inactivity_threshold_days": 30, "action": "disable"});
    let body = json!({"service_token_inactivity": inactivity, "login_design": {"text_color": "#fff"}});
    assert_eq!(world.put("access/organizations", body).await.status, 200);
    let strict = json!({"strict_service_token_auth": true, "auth_domain": "acme.example.com", "name": null});
    let merged = world.ask(world::ACCOUNT, "PATCH", "access/organizations", &strict).await;
    assert_eq!(merged.status, 200, "{}", merged.envelope);
    let shown = world.get("access/organizations").await;
    assert_eq!(shown.result(), merged.result());
    for (field, value) in [
        ("name", json!("Acme")),
        ("strict_service_token_auth", json!(true)),
        ("deny_unmatched_requests", json!(false)),
        ("session_duration", json!("24h")),
        ("service_token_inactivity", inactivity),
        ("login_design", json!({"text_color": "#fff"})),
    ] {
        assert_eq!(shown.result()[field], value, "{field}");
    }

    let keys = world.get("access/keys").await;
    assert_eq!(keys.result()["key_rotation_interval_days"], 42, "{}", keys.envelope);
    assert_eq!(keys.result()["days_until_next_rotation"], 42);
    let changed = world.put("access/keys", json!({"key_rotation_interval_days": 21})).await;
    assert_eq!(changed.result()["days_until_next_rotation"], 21, "{}", changed.envelope);
    for wrong in [json!(20), json!(366), json!(-1), json!("42"), json!(null)] {
        let refused = world.put("access/keys", json!({"key_rotation_interval_days": wrong})).await;
        assert_eq!(refused.refusal(), (400, 12_130, "/key_rotation_interval_days"), "{wrong}");
    }
    world.end().await;
}

#[tokio::test]
async fn alerts_are_managed() {
    let world = World::start().await;
    let body = json!({
        "name": "expiring", "alert_type": "expiring_service_token_alert", "enabled": true,
        "mechanisms": {"email": [{"id": "ops@example.com"}], "webhooks": null}, "filters": null,
    });
    let created = world.post("alerting/v3/policies", body.clone()).await;
    assert_eq!(
        (created.status, created.result()),
        (200, &json!({"id": created.id()})),
        "{}",
        created.envelope
    );
    let path = format!("alerting/v3/policies/{}", created.id());
    let shown = world.get(&path).await;
    assert_eq!(shown.result()["mechanisms"], json!({"email": [{"id": "ops@example.com"}]}));
    assert!(shown.result()["created"].is_string() && shown.result()["modified"].is_string());
    assert_eq!(world.put(&path, json!({"enabled": false})).await.result(), &json!({"id": created.id()}));
    let changed = world.get(&path).await;
    assert_eq!(
        (&changed.result()["enabled"], &changed.result()["name"]),
        (&json!(false), &json!("expiring"))
    );
    assert_eq!(world.get("alerting/v3/policies").await.result(), &json!([changed.result()]));
    assert_eq!(world.get("alerting/v3/policies?page=2").await.result(), &json!([]));

    let mut wrong = body;
    wrong["alert_type"] = json!("billing_usage_alert");
    assert_eq!(world.post("alerting/v3/policies", wrong).await.refusal(), (400, 12_130, "/alert_type"));
    let nobody = json!({"name": "hook", "url": "http://127.0.0.1:1/", "secret": "hunter2"});
    let refused = world.post("alerting/v3/destinations/webhooks", nobody).await;
    assert_eq!(refused.refusal().0, 400, "{}", refused.envelope);
    assert!(!refused.envelope.to_string().contains("hunter2"));
    assert_eq!(world.get("alerting/v3/destinations/webhooks").await.result(), &json!([]));
    assert_eq!(world.get("alerting/v3/history?since=2026-01-01T00:00:00Z").await.result(), &json!([]));
    assert_eq!(world.get("alerting/v3/history?before=yesterday").await.refusal().0, 400);

    assert_eq!(world.delete(&path).await.status, 200);
    assert_eq!(world.delete(&path).await.status, 404);
    world.end().await;
}

#[tokio::test]
async fn a_webhook_is_tested_kept_and_never_shows_its_secret() {
    let world = World::start().await;
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", receiver.local_addr().unwrap());
    let router = axum::Router::new().route("/hook", axum::routing::post(async || "thanks"));
    let receiving = tokio::spawn(axum::serve(receiver, router).into_future());
    let hooks = "alerting/v3/destinations/webhooks";
    let created = world.post(hooks, json!({"name": "hook", "url": url, "secret": "hunter2"})).await;
    assert_eq!(
        (created.status, created.result()),
        (201, &json!({"id": created.id()})),
        "{}",
        created.envelope
    );
    let path = format!("{hooks}/{}", created.id());
    let shown = world.get(&path).await;
    assert_eq!((&shown.result()["url"], &shown.result()["type"]), (&json!(url), &json!("generic")));
    assert!(!shown.envelope.to_string().contains("hunter2"));
    assert_eq!(world.put(&path, json!({"name": "renamed"})).await.result(), &json!({"id": created.id()}));
    let listed = world.get(hooks).await;
    assert_eq!(
        (listed.result().as_array().unwrap().len(), &listed.result()[0]["name"]),
        (1, &json!("renamed"))
    );
    let alert = json!({"name": "a", "alert_type": "expiring_service_token_alert", "enabled": true,
        "mechanisms": {"webhooks": [{"id": created.id()}]}});
    let alert = world.post("alerting/v3/policies", alert).await;
    assert_eq!(world.delete(&path).await.refusal(), (409, 12_192, ""), "{}", alert.envelope);
    assert_eq!(world.delete(&format!("alerting/v3/policies/{}", alert.id())).await.status, 200);
    assert_eq!(world.delete(&path).await.status, 200);
    receiving.abort();
    world.end().await;
}
