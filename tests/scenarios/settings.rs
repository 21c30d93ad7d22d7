//! Settings that an application's requests meet: from the management API to every gateway.

use crate::worlds::{Scenario, scenarios};
use harness::World;
use http::Method;
use serde_json::{Value, json};

const PAGE: &str = "https://page.example";
const HELP: &str = "https://help.example/why";

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        what_an_application_says_to_others_is_said_at_every_gateway,
        what_would_harm_is_not_stored,
    ]
}

async fn what_an_application_says_to_others_is_said_at_every_gateway(world: &World) {
    let cors = json!({"allowed_origins": [PAGE], "allowed_methods": ["PUT"], "allow_credentials": true});
    let host = world.unique_host();
    let app = world
        .app_with(json!({
            "domain": host, "cors_headers": cors, "custom_deny_message": "ask us",
            "custom_non_identity_deny_url": HELP,
        }))
        .await;
    assert_eq!(app.shown["cors_headers"], cors);
    let preflight = |origin: &'static str| {
        let call = world.gateway().call(Method::OPTIONS, &host, "/");
        call.header("origin", origin).header("access-control-request-method", "PUT").send()
    };
    for gateway in &world.gateways {
        let call =
            || gateway.call(Method::OPTIONS, &host, "/").header("access-control-request-method", "PUT");
        let reply = call().header("origin", PAGE).send().await;
        assert_eq!(
            (reply.status, reply.header("access-control-allow-origin")),
            (204, Some(PAGE)),
            "{reply:?}"
        );
        for other in ["null", "https://evil.example"] {
            let reply = call().header("origin", other).send().await;
            assert_eq!(reply.header("access-control-allow-origin"), None, "{reply:?}");
            assert_eq!(reply.refused(403), "PREFLIGHT_ORIGIN_DENIED");
        }
        let browser = gateway.get(&host).header("accept", "text/html").send().await;
        assert_eq!((browser.status, browser.header("location")), (302, Some(HELP)), "{browser:?}");
        let machine = gateway.get(&host).send().await;
        assert_eq!(machine.json()["message"], "ask us");
        assert_eq!(machine.refused(401), "CREDENTIAL_MISSING");
    }
    // An edit counts for the next request.
    let mut shown = app.shown.clone();
    shown["cors_headers"] = Value::Null;
    world.rest.put(&app.path(), &shown).await.result(200);
    assert_eq!(preflight(PAGE).await.refused(403), "PREFLIGHT_DENIED");
}

async fn what_would_harm_is_not_stored(world: &World) {
    let host = world.unique_host();
    for (field, value) in [
        ("custom_deny_url", json!("javascript:alert(1)")),
        ("custom_non_identity_deny_url", json!("https://a.example/\r\nSet-Cookie: CF_Authorization=x")),
        ("custom_deny_message", json!("a\u{1b}[2Jb")),
        ("cors_headers", json!({"allow_all_origins": true, "allow_credentials": true})),
        ("cors_headers", json!({"allowed_origins": ["null"]})),
        ("cors_headers", json!({"allowed_origins": ["https://a.example\r\nX: y"]})),
    ] {
        let mut body = json!({"type": "self_hosted", "name": "harm", "domain": host});
        body[field] = value;
        let failure = world.rest.post("access/apps", &body).await.failure(400);
        let pointer = failure["source"]["pointer"].as_str().unwrap_or_default();
        assert!(pointer.starts_with(&format!("/{field}")), "{failure}");
    }
}
