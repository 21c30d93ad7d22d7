//! API tokens: made, narrowed, dated, revoked; and what each may do.

use crate::world::{ACCOUNT, Answer, OTHER, World};
use serde_json::{Value, json};

const NEVER: &str = "00000000000000000000000000000000";

fn body(name: &str, groups: &[&str]) -> Value {
    let groups: Vec<_> = groups.iter().map(|name| json!({"name": name})).collect();
    json!({"name": name, "policies": [{"effect": "allow", "permission_groups": groups}]})
}

async fn make(world: &World, name: &str, groups: &[&str]) -> (String, String) {
    let made = world.post("tokens", body(name, groups)).await;
    assert_eq!(made.status, 200, "{}", made.envelope);
    (made.id(), made.result()["value"].as_str().unwrap().to_owned())
}

async fn with(world: &World, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    world.ask_with(token, method, &format!("client/v4/accounts/{ACCOUNT}/{path}"), body).await
}

async fn verify(world: &World, token: &str) -> Answer {
    world.ask_with(token, "GET", "client/v4/user/tokens/verify", &Value::Null).await
}

fn refusal(answer: &Answer) -> (u16, u64) {
    (answer.status, answer.envelope["errors"][0]["code"].as_u64().unwrap_or_default())
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_at_once() {
    let world = World::start().await;
    let (id, value) = make(&world, "ci", &["Access: Service Tokens Write"]).await;
    assert!(value.starts_with("spat_") && value.len() == 53);
    let path = format!("tokens/{id}");
    for answer in [world.get(&path).await, world.get("tokens").await] {
        assert!(!answer.envelope.to_string().contains(&value));
    }
    assert_eq!(verify(&world, &value).await.result()["id"], id);

    let created = with(&world, &value, "POST", "access/service_tokens", &json!({"name": "x"})).await;
    assert_eq!(created.status, 201, "{}", created.envelope);

    assert_eq!(world.put(&path, json!({"status": "disabled"})).await.result()["status"], "disabled");
    let off = verify(&world, &value).await;
    assert_eq!(refusal(&off), (401, 1000));
    assert!(off.envelope.to_string().contains("disabled"));
    world.put(&path, json!({"status": "active"})).await;
    assert_eq!(verify(&world, &value).await.status, 200);

    let rolled = world.put(&format!("{path}/value"), json!({})).await;
    let fresh = rolled.envelope["result"].as_str().unwrap().to_owned();
    assert_eq!(refusal(&verify(&world, &value).await), (401, 1000));
    assert_eq!(verify(&world, &fresh).await.status, 200);

    // A new date in the past ends it.
    assert_eq!(
        world.put(&path, json!({"expires_on": "2020-01-01T00:00:00Z"})).await.result()["status"],
        "expired"
    );
    assert!(verify(&world, &fresh).await.envelope.to_string().contains("expired"));
    world.put(&path, json!({"expires_on": "2999-01-01T00:00:00Z"})).await;
    assert_eq!(verify(&world, &fresh).await.result()["expires_on"], "2999-01-01T00:00:00Z");

    assert_eq!(world.delete(&path).await.result(), &json!({"id": id}));
    assert_eq!(refusal(&verify(&world, &fresh).await), (401, 1000));
    assert_eq!(world.get(&path).await.status, 404);
    assert_eq!(world.delete(&path).await.status, 404);
    world.end().await;
}

#[tokio::test]
async fn a_call_without_its_permission_is_refused_and_the_permission_named() {
    let world = World::start().await;
    let (id, reader) =
        make(&world, "reader", &["Access: Apps and Policies Read", "Notifications Read"]).await;
    for (method, path, missing) in [
        ("POST", "access/apps", "Access: Apps and Policies Write"),
        ("DELETE", "access/apps/5b1f6c1e-0000-4000-8000-000000000000", "Access: Apps and Policies Write"),
        ("GET", "access/service_tokens", "Access: Service Tokens Read"),
        ("POST", "alerting/v3/destinations/webhooks", "Notifications Write"),
        ("GET", "access/logs/access_requests", "Access: Audit Logs Read"),
        ("GET", "access/keys", "Account admin"),
        ("GET", "access/organizations", "Account admin"),
        ("GET", "tokens", "Account admin"),
        ("POST", "tokens", "Account admin"),
        ("DELETE", &format!("tokens/{id}"), "Account admin"),
    ] {
        let refused = with(&world, &reader, method, path, &json!({})).await;
        assert_eq!(refusal(&refused), (403, 10_000), "{method} {path}");
        assert!(refused.envelope.to_string().contains(&format!("\\\"{missing}\\\"")), "{}", refused.envelope);
    }
    let fleet = world.ask_with(&reader, "GET", "sallyport/v1/fleet", &Value::Null).await;
    assert_eq!(refusal(&fleet), (403, 10_000));
    for path in [
        "access/apps",
        "access/policies",
        "alerting/v3/policies",
        "tokens/permission_groups",
        "tokens/verify",
    ] {
        assert_eq!(with(&world, &reader, "GET", path, &Value::Null).await.status, 200, "{path}");
    }
    // Wider from the next call on.
    let wider = body("reader", &["Account admin"])["policies"].clone();
    world.put(&format!("tokens/{id}"), json!({"policies": wider})).await;
    assert_eq!(with(&world, &reader, "GET", "tokens", &Value::Null).await.status, 200);
    world.end().await;
}

/// M1.
#[tokio::test]
async fn a_token_is_of_one_account() {
    let world = World::start().await;
    let (id, value) = make(&world, "ci", &["Account admin"]).await;
    let path = format!("client/v4/accounts/{OTHER}/tokens");
    assert_eq!(refusal(&world.ask_with(&value, "GET", &path, &Value::Null).await), (403, 9109));
    for (method, path) in [
        ("GET", format!("tokens/{id}")),
        ("PUT", format!("tokens/{id}")),
        ("PUT", format!("tokens/{id}/value")),
        ("DELETE", format!("tokens/{id}")),
        ("GET", format!("tokens/{NEVER}")),
        ("GET", "tokens/x".to_owned()),
    ] {
        assert_eq!(world.ask(OTHER, method, &path, &json!({})).await.status, 404, "{method} {path}");
    }
    assert_eq!(world.ask(OTHER, "GET", "tokens", &Value::Null).await.result(), &json!([]));
    assert_eq!(verify(&world, &value).await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn an_administrator_makes_tokens_and_the_configured_one_remains() {
    let world = World::start().await;
    let (id, admin) = make(&world, "admin", &["Account admin"]).await;
    let made = with(&world, &admin, "POST", "tokens", &body("made", &["Notifications Write"])).await;
    assert_eq!(made.status, 200, "{}", made.envelope);
    // Every token that there is may be taken away, its own included.
    for id in [made.id(), id] {
        let gone = with(&world, &admin, "DELETE", &format!("tokens/{id}"), &Value::Null).await;
        assert_eq!(gone.status, 200, "{}", gone.envelope);
    }
    assert_eq!(refusal(&verify(&world, &admin).await), (401, 1000));
    assert_eq!(world.get("tokens").await.result(), &json!([]));
    let configured = world.verify_configured().await;
    assert_eq!(configured.result()["status"], "active");
    world.end().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_field() {
    let world = World::start().await;
    let mut past = body("ci", &["Account admin"]);
    past["expires_on"] = json!("2020-01-01T00:00:00Z");
    for (body, pointer) in [
        (json!({"name": "ci"}), "/policies"),
        (body("", &["Account admin"]), "/name"),
        (body(&"x".repeat(121), &["Account admin"]), "/name"),
        (body("ci", &["Root"]), "/policies/0/permission_groups/0"),
        (past, "/expires_on"),
    ] {
        let refused = world.post("tokens", body).await;
        assert_eq!((refused.status, refused.refusal().2), (400, pointer), "{}", refused.envelope);
    }
    assert_eq!(world.get("tokens").await.result(), &json!([]));
    world.end().await;
}

/// I10, O5.
#[tokio::test]
async fn who_changed_what_is_told_to_administrators() {
    let world = World::start().await;
    let (id, value) = make(&world, "ci", &["Access: Service Tokens Write"]).await;
    let created = with(&world, &value, "POST", "access/service_tokens", &json!({"name": "x"})).await;
    let path = format!("access/service_tokens/{}", created.id());
    with(&world, &value, "DELETE", &path, &Value::Null).await;
    with(&world, &value, "GET", "access/service_tokens", &Value::Null).await;

    let query = format!("audit_logs?actor.id={id}");
    let mut seen = Vec::new();
    let mut page = world.get(&format!("{query}&per_page=1")).await;
    while let Some(record) = page.result().get(0).cloned() {
        seen.push(record);
        let cursor = page.envelope["result_info"]["cursor"].as_str().unwrap().to_owned();
        page = world.get(&format!("{query}&per_page=1&cursor={cursor}")).await;
    }
    let mut operations: Vec<_> = seen.iter().map(|it| it["action"]["type"].as_str().unwrap()).collect();
    operations.sort_unstable();
    assert_eq!(operations, ["create", "delete"]);
    for record in &seen {
        assert_eq!((&record["actor"]["name"], &record["actor"]["ip"]), (&json!("ci"), &json!("127.0.0.1")));
        assert_eq!(
            (&record["resource"]["id"], &record["owner"]["id"]),
            (&json!(created.id()), &json!(ACCOUNT))
        );
        assert_eq!(record["metadata"]["request_id"].as_str().unwrap().len(), 32);
    }
    let all = world.get("audit_logs").await;
    assert_eq!(all.result().as_array().unwrap().len(), 3);
    for secret in [value.as_str(), created.result()["client_secret"].as_str().unwrap()] {
        assert!(!all.envelope.to_string().contains(&secret[5..]));
    }
    // M1, and no one else.
    assert_eq!(world.ask(OTHER, "GET", "audit_logs", &Value::Null).await.result(), &json!([]));
    assert_eq!(refusal(&with(&world, &value, "GET", "audit_logs", &Value::Null).await), (403, 10_000));
    assert_eq!(world.get("audit_logs?cursor=x").await.refusal().2, "/cursor");
    world.end().await;
}
