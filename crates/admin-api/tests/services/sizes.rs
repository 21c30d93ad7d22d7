//! Many policies, many rules, many writers.

use crate::world::World;
use crate::{app, policy};
use serde_json::{Value, json};

/// One that nobody matches: each from a network of its own.
fn elsewhere(number: usize) -> Value {
    json!({"ip": {"ip": format!("10.{}.{}.0/24", number / 256, number % 256)}})
}

fn token_rule(id: &str) -> Value {
    json!({"service_token": {"token_id": id}})
}

async fn is_admitted(world: &World, app: &str, token: &str) -> bool {
    let path = format!("access/apps/{app}/user_policy_checks?service_token_id={token}&ip=192.0.2.1");
    let checked = world.get(&path).await;
    checked.result()["app_state"]["status"] == "Success"
}

#[tokio::test]
async fn seventy_policies_of_one_application_are_kept_in_order_and_judged() {
    let world = World::start().await;
    let token = world.post("access/service_tokens", json!({"name": "ci"})).await.id();
    let mut policies: Vec<Value> =
        (0..69).map(|number| policy(&format!("p{number}"), json!([elsewhere(number)]))).collect();
    policies.push(policy("p69", json!([token_rule(&token)])));
    let made = world.post("access/apps", app("many.example.com", Value::Array(policies))).await;
    let shown = world.get(&format!("access/apps/{}", made.id())).await;
    let shown = shown.result()["policies"].as_array().unwrap();
    let names: Vec<_> = shown.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, (0..70).map(|number| format!("p{number}")).collect::<Vec<_>>());
    assert!(is_admitted(&world, &made.id(), &token).await);
    let last = shown[69]["id"].as_str().unwrap();
    let path = format!("access/apps/{}/policies/{last}", made.id());
    assert_eq!(world.delete(&path).await.status, 202);
    assert!(!is_admitted(&world, &made.id(), &token).await);
    world.end().await;
}

#[tokio::test]
async fn a_thousand_rules_of_one_policy_are_kept_as_sent_and_judged() {
    let world = World::start().await;
    let token = world.post("access/service_tokens", json!({"name": "ci"})).await.id();
    let mut rules: Vec<Value> = (0..999).map(elsewhere).collect();
    rules.push(token_rule(&token));
    let made = world.post("access/policies", policy("wide", json!(rules))).await;
    let shown = world.get(&format!("access/policies/{}", made.id())).await;
    assert_eq!(shown.result()["include"], json!(rules));
    let app = world.post("access/apps", app("wide.example.com", json!([made.id()]))).await;
    assert!(is_admitted(&world, &app.id(), &token).await);
    world.end().await;
}

/// What one writer sends: every field says whose it is.
struct Writer {
    token: Value,
    app: Value,
    group: Value,
}

impl Writer {
    fn of(name: &str, number: usize) -> Self {
        let rules = json!([elsewhere(number), elsewhere(number + 1)]);
        let mut app = app("written.example.com", json!([policy(name, rules.clone())]));
        for (field, value) in [
            ("name", json!(name)),
            ("session_duration", json!(format!("{}h", number + 1))),
            ("custom_deny_message", json!(name)),
            ("allow_iframe", json!(number == 0)),
        ] {
            app[field] = value;
        }
        let token = json!({"name": name, "duration": format!("{}h", 8760 * (number + 1))});
        Self { token, app, group: json!({"name": name, "include": rules, "exclude": [elsewhere(number)]}) }
    }

    /// Whether every field that it sent is its own.
    fn has_written(sent: &Value, stored: &Value) -> bool {
        sent.as_object().unwrap().iter().all(|(field, value)| match field.as_str() {
            "policies" => {
                let stored = stored[field].as_array().unwrap();
                stored.len() == 1
                    && stored[0]["name"] == value[0]["name"]
                    && stored[0]["include"] == value[0]["include"]
            }
            _ => stored[field] == *value,
        })
    }
}

#[tokio::test]
async fn two_writers_of_one_object_leave_the_whole_of_one() {
    let world = World::start().await;
    let writers = [Writer::of("left", 0), Writer::of("right", 1)];
    let kind = |part: fn(&Writer) -> &Value| [part(&writers[0]), part(&writers[1])];
    for (noun, sent) in [
        ("access/service_tokens", kind(|it| &it.token)),
        ("access/apps", kind(|it| &it.app)),
        ("access/groups", kind(|it| &it.group)),
    ] {
        let path = format!("{noun}/{}", world.post(noun, sent[0].clone()).await.id());
        for _ in 0..10 {
            let put = |sent: &Value| world.put(&path, sent.clone());
            let (one, other) = tokio::join!(put(sent[0]), put(sent[1]));
            assert!([one.status, other.status].iter().all(|status| [200, 409].contains(status)), "{path}");
            let stored = world.get(&path).await;
            let is_whole = sent.iter().any(|sent| Writer::has_written(sent, stored.result()));
            assert!(is_whole, "{}", stored.envelope);
        }
    }
    world.end().await;
}
