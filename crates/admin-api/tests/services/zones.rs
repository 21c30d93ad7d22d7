//! A zone is its account under another name.

use crate::world::{ACCOUNT, OTHER, World, ZONE};
use crate::{app, policy};
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_made_in_a_zone_is_its_accounts() {
    let world = World::start().await;
    let ask = |method: &'static str, path: String, body: Value| {
        let world = &world;
        async move { world.ask_zone(ACCOUNT, ZONE, method, &path, &body).await }
    };
    let nothing = || Value::Null;
    let token = ask("POST", "access/service_tokens".into(), json!({"name": "ci"})).await;
    assert_eq!(token.status, 201, "{}", token.envelope);
    let rule = json!([{"service_token": {"token_id": token.id()}}]);
    let made = ask("POST", "access/apps".into(), app("zone.example.com", json!([policy("p", rule)]))).await;
    let path = format!("access/apps/{}", made.id());
    assert_eq!(world.get(&path).await.result(), made.result());
    assert_eq!(ask("GET", path.clone(), nothing()).await.result(), made.result());
    let own = ask("GET", format!("{path}/policies?page=1&per_page=5"), nothing()).await;
    assert_eq!(own.envelope["result_info"]["per_page"], 5);
    assert_eq!(ask("POST", format!("{path}/revoke_tokens"), nothing()).await.status, 202);
    let group = json!({"name": "g", "include": [{"everyone": {}}]});
    assert_eq!(ask("POST", "access/groups".into(), group).await.status, 201);
    let organization = json!({"name": "o", "auth_domain": "team.example.com"});
    assert_eq!(ask("PUT", "access/organizations".into(), organization).await.status, 200);
    // What the contract has of accounts alone.
    assert_eq!(ask("GET", "access/policies".into(), nothing()).await.refusal(), (404, 7003, ""));
    assert_eq!(ask("GET", "access/keys".into(), nothing()).await.refusal(), (404, 7003, ""));
    world.end().await;
}

#[tokio::test]
async fn a_zone_is_closed_to_the_tokens_of_other_accounts() {
    let world = World::start().await;
    let ask =
        async |account, zone| world.ask_zone(account, zone, "GET", "access/apps", &Value::Null).await.status;
    assert_eq!(ask(ACCOUNT, ZONE).await, 200);
    assert_eq!(ask(OTHER, ZONE).await, 403);
    // A zone that nobody configured is taken for an account.
    assert_eq!(ask(OTHER, OTHER).await, 200);
    assert_eq!(ask(ACCOUNT, OTHER).await, 403);
    assert_eq!(ask(ACCOUNT, &"9".repeat(32)).await, 403);
    world.end().await;
}

#[tokio::test]
async fn nobody_has_a_session_to_revoke_and_the_answer_says_so() {
    let world = World::start().await;
    let path = "access/organizations/revoke_user?devices=true";
    let answer = world.post(path, json!({"email": "a@example.com"})).await;
    assert_eq!((answer.status, answer.result()), (200, &json!(false)));
    let message = answer.envelope["messages"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("nothing was revoked"), "{message}");
    assert_eq!(world.post(path, json!({})).await.refusal(), (400, 12_130, "/email"));
    world.end().await;
}
