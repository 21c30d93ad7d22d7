//! Policies tried on every service token of the account.

use crate::world::{ACCOUNT, OTHER, World};
use crate::{app, policy};
use serde_json::{Value, json};

async fn token(world: &World, name: &str) -> String {
    world.post("access/service_tokens", json!({"name": name})).await.id()
}

async fn start(world: &World, policies: Value) -> String {
    let made = world.post("access/policy-tests", json!({"policies": policies})).await;
    assert_eq!((made.status, &made.result()["status"]), (200, &json!("success")), "{}", made.envelope);
    format!("access/policy-tests/{}", made.id())
}

#[tokio::test]
async fn live_tokens_are_counted_by_the_judgement_that_a_request_gets() {
    let world = World::start().await;
    let (first, second) = (token(&world, "first").await, token(&world, "second").await);
    let (off, blocked) = (token(&world, "off").await, token(&world, "blocked").await);
    world.put(&format!("access/service_tokens/{off}"), json!({"enabled": false})).await;
    let named =
        |of: &[&String]| of.iter().map(|id| json!({"service_token": {"token_id": id}})).collect::<Value>();
    let mut shared = policy("named", named(&[&first, &blocked, &off]));
    shared["exclude"] = named(&[&blocked]);
    let shared = world.post("access/policies", shared).await.id();
    // Of the request nothing is known but its token, as in a policy test of one.
    let mut elsewhere = policy("elsewhere", named(&[&second]));
    elsewhere["require"] = json!([{"ip": {"ip": "10.0.0.0/8"}}]);
    let policies = json!([shared, elsewhere]);
    let path = start(&world, policies.clone()).await;
    let whole = world.get(&path).await;
    let expected = json!({
        "id": path.rsplit('/').next().unwrap(), "status": "complete", "percent_users_processed": 100,
        "percent_approved": 33, "percent_blocked": 66, "percent_errored": 0,
        "total_users": 3, "users_approved": 1, "users_blocked": 2, "users_errored": 0,
    });
    assert_eq!(whole.result(), &expected);
    let users = async |query: &str| {
        let found = world.get(&format!("{path}/users{query}")).await;
        let users = found.result().as_array().unwrap().clone();
        users.into_iter().map(|it| (it["id"].clone(), it["status"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(users("?status=success").await, [(json!(first), json!("approved"))]);
    assert_eq!(users("?status=fail").await.len(), 2);
    assert_eq!(users("?status=error").await, []);
    assert_eq!(users("").await.len(), 3);
    assert_eq!((users("?page=2&per_page=2").await.len(), users("?page=3&per_page=2").await.len()), (1, 0));

    // An application with these policies says the same of each, through the other two ways of asking.
    let made = world.post("access/apps", app("app.example.com", policies)).await.id();
    for (id, status) in users("").await {
        let asked = json!({"token_id": id});
        let one = world.ask_ours(ACCOUNT, "POST", &format!("apps/{made}/policy_test"), &asked).await;
        assert_eq!(one.result()["admitted"], status == "approved", "{}", one.envelope);
        let id = id.as_str().unwrap();
        let check = world.get(&format!("access/apps/{made}/user_policy_checks?service_token_id={id}")).await;
        assert_eq!(check.result()["app_state"]["status"] == "Success", status == "approved");
    }
    world.end().await;
}

#[tokio::test]
async fn what_is_no_policy_or_of_another_account_is_refused() {
    let world = World::start().await;
    let any = json!([{"any_valid_service_token": {}}]);
    let path = start(&world, json!([policy("any", any.clone())])).await;
    // Nobody is there.
    assert_eq!(world.get(&path).await.result()["total_users"], 0);
    for path in [path.clone(), format!("{path}/users")] {
        assert_eq!(world.ask(OTHER, "GET", &path, &Value::Null).await.refusal(), (404, 12_135, ""));
    }
    let unknown = "access/policy-tests/5d3f6a9e-8f43-4c3b-9a30-54b1a4a7c001";
    for path in [unknown, "access/policy-tests/x", "access/policy-tests/x/users"] {
        assert_eq!(world.get(path).await.refusal(), (404, 12_135, ""));
    }
    assert_eq!(world.get(&format!("{path}/users?status=all")).await.refusal(), (400, 12_130, "/status"));
    let theirs = world.ask(OTHER, "POST", "access/policies", &policy("theirs", any)).await.id();
    let group = json!([{"group": {"id": "5d3f6a9e-8f43-4c3b-9a30-54b1a4a7c001"}}]);
    for (policies, field) in [
        (Value::Null, "/policies"),
        (json!([]), "/policies"),
        (json!([theirs]), "/policies/0"),
        (json!(["x"]), "/policies/0"),
        (json!([policy("nobody", json!([]))]), "/policies/0/include"),
        (json!([policy("group", group)]), "/policies/0/include/0/group/id"),
        (json!(vec!["x"; 101]), "/policies"),
    ] {
        let refused = world.post("access/policy-tests", json!({"policies": policies})).await;
        assert_eq!(refused.refusal(), (400, 12_130, field), "{policies}");
    }
    world.end().await;
}

#[tokio::test]
async fn the_oldest_of_an_accounts_tests_make_room() {
    let world = World::start().await;
    let any = json!([policy("any", json!([{"any_valid_service_token": {}}]))]);
    let mut paths = Vec::new();
    for _ in 0..11 {
        paths.push(start(&world, any.clone()).await);
    }
    let mut there = 0;
    for path in &paths {
        there += usize::from(world.get(path).await.status == 200);
    }
    assert_eq!((there, world.get(&paths[10]).await.status), (10, 200));
    world.end().await;
}
