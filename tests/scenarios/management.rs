//! The management plane as its clients use it: lists, searches, and what an update leaves alone.

use crate::worlds::{Scenario, scenarios};
use harness::{World, policy};
use http::Method;
use serde_json::json;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        lists_end_with_an_empty_page,
        names_are_searched,
        an_application_is_found_by_domain_name_and_audience,
        an_update_replaces_an_application_and_keeps_its_policies,
        what_is_stored_is_echoed,
        every_answer_names_its_request,
    ]
}

async fn lists_end_with_an_empty_page(world: &World) {
    let name = world.unique();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.token_with(json!({"name": name})).await.id);
    }
    let page = async |query: &str| {
        let reply = world.rest.get(&format!("access/service_tokens?name={name}&{query}")).await;
        let found: Vec<String> = reply
            .result(200)
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect();
        (found, reply.json()["result_info"].clone())
    };
    let mut found = Vec::new();
    for (number, count) in [(1, 2), (2, 2), (3, 1), (4, 0), (1_000_000, 0)] {
        let (some, info) = page(&format!("page={number}&per_page=2")).await;
        assert_eq!((some.len(), &info["total_count"], &info["count"]), (count, &json!(5), &json!(count)));
        assert_eq!((&info["page"], &info["per_page"]), (&json!(number), &json!(2)));
        found.extend(some);
    }
    found.sort();
    ids.sort();
    assert_eq!(found, ids);
    for query in ["", "page=0&per_page=0", "per_page=1000", "page=-1"] {
        assert_eq!(page(query).await.0.len(), 5, "{query}");
    }
    let reply = world.rest.get("access/service_tokens?page=x").await;
    reply.failure(400);
}

async fn names_are_searched(world: &World) {
    let name = world.unique();
    let token = world.token_with(json!({"name": format!("{name} – Ünïcode % _ '")})).await;
    let count = async |query: String| {
        world.rest.get(&format!("access/service_tokens?{query}")).await.result(200).as_array().unwrap().len()
    };
    assert_eq!(count(format!("search={name}")).await, 1);
    assert_eq!(count(format!("search={}", name.to_ascii_uppercase())).await, 1);
    assert_eq!(count(format!("search={}", &token.client_id[..32])).await, 1);
    assert_eq!(count(format!("name={name}")).await, 0);
    assert_eq!(count(format!("search={name}%25_nothing")).await, 0);
    assert_eq!(count(format!("name={name}%27+OR+1%3D1")).await, 0);
}

async fn an_application_is_found_by_domain_name_and_audience(world: &World) {
    let name = world.unique();
    let app = world.app_with(json!({"name": format!("{name} shop")})).await;
    let found = async |query: String| {
        let listed = world.rest.get(&format!("access/apps?{query}")).await.result(200);
        listed.as_array().unwrap().iter().any(|it| it["id"] == json!(app.id))
    };
    assert!(found(format!("domain={}", app.domain)).await);
    assert!(found(format!("aud={}", app.aud)).await);
    assert!(found(format!("name={name}+shop")).await);
    assert!(found(format!("search={name}")).await);
    assert!(found(format!("name={name}&exact=false")).await);
    assert!(!found(format!("name={name}")).await);
    assert!(!found(format!("domain=x{}", app.domain)).await);
}

async fn an_update_replaces_an_application_and_keeps_its_policies(world: &World) {
    let (app, token) =
        world.opened_with(json!({"session_duration": "2h", "service_auth_401_redirect": true})).await;
    let body = json!({"type": "self_hosted", "domain": app.domain, "name": "only these"});
    let shown = world.rest.put(&app.path(), &body).await.result(200);
    assert_eq!((&shown["name"], &shown["session_duration"]), (&json!("only these"), &json!("24h")));
    assert_eq!(
        (&shown["service_auth_401_redirect"], &shown["policies"]),
        (&json!(false), &app.shown["policies"])
    );
    assert_eq!((&shown["aud"], &shown["created_at"]), (&app.shown["aud"], &app.shown["created_at"]));
    world.gateway().get(&app.domain).pair(&token).send().await.admitted();
}

async fn what_is_stored_is_echoed(world: &World) {
    let token = world.token().await;
    let mut rules = policy(
        "non_identity",
        &json!([token.rule(), {"ip": {"ip": "203.0.113.7"}}, {"ip": {"ip": "2001:db8::/32"}}]),
    );
    rules["require"] = json!([{"geo": {"country_code": "PT"}}]);
    rules["session_duration"] = json!("15m");
    let made = world.rest.post("access/policies", &rules).await.result(201);
    let read = world.rest.get(&format!("access/policies/{}", made["id"].as_str().unwrap())).await.result(200);
    for field in ["name", "decision", "include", "require", "session_duration"] {
        assert_eq!((&made[field], &read[field]), (&rules[field], &rules[field]), "{field}");
    }
    let group =
        json!({"name": world.unique(), "include": [{"ip": {"ip": "10.0.0.1"}}], "exclude": [token.rule()]});
    let made = world.rest.post("access/groups", &group).await.result(201);
    let read = world.rest.get(&format!("access/groups/{}", made["id"].as_str().unwrap())).await.result(200);
    for field in ["name", "include", "exclude"] {
        assert_eq!((&made[field], &read[field]), (&group[field], &group[field]), "{field}");
    }
}

async fn every_answer_names_its_request(world: &World) {
    let good = world.rest.call(Method::GET, "access/keys").send().await;
    let bad = world.rest.call(Method::GET, "access/no_such_thing").send().await;
    let ids = [&good, &bad].map(|reply| reply.header("x-request-id").unwrap_or_else(|| panic!("{reply:?}")));
    assert_ne!(ids[0], ids[1]);
}
