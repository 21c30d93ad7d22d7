//! M9: every operation of the published contract, by every permission, on one's own account and on another's.

use crate::world::{ACCOUNT, OTHER, World};
use serde_json::{Value, json};

const ID: &str = "5b1f6c1e-0000-4000-8000-000000000000";

/// Whether what a token has includes what an operation needs.
fn gives(has: &str, needs: &str) -> bool {
    let reading = has.strip_suffix("Write").map(|noun| format!("{noun}Read"));
    ["any good API token", has, reading.as_deref().unwrap_or_default()].contains(&needs)
        || has == "Account admin"
}

#[tokio::test]
async fn every_operation_asks_for_the_permission_that_is_published() {
    let world = World::start().await;
    let groups = world.get("tokens/permission_groups").await.result().as_array().unwrap().clone();
    assert_eq!(groups.len(), 8);
    let mut tokens = Vec::new();
    for group in &groups {
        let policies = json!([{"permission_groups": [{"id": group["id"]}]}]);
        let made = world.post("tokens", json!({"name": group["name"], "policies": policies})).await;
        let value = made.result()["value"].as_str().unwrap().to_owned();
        tokens.push((group["name"].as_str().unwrap(), value));
    }
    let paths = world.contract.document["paths"].as_object().unwrap();
    let mut asked = 0;
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let needs = operation["x-permission"].as_str().unwrap();
            if needs == "none" {
                continue;
            }
            let of = |account| {
                path[1..].replace("{account_id}", account).replace("{app_id}", ID).replace("{id}", ID)
            };
            let method = method.to_uppercase();
            for (has, token) in &tokens {
                let answer = world.ask_with(token, &method, &of(ACCOUNT), &Value::Null).await;
                let is_refused = answer.status == 403;
                assert_eq!(is_refused, !gives(has, needs), "{method} {path} with {has}: {}", answer.envelope);
                if is_refused {
                    assert!(answer.message().contains(needs), "{}", answer.envelope);
                }
                asked += 1;
            }
            if path.contains("{account_id}") {
                for (has, token) in &tokens {
                    let answer = world.ask_with(token, &method, &of(OTHER), &Value::Null).await;
                    assert_eq!(answer.refusal(), (403, 9109, ""), "{method} {path} with {has}");
                }
            }
        }
    }
    assert!(asked > 500, "{asked}");
    world.end().await;
}
