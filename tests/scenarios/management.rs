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
        a_policy_made_reusable_goes_on_admitting_and_serves_a_second_application,
        what_is_revoked_in_a_zone_is_refused,
        two_settings_change_and_the_door_stays_as_it_was,
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

async fn a_policy_made_reusable_goes_on_admitting_and_serves_a_second_application(world: &World) {
    let (app, token) = world.opened().await;
    let made = world.rest.put(&format!("{}/make_reusable", app.policy(0)), &json!({})).await.result(200);
    assert_eq!(made["reusable"], json!(true));
    let id = made["id"].as_str().unwrap();
    world.gateway().get(&app.domain).pair(&token).send().await.admitted();
    let second = world.app_with(json!({"policies": [id]})).await;
    world.gateway().get(&second.domain).pair(&token).send().await.admitted();
    // One edit closes both.
    let shut = policy("deny", &json!([token.rule()]));
    world.rest.put(&format!("access/policies/{id}"), &shut).await.result(200);
    for app in [&app, &second] {
        world.gateway().get(&app.domain).pair(&token).send().await.refused(403);
    }
}

async fn what_is_revoked_in_a_zone_is_refused(world: &World) {
    let (app, token) = world.opened().await;
    world.gateway().get(&app.domain).pair(&token).send().await.admitted();
    let rest = &world.rest;
    // A zone that is not configured is taken for an account.
    let call = |method, path: &str| {
        let path = format!("/client/v4/zones/{}/{path}", rest.account_id);
        let bearer = format!("Bearer {}", rest.api_token);
        rest.client.call(rest.address, method, &path).header("authorization", &bearer)
    };
    let shown = call(Method::GET, &app.path()).send().await.result(200);
    assert_eq!(shown["aud"], json!(app.aud));
    let off = json!({"enabled": false});
    let reply = call(Method::PUT, &token.path()).json(&off).send().await;
    assert_eq!(reply.result(200)["enabled"], json!(false));
    world.gateway().get(&app.domain).pair(&token).send().await.refused(403);
    call(Method::GET, "access/policies").send().await.failure(404);
}

async fn two_settings_change_and_the_door_stays_as_it_was(world: &World) {
    let (app, token) = world.opened_with(json!({"session_duration": "2h"})).await;
    let path = format!("{}/settings", app.path());
    let set = world.rest.patch(&path, &json!({"skip_interstitial": true})).await.result(200);
    assert_eq!(set, json!({"allow_iframe": false, "skip_interstitial": true}));
    let shown = world.rest.get(&app.path()).await.result(200);
    for field in ["session_duration", "policies", "aud"] {
        assert_eq!(shown[field], app.shown[field], "{field}");
    }
    world.gateway().get(&app.domain).pair(&token).send().await.admitted();
}
