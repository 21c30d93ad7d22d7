//! What a caller may not reach, and what it may not send.

use crate::world::{OTHER, World};
use crate::{app, policy};
use serde_json::{Value, json};

const UNKNOWN: &str = "5b1f6c1e-0000-4000-8000-000000000000";

#[tokio::test]
async fn what_belongs_to_one_account_is_not_there_for_another() {
    let world = World::start().await;
    let token = world.post("access/service_tokens", json!({"name": "ci"})).await.id();
    let everyone = json!([{"everyone": {}}]);
    let own =
        world.post("access/apps", app("mine.example.com", json!([policy("p", everyone.clone())]))).await;
    let own_policy = own.result()["policies"][0]["id"].as_str().unwrap().to_owned();
    let reusable = world.post("access/policies", policy("r", everyone.clone())).await.id();
    let group = world.post("access/groups", json!({"name": "g", "include": everyone})).await.id();
    let alert = json!({"name": "a", "alert_type": "expiring_service_token_alert", "enabled": true,
        "mechanisms": {"email": [{"id": "ops@example.com"}]}});
    let alert = world.post("alerting/v3/policies", alert).await.id();
    let (app_id, tokens) = (own.id(), format!("access/service_tokens/{token}"));
    let attempts = [
        ("GET", tokens.clone()),
        ("PUT", tokens.clone()),
        ("POST", format!("{tokens}/refresh")),
        ("POST", format!("{tokens}/rotate")),
        ("DELETE", tokens),
        ("GET", format!("access/apps/{app_id}")),
        ("PUT", format!("access/apps/{app_id}")),
        ("POST", format!("access/apps/{app_id}/revoke_tokens")),
        ("GET", format!("access/apps/{app_id}/policies")),
        ("POST", format!("access/apps/{app_id}/policies")),
        ("GET", format!("access/apps/{app_id}/policies/{own_policy}")),
        ("PUT", format!("access/apps/{app_id}/policies/{own_policy}")),
        ("DELETE", format!("access/apps/{app_id}/policies/{own_policy}")),
        ("DELETE", format!("access/apps/{app_id}")),
        ("GET", format!("access/policies/{reusable}")),
        ("PUT", format!("access/policies/{reusable}")),
        ("DELETE", format!("access/policies/{reusable}")),
        ("GET", format!("access/groups/{group}")),
        ("PUT", format!("access/groups/{group}")),
        ("DELETE", format!("access/groups/{group}")),
        ("GET", format!("alerting/v3/policies/{alert}")),
        ("PUT", format!("alerting/v3/policies/{alert}")),
        ("DELETE", format!("alerting/v3/policies/{alert}")),
    ];
    // Good for every kind at once: only the account is wrong.
    let mut body = policy("theirs", json!([{"everyone": {}}]));
    for (field, value) in [("type", json!("self_hosted")), ("domain", json!("theirs.example.com"))] {
        body[field] = value;
    }
    for (method, path) in attempts {
        let body = if matches!(method, "PUT" | "POST") { &body } else { &Value::Null };
        assert_eq!(
            world.ask(OTHER, method, &path, body).await.refusal(),
            (404, 12_135, ""),
            "{method} {path}"
        );
    }
    for list in
        ["access/service_tokens", "access/apps", "access/policies", "access/groups", "alerting/v3/policies"]
    {
        assert_eq!(world.ask(OTHER, "GET", list, &Value::Null).await.result(), &json!([]), "{list}");
        assert_eq!(world.get(list).await.result().as_array().unwrap().len(), 1, "{list}");
    }
    let theirs = world.ask(OTHER, "POST", "access/apps", &app("x.example.com", json!([reusable]))).await;
    assert_eq!(theirs.refusal(), (400, 12_130, "/policies/0"));
    let rule = json!([{"service_token": {"token_id": token}}]);
    let theirs = world.ask(OTHER, "POST", "access/policies", &policy("p", rule)).await;
    assert_eq!(theirs.status, 400, "{}", theirs.envelope);
    world.end().await;
}

#[tokio::test]
async fn bad_input_is_refused_by_field_and_leaves_nothing() {
    let world = World::start().await;
    let everyone = || json!([{"everyone": {}}]);
    world.post("access/apps", app("taken.example.com", json!([]))).await;
    let inline = |include: Value| app("new.example.com", json!([policy("p", include)]));
    let cases = [
        ("service_tokens", json!({}), 400, "/name"),
        ("service_tokens", json!({"name": ""}), 400, "/name"),
        ("service_tokens", json!({"name": "x".repeat(5000)}), 400, "/name"),
        ("service_tokens", json!({"name": "a\u{7}b"}), 400, "/name"),
        ("service_tokens", json!({"name": "a", "duration": "-1h"}), 400, "/duration"),
        ("service_tokens", json!({"name": "a", "duration": "1y"}), 400, "/duration"),
        ("service_tokens", json!({"name": "a", "duration": "999999999999h"}), 400, "/duration"),
        ("service_tokens", json!({"name": "a", "client_secret_version": 0}), 400, "/client_secret_version"),
        ("apps", app("taken.example.com", json!([])), 409, "/domain"),
        ("apps", app("a.example.com:8443", json!([])), 400, "/domain"),
        ("apps", app("a.example.com/?q=1", json!([])), 400, "/domain"),
        ("apps", app("new.example.com", json!([UNKNOWN])), 400, "/policies/0"),
        ("apps", app("new.example.com", json!(["by name"])), 400, "/policies/0"),
        ("apps", inline(json!([])), 400, "/policies/0/include"),
        (
            "apps",
            inline(json!([{"everyone": {}}, {"ip": {"ip": "10.0.0.0/33"}}])),
            400,
            "/policies/0/include/1/ip/ip",
        ),
        ("apps", json!({"type": "saas", "domain": "new.example.com"}), 400, "/type"),
        ("policies", policy("p", json!([])), 400, "/include"),
        (
            "policies",
            policy("p", json!([{"geo": {"country_code": "Portugal"}}])),
            400,
            "/include/0/geo/country_code",
        ),
        (
            "policies",
            policy("p", json!([{"service_token": {"token_id": "ci"}}])),
            400,
            "/include/0/service_token/token_id",
        ),
        (
            "policies",
            policy("p", json!([{"service_token": {"token_id": UNKNOWN}}])),
            400,
            "/include/0/service_token/token_id",
        ),
        ("policies", policy("p", json!([{"group": {"id": UNKNOWN}}])), 400, "/include/0/group/id"),
        ("policies", json!({"name": "p", "decision": "maybe", "include": everyone()}), 400, "/decision"),
        (
            "policies",
            json!({"name": "p", "decision": "bypass", "include": [{"email": {"email": "a@b.example"}}]}),
            400,
            "/include/0/email",
        ),
        ("groups", json!({"name": "g"}), 400, "/include"),
    ];
    for (noun, body, status, pointer) in cases {
        let answer = world.post(&format!("access/{noun}"), body.clone()).await;
        let (got, _, at) = answer.refusal();
        assert_eq!((got, at), (status, pointer), "{noun} {body}: {}", answer.envelope);
    }
    let duplicate = world.post("access/apps", app("taken.example.com", json!([]))).await;
    assert_eq!((duplicate.refusal().1, duplicate.header("x-should-retry")), (11_010, "false"));
    assert!(duplicate.message().contains("application_already_exists"));
    for (noun, count) in [("service_tokens", 0), ("apps", 1), ("policies", 0), ("groups", 0)] {
        let total = &world.get(&format!("access/{noun}")).await.envelope["result_info"]["total_count"];
        assert_eq!(total, count, "{noun}");
    }
    for path in ["service_tokens/by-name", "apps/by-name", "policies/by-name", "groups/by-name"] {
        let status = world.get(&format!("access/{path}")).await.status;
        assert!(status == 400 || status == 404, "{path}: {status}");
    }
    world.end().await;
}
