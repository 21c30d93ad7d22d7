//! Whatever is sent, the answer is a success or a refusal in the envelope, and names come back as they were given.

use crate::world::{ACCOUNT, World};
use crate::{app, policy};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A route that reads a body, and one that it takes.
struct Route {
    method: &'static str,
    path: String,
    body: Value,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn routes(world: &World) -> Vec<Route> {
    let everyone = json!([{"everyone": {}}]);
    let token = world.post("access/service_tokens", json!({"name": "t"})).await.id();
    let rules = json!([{"service_token": {"token_id": token}}, {"ip": {"ip": "10.0.0.0/8"}}]);
    let made = world.post("access/apps", app("one.example.com", json!([policy("own", rules.clone())]))).await;
    let own = made.result()["policies"][0]["id"].as_str().unwrap().to_owned();
    let reusable = world.post("access/policies", policy("r", everyone.clone())).await.id();
    let group = world.post("access/groups", json!({"name": "g", "include": everyone})).await.id();
    world.post("access/tags", json!({"name": "tag"})).await;
    let mut full = app("two.example.com", json!([reusable, policy("own", rules.clone())]));
    full["cors_headers"] = json!({"allowed_origins": ["https://x.test"], "max_age": 5});
    for (field, value) in [("tags", json!(["tag"])), ("session_duration", json!("1h"))] {
        full[field] = value;
    }
    let inactivity = json!({"enabled": true, "inactivity_threshold_days": 30, "action": "disable"});
    let organization =
        json!({"name": "o", "auth_domain": "t.example.com", "service_token_inactivity": inactivity});
    let flags = json!({"allow_iframe": true, "skip_interstitial": false});
    let app_path = format!("access/apps/{}", made.id());
    let token_path = format!("access/service_tokens/{token}");
    let route =
        |method, path: &str, body: &Value| Route { method, path: path.to_owned(), body: body.clone() };
    let host = json!({"hostname": "a.test", "china_network": false, "client_certificate_forwarding": true});
    vec![
        route("POST", "access/service_tokens", &json!({"name": "n", "duration": "8760h", "enabled": true})),
        route("PUT", &token_path, &json!({"name": "n", "client_secret_version": 2, "enabled": true})),
        route(
            "POST",
            &format!("{token_path}/rotate"),
            &json!({"previous_client_secret_expires_at": "2099-01-01T00:00:00Z"}),
        ),
        route("POST", &format!("{token_path}/refresh"), &json!({})),
        route("POST", "access/apps", &full),
        route("PUT", &app_path, &full),
        route("PUT", &format!("{app_path}/settings"), &flags),
        route("PATCH", &format!("{app_path}/settings"), &flags),
        route("POST", &format!("{app_path}/policies"), &policy("n", rules.clone())),
        route("PUT", &format!("{app_path}/policies/{own}"), &policy("n", rules.clone())),
        route("PUT", &format!("{app_path}/policies/{own}/make_reusable"), &json!({})),
        route("POST", "access/policies", &policy("n", rules.clone())),
        route("PUT", &format!("access/policies/{reusable}"), &policy("n", rules.clone())),
        route("POST", "access/groups", &json!({"name": "n", "include": rules, "is_default": false})),
        route("PUT", &format!("access/groups/{group}"), &json!({"name": "n", "include": rules})),
        route("PUT", "access/organizations", &organization),
        route("PATCH", "access/organizations", &organization),
        route("POST", "access/organizations/revoke_user", &json!({"email": "a@example.com"})),
        route("POST", "access/tags", &json!({"name": "n"})),
        route("PUT", "access/tags/tag", &json!({"name": "n"})),
        route("POST", "access/certificates", &json!({"name": "n", "certificate": "x"})),
        route("PUT", "access/certificates/settings", &json!({"settings": [host]})),
        route("PUT", "access/keys", &json!({"key_rotation_interval_days": 30})),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("x".repeat(5000))),
        Just(json!("\u{0}")),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{0,8}", inner, 0..4).prop_map(|it| it.into_iter().collect()),
        ]
    })
}

/// Puts `value` where `at` leads, however deep.
fn replace(body: &mut Value, at: &[usize], value: Value) {
    let Some((first, rest)) = at.split_first() else {
        *body = value;
        return;
    };
    match body {
        Value::Object(members) if !members.is_empty() => {
            let index = first % members.len();
            replace(members.values_mut().nth(index).unwrap(), rest, value);
        }
        Value::Array(items) if !items.is_empty() => {
            let index = first % items.len();
            replace(&mut items[index], rest, value);
        }
        _ => *body = value,
    }
}

#[test]
fn any_body_is_taken_or_refused_in_the_envelope() {
    let runtime = runtime();
    let world = runtime.block_on(World::start());
    let routes = runtime.block_on(routes(&world));
    let mutations = prop::collection::vec((prop::collection::vec(any::<usize>(), 1..5), any_value()), 0..4);
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(any::<usize>(), mutations), |(which, mutations)| {
        let Route { method, path, body } = &routes[which % routes.len()];
        let mut body = body.clone();
        for (at, value) in mutations {
            replace(&mut body, &at, value);
        }
        // Which fails for 500 and for anything but an envelope.
        let answer = runtime.block_on(world.ask(ACCOUNT, method, path, &body));
        prop_assert!(
            (200..500).contains(&answer.status),
            "{} {} {}: {}",
            method,
            path,
            body,
            answer.envelope
        );
        if answer.status == 400 {
            let errors = answer.envelope["errors"].as_array().unwrap();
            prop_assert!(errors.iter().all(|it| it["source"]["pointer"].is_string()), "{}", answer.envelope);
        }
        Ok(())
    });
    runtime.block_on(world.end());
    outcome.unwrap();
}

#[test]
fn a_name_comes_back_as_it_was_given_or_is_refused() {
    let runtime = runtime();
    let world = runtime.block_on(World::start());
    let name =
        prop_oneof![any::<String>(), "\\PC{1,40}", Just("\u{202e}\u{feff} \u{ad}é e\u{301} 名前 🚪".to_owned())];
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let everyone = json!([{"everyone": {}}]);
    let outcome = runner.run(&name, |name| {
        for (noun, body) in [
            ("service_tokens", json!({"name": name})),
            ("policies", policy(&name, everyone.clone())),
            ("groups", json!({"name": name, "include": everyone})),
            ("tags", json!({"name": name})),
        ] {
            let made = runtime.block_on(world.post(&format!("access/{noun}"), body));
            match made.status {
                201 => {
                    prop_assert_eq!(&made.result()["name"], &json!(name));
                    if noun != "tags" {
                        let path = format!("access/{noun}/{}", made.id());
                        let read = runtime.block_on(world.get(&path));
                        prop_assert_eq!(&read.result()["name"], &json!(name));
                    }
                }
                400 => prop_assert_eq!(made.refusal().2, "/name"),
                // The tag may be there from an earlier case.
                status => prop_assert_eq!((status, noun), (409, "tags")),
            }
        }
        Ok(())
    });
    runtime.block_on(world.end());
    outcome.unwrap();
}
