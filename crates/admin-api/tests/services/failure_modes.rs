//! What an application's requests meet at a gateway that is cut off, as it is written over REST.

use crate::world::{ACCOUNT, Answer, OTHER, World};
use crate::{app, policy};
use serde_json::{Value, json};

const WORDS: &str = "requests are admitted unjudged while a gateway is cut off";

async fn put(world: &World, path: &str, body: Value) -> Answer {
    world.ask_ours(ACCOUNT, "PUT", path, &body).await
}

async fn get(world: &World, path: &str) -> Value {
    let answer = world.ask_ours(ACCOUNT, "GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.envelope);
    answer.result().clone()
}

#[tokio::test]
async fn a_failure_mode_is_written_read_and_kept_through_every_other_edit() {
    let world = World::start().await;
    let body = app("app.example.com", json!([policy("p", json!([{"everyone": {}}]))]));
    let created = world.post("access/apps", body.clone()).await;
    let path = format!("apps/{}/failure_mode", created.id());
    assert_eq!(get(&world, &path).await, json!({"mode": "closed"}));
    for mode in [
        json!({"mode": "last_known_good", "max_staleness": "600s"}),
        json!({"mode": "open", "acknowledge": WORDS}),
        json!({"mode": "closed"}),
        json!({"mode": "last_known_good", "max_staleness": "10m"}),
    ] {
        let written = put(&world, &path, mode.clone()).await;
        assert_eq!((written.status, written.result()), (200, &mode), "{}", written.envelope);
        assert!(written.header("sallyport-propagation").starts_with("position="));
        assert_eq!(get(&world, &path).await, mode);
    }
    let app_path = format!("access/apps/{}", created.id());
    let read = world.get(&app_path).await;
    assert_eq!(read.result(), created.result(), "the public contract does not see it");
    assert_eq!(world.put(&app_path, read.result().clone()).await.status, 200);
    assert_eq!(world.put(&app_path, body).await.status, 200);
    assert_eq!(get(&world, &path).await["max_staleness"], "10m");
    assert_eq!(world.delete(&app_path).await.status, 202);
    let gone = world.ask_ours(ACCOUNT, "GET", &path, &Value::Null).await;
    assert_eq!(gone.refusal(), (404, 12_135, ""));
    world.end().await;
}

#[tokio::test]
async fn what_is_not_clearly_meant_is_refused_by_its_field() {
    let world = World::start().await;
    let id = world.post("access/apps", app("app.example.com", json!([]))).await.id();
    let path = format!("apps/{id}/failure_mode");
    for (body, pointer) in [
        (json!({}), "/mode"),
        (json!({"mode": null}), "/mode"),
        (json!({"mode": 1}), "/mode"),
        (json!({"mode": "fail_open"}), "/mode"),
        (json!({"mode": "last_known_good"}), "/max_staleness"),
        (json!({"mode": "last_known_good", "max_staleness": "999ms"}), "/max_staleness"),
        (json!({"mode": "last_known_good", "max_staleness": "15m1s"}), "/max_staleness"),
        (json!({"mode": "last_known_good", "max_staleness": "ten minutes"}), "/max_staleness"),
        (json!({"mode": "open", "acknowledge": WORDS, "max_staleness": "1m"}), "/max_staleness"),
        (json!({"mode": "open"}), "/acknowledge"),
        (json!({"mode": "open", "acknowledge": true}), "/acknowledge"),
        (json!({"mode": "open", "acknowledge": "yes"}), "/acknowledge"),
        (json!({"mode": "open", "acknowledge": format!("{WORDS}.")}), "/acknowledge"),
    ] {
        let refused = put(&world, &path, body.clone()).await;
        assert_eq!(refused.refusal(), (400, 12_130, pointer), "{body}: {}", refused.envelope);
        let is_text = body["acknowledge"].is_null() || body["acknowledge"].is_string();
        if pointer == "/acknowledge" && is_text {
            assert!(refused.message().contains(WORDS), "{}", refused.message());
        }
    }
    assert_eq!(get(&world, &path).await, json!({"mode": "closed"}));
    let theirs = json!({"mode": "open", "acknowledge": WORDS});
    for (method, body) in [("GET", &Value::Null), ("PUT", &theirs)] {
        let refused = world.ask_ours(OTHER, method, &path, body).await;
        assert_eq!(refused.refusal(), (404, 12_135, ""), "{method}");
    }
    assert_eq!(world.ask_ours(ACCOUNT, "POST", &path, &theirs).await.refusal().0, 405);
    assert_eq!(put(&world, &format!("{path}?wait=maybe"), theirs).await.refusal().2, "/wait");
    world.end().await;
}
