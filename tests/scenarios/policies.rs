//! Item 5: decisions and their order; include, require, exclude; groups.

use crate::worlds::{Scenario, scenarios};
use harness::{World, deny, policy, service_auth};
use serde_json::{Value, json};

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        without_a_policy_nobody_passes,
        bypass_lets_everybody_pass_without_identity,
        allow_needs_a_login,
        a_block_policy_refuses_with_its_own_reason,
        service_auth_and_bypass_come_before_allow_and_block,
        the_first_of_a_kind_decides,
        precedence_is_the_order,
        whoever_is_not_included_is_refused,
        a_blocked_machine_gets_401_where_the_application_says_so,
        require_is_and_exclude_is_not,
        a_group_stands_for_its_rules,
        a_required_group_is_an_or,
        a_reusable_policy_serves_several_applications,
    ]
}

/// Everybody who comes from there.
fn from(addresses: &str) -> Value {
    json!([{"ip": {"ip": addresses}}])
}

fn everyone() -> Value {
    json!([{"everyone": {}}])
}

async fn without_a_policy_nobody_passes(world: &World) {
    let (app, token) = (world.app(&[]).await, world.token().await);
    assert_eq!(world.gateway().get(&app.domain).send().await.refused(401), "CREDENTIAL_MISSING");
    let reply = world.gateway().get(&app.domain).pair(&token).send().await;
    assert_eq!(reply.refused(403), "POLICY_NO_MATCH");
    assert_eq!(reply.header("cf-access-aud"), Some(app.aud.as_str()));
}

async fn bypass_lets_everybody_pass_without_identity(world: &World) {
    let (app, token) = (world.app(&[policy("bypass", &everyone())]).await, world.token().await);
    for gateway in &world.gateways {
        let get = || gateway.get(&app.domain);
        let wrong = token.with_secret(&"a1".repeat(32));
        for call in [get(), get().pair(&token), get().pair(&wrong), get().cookie("junk")] {
            let reply = call.send().await;
            assert_eq!(reply.admitted().header("cf-access-jwt-assertion"), None);
            assert!(reply.cookie_line().is_none(), "{reply:?}");
        }
    }
}

async fn allow_needs_a_login(world: &World) {
    let token = world.token().await;
    let rules = json!([{"everyone": {}}, token.rule(), {"any_valid_service_token": {}}, {"ip": {"ip": "127.0.0.0/8"}}]);
    let app = world.app(&[policy("allow", &rules)]).await;
    assert_eq!(world.gateway().get(&app.domain).send().await.refused(401), "CREDENTIAL_MISSING");
    // Never a login page: 401 or 403, as the contract has it for machines.
    let reply = world.gateway().get(&app.domain).pair(&token).send().await;
    assert_eq!(reply.refused(403), "POLICY_NO_MATCH");
}

async fn a_block_policy_refuses_with_its_own_reason(world: &World) {
    let token = world.token().await;
    let app = world.app(&[deny(&everyone())]).await;
    for call in [world.gateway().get(&app.domain), world.gateway().get(&app.domain).pair(&token)] {
        let reply = call.send().await;
        assert_eq!(reply.refused(403), "POLICY_DENIED");
        assert_eq!(reply.header("cf-access-domain"), Some(app.domain.as_str()));
    }
}

async fn service_auth_and_bypass_come_before_allow_and_block(world: &World) {
    let token = world.token().await;
    let app = world
        .app(&[
            policy("allow", &everyone()),
            deny(&from("203.0.113.0/24")),
            service_auth(&[&token]),
            policy("bypass", &from("203.0.113.7")),
        ])
        .await;
    let from = |address: &str| world.gateway().get(&app.domain).from_address(address);
    assert_eq!(from("203.0.113.7").send().await.admitted().header("cf-access-jwt-assertion"), None);
    assert!(
        from("203.0.113.8").pair(&token).send().await.admitted().header("cf-access-jwt-assertion").is_some()
    );
    assert_eq!(from("203.0.113.8").send().await.refused(403), "POLICY_DENIED");
    assert_eq!(from("198.51.100.1").send().await.refused(401), "CREDENTIAL_MISSING");
}

async fn the_first_of_a_kind_decides(world: &World) {
    let open = policy("bypass", &from("203.0.113.0/24"));
    let known = policy("non_identity", &from("203.0.113.0/24"));
    let bypassing = world.app(&[open.clone(), known.clone()]).await;
    let asserting = world.app(&[known, open]).await;
    for gateway in &world.gateways {
        let seen = async |host: &str| gateway.get(host).from_address("203.0.113.9").send().await.admitted();
        assert!(seen(&bypassing.domain).await.header("cf-access-jwt-assertion").is_none());
        assert!(seen(&asserting.domain).await.header("cf-access-jwt-assertion").is_some());
    }
}

async fn precedence_is_the_order(world: &World) {
    let app = world.app(&[]).await;
    let add = async |mut policy: Value, precedence: u32| {
        policy["precedence"] = json!(precedence);
        world.rest.post(&format!("{}/policies", app.path()), &policy).await.result(201)
    };
    let later = add(policy("bypass", &everyone()), 2).await;
    let earlier = add(policy("non_identity", &everyone()), 1).await;
    let shown = world.rest.get(&app.path()).await.result(200);
    assert_eq!((&shown["policies"][0]["id"], &shown["policies"][1]["id"]), (&earlier["id"], &later["id"]));
    let seen = world.gateway().get(&app.domain).send().await.admitted();
    assert!(seen.header("cf-access-jwt-assertion").is_some(), "the policy of precedence 1 decides: {seen:?}");
}

async fn whoever_is_not_included_is_refused(world: &World) {
    let ((app, token), other) = (world.opened().await, world.token().await);
    for gateway in &world.gateways {
        let reply = gateway.get(&app.domain).pair(&other).send().await;
        assert_eq!(reply.refused(403), "POLICY_NO_MATCH");
        gateway.get(&app.domain).pair(&token).send().await.admitted();
        assert_eq!(gateway.get(&app.domain).pair(&other).send().await.refused(403), "POLICY_NO_MATCH");
    }
}

async fn a_blocked_machine_gets_401_where_the_application_says_so(world: &World) {
    let (app, _) = world.opened_with(json!({"service_auth_401_redirect": true})).await;
    let other = world.token().await;
    assert_eq!(world.gateway().get(&app.domain).pair(&other).send().await.refused(401), "POLICY_NO_MATCH");
}

async fn require_is_and_exclude_is_not(world: &World) {
    let (first, second) = (world.token().await, world.token().await);
    let mut rules = service_auth(&[&first, &second]);
    rules["require"] = json!([{"ip": {"ip": "203.0.113.0/24"}}, {"geo": {"country_code": "PT"}}]);
    rules["exclude"] = json!([second.rule(), {"ip": {"ip": "203.0.113.66"}}]);
    let app = world.app(&[rules]).await;
    for gateway in &world.gateways {
        let try_as = async |token, address, country| {
            let call = gateway.get(&app.domain).pair(token).from_address(address).from_country(country);
            call.send().await.status
        };
        assert_eq!(try_as(&first, "203.0.113.5", "PT").await, 200);
        assert_eq!(try_as(&first, "203.0.113.5", "ES").await, 403);
        assert_eq!(try_as(&first, "198.51.100.5", "PT").await, 403);
        assert_eq!(try_as(&first, "203.0.113.66", "PT").await, 403);
        assert_eq!(try_as(&second, "203.0.113.5", "PT").await, 403);
    }
}

/// Makes a group and gives the rule that names it.
pub async fn group(world: &World, rules: &Value) -> (String, Value) {
    let mut body = rules.clone();
    body["name"] = json!(world.unique());
    let made = world.rest.post("access/groups", &body).await.result(201);
    let id = made["id"].as_str().unwrap().to_owned();
    let rule = json!({"group": {"id": id}});
    (id, rule)
}

async fn a_group_stands_for_its_rules(world: &World) {
    let (inner, outer, excluded) = (world.token().await, world.token().await, world.token().await);
    let (_, within) =
        group(world, &json!({"include": [inner.rule(), excluded.rule()], "exclude": [excluded.rule()]}))
            .await;
    let (_, rule) = group(world, &json!({"include": [within, outer.rule()]})).await;
    let app = world.app(&[policy("non_identity", &json!([rule]))]).await;
    for gateway in &world.gateways {
        for (token, status) in [(&inner, 200), (&outer, 200), (&excluded, 403)] {
            assert_eq!(gateway.get(&app.domain).pair(token).send().await.status, status);
        }
    }
}

async fn a_required_group_is_an_or(world: &World) {
    let token = world.token().await;
    let countries = ["PT", "ES"].map(|code| json!({"geo": {"country_code": code}}));
    let mut impossible = service_auth(&[&token]);
    let mut iberian = impossible.clone();
    impossible["require"] = json!(countries);
    iberian["require"] = json!([group(world, &json!({"include": countries})).await.1]);
    let (never, app) = (world.app(&[impossible]).await, world.app(&[iberian]).await);
    let get = async |host: &str, code| {
        world.gateway().get(host).pair(&token).from_country(code).send().await.status
    };
    assert_eq!((get(&app.domain, "PT").await, get(&app.domain, "ES").await), (200, 200));
    assert_eq!(get(&app.domain, "FR").await, 403);
    assert_eq!((get(&never.domain, "PT").await, get(&never.domain, "ES").await), (403, 403));
}

async fn a_reusable_policy_serves_several_applications(world: &World) {
    let token = world.token().await;
    let made = world.rest.post("access/policies", &service_auth(&[&token])).await.result(201);
    assert_eq!(made["reusable"], json!(true));
    let first = world.app(&[made["id"].clone()]).await;
    let second = world.app(&[json!({"id": made["id"], "precedence": 1})]).await;
    for gateway in &world.gateways {
        for app in [&first, &second] {
            gateway.get(&app.domain).pair(&token).send().await.admitted();
        }
    }
    let path = format!("access/policies/{}", made["id"].as_str().unwrap());
    assert_eq!(world.rest.get(&path).await.result(200)["app_count"], json!(2));
    let refusal = world.rest.delete(&path).await.failure(409);
    assert!(refusal["message"].as_str().unwrap().contains("in_use"), "{refusal}");
    world.gateway().get(&first.domain).pair(&token).send().await.admitted();
}
