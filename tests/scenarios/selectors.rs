//! Item 5: each selector, against what a gateway knows of a request.

use crate::worlds::{Scenario, scenarios};
use harness::{App, World, policy, service_auth};
use serde_json::{Value, json};

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        any_valid_service_token_means_any_of_the_account,
        an_address_is_the_one_before_the_trusted_proxy,
        a_country_is_the_one_that_the_trusted_proxy_names,
        certificate_rules_hold_for_no_one_without_a_certificate,
        login_rules_hold_for_no_machine,
        an_address_alone_may_obtain_a_session,
        rules_are_judged_on_every_request,
    ]
}

async fn open_to(world: &World, rule: Value) -> App {
    world.app(&[policy("bypass", &json!([rule]))]).await
}

async fn any_valid_service_token_means_any_of_the_account(world: &World) {
    let app = world.app(&[policy("non_identity", &json!([{"any_valid_service_token": {}}]))]).await;
    for gateway in &world.gateways {
        let token = world.token().await;
        gateway.get(&app.domain).pair(&token).send().await.admitted();
        let wrong = token.with_secret(&"b2".repeat(32));
        assert_eq!(gateway.get(&app.domain).pair(&wrong).send().await.refused(401), "TOKEN_UNKNOWN");
        assert_eq!(gateway.get(&app.domain).send().await.refused(401), "CREDENTIAL_MISSING");
    }
}

async fn an_address_is_the_one_before_the_trusted_proxy(world: &World) {
    for (rule, address, is_open) in [
        ("203.0.113.0/24", "203.0.113.200", true),
        ("203.0.113.0/24", "203.0.114.1", false),
        ("203.0.113.9", "203.0.113.9", true),
        ("203.0.113.9", "203.0.113.10", false),
        ("2001:db8::/32", "2001:db8:1::7", true),
        ("2001:db8::/32", "2001:db9::7", false),
        // One address in two dresses.
        ("203.0.113.0/24", "::ffff:203.0.113.5", true),
        // What the client itself wrote stands to the left of what the proxy saw.
        ("203.0.113.0/24", "203.0.113.5, 198.51.100.1", false),
        ("203.0.113.0/24", "198.51.100.1, 203.0.113.5", true),
        ("203.0.113.0/24", "203.0.113.5, 127.0.0.1", true),
        ("203.0.113.0/24", "not an address", false),
    ] {
        let app = open_to(world, json!({"ip": {"ip": rule}})).await;
        for gateway in &world.gateways {
            let reply = gateway.get(&app.domain).from_address(address).send().await;
            assert_eq!(reply.status == 200, is_open, "{rule} {address}: {reply:?}");
        }
    }
    let local = open_to(world, json!({"ip": {"ip": "127.0.0.1/32"}})).await;
    world.gateway().get(&local.domain).send().await.admitted();
}

async fn a_country_is_the_one_that_the_trusted_proxy_names(world: &World) {
    let app = open_to(world, json!({"geo": {"country_code": "PT"}})).await;
    for gateway in &world.gateways {
        gateway.get(&app.domain).from_country("PT").send().await.admitted();
        for code in ["ES", "XX", "", "Portugal"] {
            assert_eq!(gateway.get(&app.domain).from_country(code).send().await.status, 401, "{code}");
        }
        assert_eq!(gateway.get(&app.domain).send().await.status, 401);
        let twice = gateway.get(&app.domain).from_country("PT").from_country("ES");
        // One of them is not the proxy's.
        assert_eq!(twice.send().await.status, 400);
    }
}

async fn certificate_rules_hold_for_no_one_without_a_certificate(world: &World) {
    let token = world.token().await;
    let name = token.client_id.as_str();
    for rule in [json!({"certificate": {}}), json!({"common_name": {"common_name": name}})] {
        let app = world.app(&[policy("non_identity", &json!([rule]))]).await;
        let get = || world.gateway().get(&app.domain);
        let claimed =
            get().header("cf-client-cert-sha256", &"ab".repeat(32)).header("x-forwarded-client-cert", "CN=x");
        assert_eq!(claimed.send().await.refused(401), "CREDENTIAL_MISSING");
        assert_eq!(get().pair(&token).send().await.refused(403), "POLICY_NO_MATCH");
    }
}

async fn login_rules_hold_for_no_machine(world: &World) {
    let token = world.token().await;
    let rules = json!([
        {"email": {"email": "ada@example.test"}},
        {"email_domain": {"domain": "example.test"}},
        {"login_method": {"id": "5d3f6a9e-8f43-4c3b-9a30-54b1a4a7c001"}},
    ]);
    for decision in ["allow", "non_identity"] {
        let app = world.app(&[policy(decision, &rules)]).await;
        let call = world.gateway().get(&app.domain).pair(&token);
        let call = call.header("cf-access-authenticated-user-email", "ada@example.test");
        assert_eq!(call.send().await.refused(403), "POLICY_NO_MATCH", "{decision}");
        assert_eq!(world.gateway().get(&app.domain).send().await.refused(401), "CREDENTIAL_MISSING");
    }
}

async fn an_address_alone_may_obtain_a_session(world: &World) {
    let app = world.app(&[policy("non_identity", &json!([{"ip": {"ip": "203.0.113.0/24"}}]))]).await;
    for gateway in &world.gateways {
        let reply = gateway.get(&app.domain).from_address("203.0.113.4").send().await;
        assert!(reply.admitted().header("cf-access-jwt-assertion").is_some());
        let Some(session) = reply.cookie() else { continue };
        world.secrets.note_session(&session);
        // It is worth nothing elsewhere: the address is judged again.
        let elsewhere = gateway.get(&app.domain).cookie(&session).from_address("198.51.100.4").send().await;
        assert!(matches!(elsewhere.status, 401 | 403), "{elsewhere:?}");
    }
}

async fn rules_are_judged_on_every_request(world: &World) {
    let token = world.token().await;
    let mut rules = service_auth(&[&token]);
    rules["require"] = json!([{"ip": {"ip": "203.0.113.0/24"}}]);
    let app = world.app(&[rules]).await;
    for gateway in &world.gateways {
        let inside = gateway.get(&app.domain).pair(&token).from_address("203.0.113.4").send().await;
        inside.admitted();
        let session = inside.cookie().unwrap();
        world.secrets.note_session(&session);
        for (address, status) in [("203.0.113.5", 200), ("198.51.100.4", 403), ("203.0.113.4", 200)] {
            let get = || gateway.get(&app.domain).from_address(address);
            for call in [get().cookie(&session), get().session(&session), get().pair(&token)] {
                assert_eq!(call.send().await.status, status, "{address}");
            }
        }
    }
}
