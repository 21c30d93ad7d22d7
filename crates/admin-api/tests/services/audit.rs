//! The audit log of all services: one list of every change, and of every refusal.

use crate::world::{ACCOUNT, Answer, OTHER, World};
use crate::{app, policy};
use model::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Every page of so many, newest first.
async fn read(world: &World, query: &str, size: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("audit_logs?per_page={size}&cursor={cursor}{query}")).await;
        assert_eq!(page.status, 200, "{}", page.envelope);
        all.extend(page.result().as_array().unwrap().iter().cloned());
        page.envelope["result_info"]["cursor"].as_str().unwrap().clone_into(&mut cursor);
        if cursor.is_empty() {
            return all;
        }
    }
}

fn told(record: &Value) -> (String, String) {
    let of = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    (of("/action/type"), of("/resource/type"))
}

fn done(answer: Answer) -> Answer {
    assert!((200..300).contains(&answer.status), "{}", answer.envelope);
    answer
}

/// Everything that can be changed, once: the words of its record, in order.
async fn change_everything(world: &World) -> Vec<(&'static str, &'static str)> {
    let mut expected = Vec::new();
    let mut ask = async |method: &str, path: String, body: Value, operation, kind| {
        let answer = if let Some(path) = path.strip_prefix("ours:") {
            world.ask_ours(ACCOUNT, method, path, &body).await
        } else {
            world.ask(ACCOUNT, method, &path, &body).await
        };
        expected.push((operation, kind));
        done(answer)
    };
    let organization = json!({"name": "Acme", "auth_domain": "acme.example.com"});
    ask("POST", "access/organizations".into(), organization, "create", "organization").await;
    ask("PUT", "access/organizations".into(), json!({"name": "New"}), "update", "organization").await;
    let token = ask("POST", "access/service_tokens".into(), json!({"name": "t"}), "create", "service_token")
        .await
        .id();
    let token = format!("access/service_tokens/{token}");
    ask("PUT", token.clone(), json!({"name": "u"}), "update", "service_token").await;
    ask("POST", format!("{token}/refresh"), json!({}), "refresh", "service_token").await;
    ask("POST", format!("{token}/rotate"), json!({}), "rotate", "service_token").await;
    ask("DELETE", token, Value::Null, "delete", "service_token").await;
    let everyone = json!([{"everyone": {}}]);
    let shared =
        ask("POST", "access/policies".into(), policy("p", everyone.clone()), "create", "policy").await.id();
    let shared = format!("access/policies/{shared}");
    ask("PUT", shared.clone(), policy("q", everyone.clone()), "update", "policy").await;
    ask("DELETE", shared, Value::Null, "delete", "policy").await;
    let group = json!({"name": "g", "include": everyone});
    let id = ask("POST", "access/groups".into(), group.clone(), "create", "group").await.id();
    ask("PUT", format!("access/groups/{id}"), group, "update", "group").await;
    ask("DELETE", format!("access/groups/{id}"), Value::Null, "delete", "group").await;
    let made = app("audited.example.com", json!([]));
    let id = ask("POST", "access/apps".into(), made.clone(), "create", "application").await.id();
    ask("PUT", format!("access/apps/{id}"), made, "update", "application").await;
    ask("PUT", format!("ours:apps/{id}/failure_mode"), json!({"mode": "closed"}), "update", "application")
        .await;
    ask("POST", format!("access/apps/{id}/revoke_tokens"), Value::Null, "revoke_sessions", "application")
        .await;
    let session = json!({"session_id": "7f3c5a0e9b1d4c6e8a2f4b6d8c0e1a35"});
    ask("POST", "ours:sessions/revoke".into(), session, "revoke_sessions", "session").await;
    ask("DELETE", format!("access/apps/{id}"), Value::Null, "delete", "application").await;
    ask("POST", "access/tags".into(), json!({"name": "tag"}), "create", "tag").await;
    ask("DELETE", "access/tags/tag".into(), Value::Null, "delete", "tag").await;
    // An account's first keys are made when they are first asked for.
    ask("GET", "access/keys".into(), Value::Null, "create", "signing_key").await;
    let days = json!({"key_rotation_interval_days": 30});
    ask("PUT", "access/keys".into(), days, "update", "key_settings").await;
    ask("POST", "access/keys/rotate?force=true".into(), Value::Null, "rotate", "signing_key").await;
    ask("POST", "ours:keys/current/revoke".into(), Value::Null, "revoke", "signing_key").await;
    let alert = json!({"name": "a", "alert_type": "expiring_service_token_alert", "enabled": true,
        "mechanisms": {"email": [{"id": "ops@example.com"}]}});
    let id = ask("POST", "alerting/v3/policies".into(), alert, "create", "alert_policy").await.id();
    let off = json!({"enabled": false});
    ask("PUT", format!("alerting/v3/policies/{id}"), off, "update", "alert_policy").await;
    ask("DELETE", format!("alerting/v3/policies/{id}"), Value::Null, "delete", "alert_policy").await;
    expected
}

/// I10, O5.
#[tokio::test]
async fn every_change_of_any_service_is_in_the_one_list_once() {
    let world = World::start().await;
    let expected = change_everything(&world).await;
    let all = read(&world, "", 1_000).await;
    // Within a millisecond the order is by id.
    let mut counted: Vec<_> = all.iter().map(told).collect();
    let mut wanted: Vec<_> =
        expected.into_iter().map(|(operation, kind)| (operation.to_owned(), kind.to_owned())).collect();
    counted.sort();
    wanted.sort();
    assert_eq!(counted, wanted);
    for record in &all {
        assert_eq!(record["action"]["result"], true);
        assert_eq!((&record["actor"]["name"], &record["actor"]["ip"]), (&json!("test"), &json!("127.0.0.1")));
        assert_eq!(record["owner"]["id"], ACCOUNT);
    }
    let time =
        |record: &Value| Timestamp::parse_rfc3339(record["when"].as_str().unwrap()).unwrap().as_millis();
    let times: Vec<_> = all.iter().map(time).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    // Whatever the size of the pages, the list is the same.
    for size in [1, 3, 7] {
        assert_eq!(read(&world, "", size).await, all, "{size}");
    }
    let keys = read(&world, "&resource.type=signing_key", 2).await;
    assert_eq!(keys.len(), 3);
    // M1.
    assert_eq!(world.ask(OTHER, "GET", "audit_logs", &Value::Null).await.result(), &json!([]));
    world.end().await;
}

/// Those that were refused, once there are so many.
async fn refused(world: &World, count: usize) -> Vec<Value> {
    let arrived = async {
        loop {
            let found = read(world, "&action.result=false", 1_000).await;
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrived).await.expect("refusals are recorded")
}

/// O5, O8.
#[tokio::test]
async fn every_refusal_is_in_the_list_with_its_code_and_no_secret() {
    let world = World::start().await;
    let groups = json!([{"effect": "allow", "permission_groups": [{"name": "Notifications Read"}]}]);
    let reader = world.post("tokens", json!({"name": "reader", "policies": groups})).await;
    let (reader_id, reader) = (reader.id(), reader.result()["value"].as_str().unwrap().to_owned());
    let theirs = world.ask(OTHER, "POST", "access/service_tokens", &json!({"name": "theirs"})).await.id();
    let own = format!("client/v4/accounts/{ACCOUNT}");
    let secret = "spst_0123456789012345678901234567890123456789aaaaaaaa";

    // Without the permission; in a bad body; of another account; without a good token, the account spelled in another way;
    // with a secret for an id.
    world.ask_with(&reader, "DELETE", &format!("{own}/access/apps/{theirs}"), &Value::Null).await;
    world.post("access/policies", json!({"name": secret})).await;
    world.delete(&format!("access/service_tokens/{theirs}")).await;
    let spelled = own.replacen(&ACCOUNT[..1], &format!("%{:x}", ACCOUNT.as_bytes()[0]), 1);
    world.ask_with(secret, "POST", &format!("{spelled}/access/keys/rotate"), &Value::Null).await;
    world.get(&format!("access/service_tokens/{secret}")).await;

    let records = refused(&world, 5).await;
    let told: BTreeSet<_> = records
        .iter()
        .map(|it| {
            let code = |name: &str| it["metadata"][name].as_u64().unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (
                (code("status"), code("error_code")),
                text(&it["action"]["type"]),
                text(&it["resource"]["type"]),
                text(&it["resource"]["id"]),
                text(&it["actor"]["kind"]),
            )
        })
        .collect();
    let row = |codes, operation: &str, kind: &str, id: &str, actor: &str| {
        (codes, operation.to_owned(), kind.to_owned(), id.to_owned(), actor.to_owned())
    };
    let configured = "configured_api_token";
    let expected = BTreeSet::from([
        row((403, 10_000), "delete", "application", &theirs, "api_token"),
        row((400, 12_130), "create", "policy", "", configured),
        row((404, 12_135), "delete", "service_token", &theirs, configured),
        row((401, 1000), "rotate", "signing_key", "", "unknown"),
        row((404, 12_135), "read", "service_token", "", configured),
    ]);
    assert_eq!(told, expected);
    let by_reader = records.iter().find(|it| it["actor"]["kind"] == "api_token").unwrap();
    assert_eq!(
        (&by_reader["actor"]["id"], &by_reader["actor"]["name"]),
        (&json!(reader_id), &json!("reader"))
    );
    assert_eq!(by_reader["metadata"]["call"], "DELETE /client/v4/accounts/{account_id}/access/apps/{app_id}");
    let text = Value::from(records).to_string();
    assert!(!text.contains(secret) && !text.contains(&reader[5..]));
    // Nothing of it is a change.
    assert_eq!(read(&world, "&action.result=true", 100).await.len(), 1);
    world.end().await;
}

/// O5.
#[tokio::test]
async fn whoever_is_refused_without_end_fills_no_disk() {
    let world = World::start().await;
    for _ in 0..100 {
        let path = format!("client/v4/accounts/{ACCOUNT}/access/apps");
        assert_eq!(world.ask_with("wrong", "GET", &path, &Value::Null).await.status, 401);
    }
    let told = refused(&world, 20).await;
    assert!(told.len() < 100, "{}", told.len());
    assert!(told.iter().all(|it| it["actor"]["kind"] == "unknown"));
    world.end().await;
}
