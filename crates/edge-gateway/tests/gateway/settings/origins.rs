//! What pages of other origins are told.

use super::{FRONTS, Front};
use crate::world::World;
use serde_json::json;

const PAGE: (&str, &str) = ("Origin", "https://page.example");
const ASKS: (&str, &str) = ("Access-Control-Request-Method", "PUT");

async fn world() -> World {
    let world = World::open().await;
    let cors = json!({
        "allowed_origins": ["https://Page.example:443"], "allowed_methods": ["GET", "PUT"],
        "allowed_headers": ["x-a"], "allow_credentials": true, "max_age": 60,
    });
    world.set("app.localhost", json!({"cors_headers": cors})).await;
    world
}

#[tokio::test]
async fn a_preflight_request_is_answered_and_never_reaches_the_application() {
    let world = world().await;
    for front in FRONTS {
        let told = world.ask(front, "OPTIONS", "app.localhost", &[PAGE, ASKS]).await;
        if !front.carries_all() {
            assert_eq!(told.outcome(), (403, "PREFLIGHT_NOT_CARRIED"), "{front:?}");
            continue;
        }
        assert_eq!(told.outcome(), (204, "-"), "{front:?} {told:?}");
        for (name, value) in [
            ("access-control-allow-origin", PAGE.1),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "GET, PUT"),
            (
                "access-control-allow-headers",
                "x-a, cf-access-token, cf-access-client-id, cf-access-client-secret",
            ),
            ("access-control-max-age", "60"),
            ("vary", "Origin"),
        ] {
            assert_eq!(told.only(name), value, "{front:?} {name}");
        }
    }
    assert!(world.upstream.take().is_empty());
}

#[tokio::test]
async fn no_other_origin_is_ever_said_again() {
    let world = world().await;
    for front in FRONTS {
        for origin in [
            "null",
            "https://page.example.evil.example",
            "http://page.example",
            "https://evil.example",
            "https://page.example, https://evil.example",
            "*",
        ] {
            let other = ("Origin", origin);
            let told = world.ask(front, "OPTIONS", "app.localhost", &[other, ASKS]).await;
            assert_eq!(told.outcome(), (403, "PREFLIGHT_ORIGIN_DENIED"), "{front:?} {origin}");
            let refused = world.ask(front, "GET", "app.localhost", &[other]).await;
            assert_eq!(refused.outcome(), (401, "CREDENTIAL_MISSING"), "{front:?} {origin}");
            for told in [told, refused] {
                assert_eq!((told.only("access-control-allow-origin"), told.only("vary")), ("-", "Origin"));
            }
        }
        let twice = [PAGE, ("Origin", "https://evil.example")];
        let told = world.ask(front, "GET", "app.localhost", &twice).await;
        assert_eq!(told.only("access-control-allow-origin"), "-", "{front:?}");
    }
}

#[tokio::test]
async fn a_page_that_may_reads_why_it_is_refused() {
    let world = world().await;
    for front in FRONTS {
        let told = world.ask(front, "GET", "app.localhost", &[PAGE]).await;
        assert_eq!(told.outcome(), (401, "CREDENTIAL_MISSING"), "{front:?}");
        assert_eq!(told.only("access-control-allow-origin"), PAGE.1, "{front:?}");
        assert_eq!(told.only("access-control-allow-credentials"), "true", "{front:?}");
        let elsewhere = world.ask(front, "GET", "preflight.localhost", &[PAGE]).await;
        assert_eq!(elsewhere.only("access-control-allow-origin"), "-", "{front:?}");
    }
}

#[tokio::test]
async fn what_every_origin_may_is_a_star_without_credentials() {
    let world = World::open().await;
    let all = json!({"allow_all_origins": true, "allow_all_methods": true, "allow_all_headers": true});
    world.set("app.localhost", json!({"cors_headers": all})).await;
    let headers = ("Access-Control-Request-Headers", "authorization, x b, x-c");
    for front in [Front::Proxy, Front::Envoy] {
        let told = world.ask(front, "OPTIONS", "app.localhost", &[("Origin", "null"), ASKS, headers]).await;
        assert_eq!(told.outcome(), (204, "-"), "{front:?}");
        assert_eq!(told.only("access-control-allow-origin"), "*");
        assert_eq!(told.only("access-control-allow-credentials"), "-");
        assert_eq!(told.only("access-control-allow-methods"), "PUT");
        assert_eq!(told.only("access-control-allow-headers"), "authorization, x-c");
    }
}

#[tokio::test]
async fn a_preflight_request_that_nobody_has_settings_for_is_403() {
    let world = World::open().await;
    for front in FRONTS {
        let told = world.ask(front, "OPTIONS", "app.localhost", &[PAGE, ASKS]).await;
        assert_eq!(told.outcome(), (403, "PREFLIGHT_DENIED"), "{front:?}");
        let open = world.ask(front, "OPTIONS", "preflight.localhost", &[PAGE, ASKS]).await;
        assert_eq!(open.status, 200, "{front:?}");
    }
}
