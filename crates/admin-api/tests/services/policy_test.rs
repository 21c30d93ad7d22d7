//! Whether a request that nobody has made would get in, and why.

use crate::world::{ACCOUNT, OTHER, World};
use crate::{app, policy};
use serde_json::{Value, json};

#[tokio::test]
async fn a_policy_test_says_who_gets_in_and_why() {
    let world = World::start().await;
    let token = world.post("access/service_tokens", json!({"name": "ci"})).await.id();
    let mut named = policy("ci", json!([{"service_token": {"token_id": token}}]));
    named["require"] = json!([{"ip": {"ip": "10.0.0.0/8"}}]);
    let id = world.post("access/apps", app("app.example.com", json!([named]))).await.id();
    let path = format!("apps/{id}/policy_test");
    let test = async |body: Value| {
        let answer = world.ask_ours(ACCOUNT, "POST", &path, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.envelope);
        answer.result().clone()
    };
    let inside = test(json!({"token_id": token, "ip": "10.1.2.3"})).await;
    assert_eq!((&inside["admitted"], &inside["policy_name"]), (&json!(true), &json!("ci")), "{inside}");
    let outside = test(json!({"token_id": token, "ip": "192.0.2.1"})).await;
    assert_eq!(outside["reason"], "POLICY_NO_MATCH", "{outside}");
    let rules = outside["explanation"][0]["rules"].as_array().unwrap();
    let held: Vec<(&str, bool)> =
        rules.iter().map(|rule| (rule["list"].as_str().unwrap(), rule["held"].as_bool().unwrap())).collect();
    assert_eq!(held, [("include", true), ("require", false)], "{outside}");
    assert_eq!(test(json!({"ip": "10.1.2.3"})).await["admitted"], false);
    world.put(&format!("access/service_tokens/{token}"), json!({"enabled": false})).await;
    assert_eq!(test(json!({"token_id": token, "ip": "10.1.2.3"})).await["reason"], "TOKEN_DISABLED");
    world.end().await;
}

#[tokio::test]
async fn a_policy_test_asks_about_its_own_account_alone() {
    let world = World::start().await;
    let id = world.post("access/apps", app("app.example.com", json!([]))).await.id();
    let path = format!("apps/{id}/policy_test");
    let foreign = world.ask_ours(OTHER, "POST", &path, &json!({})).await;
    assert_eq!(foreign.refusal().0, 404, "{}", foreign.envelope);
    let token = "00000000-0000-4000-8000-000000000000";
    let unknown = world.ask_ours(ACCOUNT, "POST", &path, &json!({"token_id": token})).await;
    assert_eq!(unknown.refusal(), (404, 12_135, ""));
    for wrong in [json!({"ip": "not an address"}), json!({"token": "x"})] {
        let refused = world.ask_ours(ACCOUNT, "POST", &path, &wrong).await;
        assert_eq!(refused.status, 400, "{}", refused.envelope);
    }
    world.end().await;
}
