//! What signs an application's sessions, as it is chosen over REST.

use crate::app;
use crate::world::{ACCOUNT, OTHER, World};
use serde_json::{Value, json};

#[tokio::test]
async fn a_choice_is_read_back_and_kept_through_every_other_edit() {
    let world = World::start().await;
    let body = app("app.example.com", json!([]));
    let created = world.post("access/apps", body.clone()).await;
    let path = format!("apps/{}/session_signature", created.id());
    let get = async || world.ask_ours(ACCOUNT, "GET", &path, &Value::Null).await;
    assert_eq!(get().await.result(), &json!({"algorithm": "RS256"}));
    for chosen in
        [json!({"algorithm": "ES256"}), json!({"algorithm": "RS256"}), json!({"algorithm": "ES256"})]
    {
        let written = world.ask_ours(ACCOUNT, "PUT", &path, &chosen).await;
        assert_eq!((written.status, written.result()), (200, &chosen), "{}", written.envelope);
        assert!(written.header("sallyport-propagation").starts_with("position="));
        assert_eq!(get().await.result(), &chosen);
    }
    let app_path = format!("access/apps/{}", created.id());
    assert_eq!(world.get(&app_path).await.result(), created.result(), "the public contract does not see it");
    assert_eq!(world.put(&app_path, body).await.status, 200);
    assert_eq!(get().await.result(), &json!({"algorithm": "ES256"}));
    for nonsense in
        [json!({}), json!({"algorithm": "HS256"}), json!({"algorithm": "none"}), json!({"algorithm": 1})]
    {
        let refused = world.ask_ours(ACCOUNT, "PUT", &path, &nonsense).await;
        assert_eq!(refused.refusal(), (400, 12_130, "/algorithm"), "{nonsense}");
    }
    for (method, body) in [("GET", Value::Null), ("PUT", json!({"algorithm": "RS256"}))] {
        let refused = world.ask_ours(OTHER, method, &path, &body).await;
        assert_eq!(refused.refusal(), (404, 12_135, ""), "{method}");
    }
    assert_eq!(get().await.result(), &json!({"algorithm": "ES256"}));
    world.end().await;
}
