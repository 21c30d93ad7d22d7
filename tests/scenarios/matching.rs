//! Item 5: which application a host and path belong to. A refusal says it by its audience.

use crate::worlds::{Scenario, scenarios};
use harness::{World, policy};
use http::Method;
use serde_json::json;
use std::collections::BTreeMap;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        the_most_specific_application_is_asked,
        nothing_is_inherited_from_a_shorter_path,
        a_host_that_nobody_protects_is_not_served,
        the_host_is_read_in_one_way,
        the_path_that_is_judged_is_the_path_that_is_forwarded,
        an_application_may_have_several_destinations,
    ]
}

async fn the_most_specific_application_is_asked(world: &World) {
    let base = world.unique_host();
    let mut names = BTreeMap::new();
    for pattern in ["{}", "*.{}", "*test.{}", "{}/alpha", "{}/alpha/*", "{}/foo*/bar", "{}/alpha/deep/er"] {
        let app = world.app_with(json!({"domain": pattern.replace("{}", &base)})).await;
        names.insert(app.aud, pattern);
    }
    for (host, path, expected) in [
        ("{}", "/", "{}"),
        ("{}", "/alphabet", "{}"),
        ("{}", "/ALPHA", "{}"),
        ("{}", "/alpha", "{}/alpha"),
        ("{}", "/alpha?x=/alpha/y", "{}/alpha"),
        ("{}", "/alpha/x", "{}/alpha/*"),
        ("{}", "/alpha/x/y", "{}/alpha/*"),
        ("{}", "/alpha/deep/er/still", "{}/alpha/deep/er"),
        ("{}", "/foo/bar", "{}/foo*/bar"),
        ("{}", "/food/stuff/bar", "{}/foo*/bar"),
        ("{}", "/food", "{}"),
        ("a.{}", "/alpha", "*.{}"),
        ("test.{}", "/", "*test.{}"),
        ("alphatest.{}", "/x", "*test.{}"),
        ("testalpha.{}", "/", "*.{}"),
        ("a.b.{}", "/", ""),
        ("x{}", "/", ""),
    ] {
        for gateway in &world.gateways {
            let reply = gateway.call(Method::GET, &host.replace("{}", &base), path).send().await;
            let found = reply.header("cf-access-aud").and_then(|aud| names.get(aud)).copied();
            assert_eq!(found.unwrap_or_default(), expected, "{host} {path}: {reply:?}");
            assert_eq!(reply.status, if expected.is_empty() { 404 } else { 401 }, "{reply:?}");
        }
    }
}

async fn nothing_is_inherited_from_a_shorter_path(world: &World) {
    let host = world.unique_host();
    let open = policy("bypass", &json!([{"everyone": {}}]));
    world.app_with(json!({"domain": host, "policies": [open]})).await;
    world.app_with(json!({"domain": format!("{host}/closed")})).await;
    let get = async |path| world.gateway().call(Method::GET, &host, path).send().await.status;
    assert_eq!((get("/").await, get("/closedx").await), (200, 200));
    assert_eq!((get("/closed").await, get("/closed/x").await), (401, 401));
}

async fn a_host_that_nobody_protects_is_not_served(world: &World) {
    let host = world.unique_host();
    for gateway in &world.gateways {
        for call in [gateway.get(&host), gateway.get(&host).pair(&world.token().await)] {
            assert_eq!(call.send().await.refused(404), "APPLICATION_NOT_FOUND");
        }
    }
    assert!(world.upstream().requests_to(&host).is_empty());
}

async fn the_host_is_read_in_one_way(world: &World) {
    let (app, token) = world.opened().await;
    let port = world.gateway().address.port();
    let (upper, dotted, with_port) =
        (app.domain.to_ascii_uppercase(), format!("{}.", app.domain), format!("{}:{port}", app.domain));
    for host in [&upper, &dotted, &with_port] {
        world.gateway().get(host).pair(&token).send().await.admitted();
        assert_eq!(world.gateway().get(host).send().await.refused(401), "CREDENTIAL_MISSING");
    }
    let other = world.opened().await.0;
    for host in [
        format!("{}@{}", other.domain, app.domain),
        format!("{} ", app.domain),
        format!("{}:x", app.domain),
        String::new(),
    ] {
        let reply = world.gateway().get(&host).pair(&token).send().await;
        assert!(reply.status != 200 || host.ends_with(' '), "{host}: {reply:?}");
    }
    let twice = world.gateway().get(&app.domain).header("host", &other.domain).pair(&token).send().await;
    assert_eq!(twice.status, 400, "{twice:?}");
}

async fn the_path_that_is_judged_is_the_path_that_is_forwarded(world: &World) {
    let host = world.unique_host();
    let open = policy("bypass", &json!([{"everyone": {}}]));
    let public = world.app_with(json!({"domain": format!("{host}/pub"), "policies": [open]})).await;
    world.app_with(json!({"domain": format!("{host}/admin")})).await;
    let gateway = world.gateway();
    for path in [
        "/pub/../admin",
        "/pub/%2e%2e/admin",
        "/pub/./../admin",
        "//admin",
        "/pub/.%2E/admin",
        "/./admin",
        "/%61dmin",
    ] {
        let reply = gateway.call(Method::GET, &host, path).send().await;
        assert!(matches!(reply.status, 400 | 401), "{path}: {reply:?}");
    }
    for path in [
        "/pub/..%2fadmin",
        "/pub/%5c../admin",
        "/pub/..;/admin",
        "/pub;x/../admin",
        "/pub/a%00b",
        "/../pub",
        "/pub/%zz",
    ] {
        let reply = gateway.call(Method::GET, &host, path).send().await;
        assert!(matches!(reply.status, 400 | 401 | 404), "{path}: {reply:?}");
    }
    for (sent, forwarded) in [
        ("/pub/a/../b", "/pub/b"),
        ("/pub//a", "/pub/a"),
        ("/pub/%61", "/pub/a"),
        ("/pub/%252e", "/pub/%252e"),
        ("/pub/a?u=/../admin", "/pub/a?u=/../admin"),
    ] {
        let reply = gateway.call(Method::GET, &host, sent).send().await;
        if reply.status != 400 {
            assert_eq!(reply.admitted().target, forwarded, "{sent}");
        }
    }
    let for_proxies = ["x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-prefix"];
    for header in for_proxies {
        let reply = gateway.call(Method::GET, &host, "/admin").header(header, "/pub").send().await;
        assert_eq!(reply.status, 401, "{header}");
    }
    assert!(
        !world
            .upstream()
            .requests_to(&host)
            .iter()
            .any(|seen| seen.target.contains("admin") && !seen.target.contains('?')),
        "{public:?}"
    );
}

async fn an_application_may_have_several_destinations(world: &World) {
    let (first, second) = (world.unique_host(), world.unique_host());
    let destinations =
        json!([{"type": "public", "uri": first}, {"type": "public", "uri": format!("{second}/x")}]);
    let (app, token) = world.opened_with(json!({"domain": first, "destinations": destinations})).await;
    let session = world.gateway().session(&app, &token).await;
    for gateway in &world.gateways {
        gateway.get(&first).cookie(&session).send().await.admitted();
        gateway.call(Method::GET, &second, "/x").cookie(&session).send().await.admitted();
        assert_eq!(gateway.get(&second).cookie(&session).send().await.refused(404), "APPLICATION_NOT_FOUND");
    }
}
