//! One session over REST: ended by its id, for whoever may change applications.

use crate::world::{ACCOUNT, World};
use serde_json::{Value, json};

const ID: &str = "7f3c5a0e9b1d4c6e8a2f4b6d8c0e1a35";

#[tokio::test]
async fn one_session_is_ended_and_the_answer_says_how_far_it_is_known() {
    let world = World::start().await;
    let revoke = async |body: &Value| world.ask_ours(ACCOUNT, "POST", "sessions/revoke", body).await;
    for _ in 0..2 {
        let revoked = revoke(&json!({"session_id": ID})).await;
        assert_eq!(
            (revoked.status, &revoked.result()["session_id"]),
            (200, &json!(ID)),
            "{}",
            revoked.envelope
        );
        assert!(revoked.header("sallyport-propagation").contains("not_confirmed=0"));
    }
    for (wrong, field) in [
        (json!({}), "/session_id"),
        (json!({"session_id": "billing"}), "/session_id"),
        (json!({"session_id": 7}), "/session_id"),
        (json!({"session_jwt": "no.session.at_all"}), "/session_jwt"),
        (json!({"session_id": ID, "session_jwt": "x"}), "/session_jwt"),
    ] {
        assert_eq!(revoke(&wrong).await.refusal(), (400, 12_130, field), "{wrong}");
    }
    let record = world.get("audit_logs?resource.type=session").await;
    let told = |of: &Value| (of["action"]["type"].clone(), of["resource"]["id"].clone());
    let changes: Vec<_> =
        record.result().as_array().unwrap().iter().filter(|it| it["action"]["result"] == true).collect();
    assert_eq!(changes.len(), 2, "{}", record.envelope);
    assert_eq!(told(changes[0]), (json!("revoke_sessions"), json!(ID)));

    let groups =
        json!([{"effect": "allow", "permission_groups": [{"name": "Access: Apps and Policies Read"}]}]);
    let reader = world.post("tokens", json!({"name": "reader", "policies": groups})).await;
    let path = format!("sallyport/v1/accounts/{ACCOUNT}/sessions/revoke");
    let reader = reader.result()["value"].as_str().unwrap();
    assert_eq!(world.ask_with(reader, "POST", &path, &json!({"session_id": ID})).await.refusal().0, 403);
    world.end().await;
}
