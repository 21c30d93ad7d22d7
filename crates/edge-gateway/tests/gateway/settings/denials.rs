//! What whoever is refused is told in an application's own words.

use super::{FRONTS, Front};
use crate::world::World;
use serde_json::{Value, json};

const BROWSER: (&str, &str) = ("Accept", "text/html,*/*;q=0.8");
const HELP: &str = "https://help.example/why?app=1";

#[tokio::test]
async fn a_browser_is_sent_there_and_a_machine_keeps_its_reason() {
    let world = World::open().await;
    let settings = json!({
        "custom_deny_message": "Ask <b>ops</b> \"now\"\nplease", "custom_non_identity_deny_url": HELP,
        "custom_deny_url": "https://people.example/",
    });
    world.set("app.localhost", settings).await;
    let pair = world.token().await;
    for front in FRONTS {
        let told = world.ask(front, "GET", "app.localhost", &[BROWSER]).await;
        let expected = if front.is_nginx() { (401, "-") } else { (302, HELP) };
        assert_eq!((told.status, told.only("location")), expected, "{front:?}");
        assert_eq!(told.only("cf-access-error"), "CREDENTIAL_MISSING", "{front:?}");
        let id = ("CF-Access-Client-Id", pair.token.client_id.as_str());
        for (lines, reason) in [(&[][..], "CREDENTIAL_MISSING"), (&[BROWSER, id], "CREDENTIAL_INCOMPLETE")] {
            let told = world.ask(front, "GET", "app.localhost", lines).await;
            assert_eq!(told.outcome(), (401, reason), "{front:?}");
            let body: Value = serde_json::from_str(&told.body).unwrap();
            assert_eq!(
                body,
                json!({"error": reason, "message": "Ask <b>ops</b> \"now\"\nplease"}),
                "{front:?}"
            );
            assert_eq!(told.only("content-type"), "application/json");
            assert_eq!(told.only("x-content-type-options"), "nosniff");
        }
        assert_eq!(world.ask(front, "POST", "app.localhost", &[BROWSER]).await.status, 401, "{front:?}");
    }
}

#[tokio::test]
async fn where_401_was_asked_for_it_is_what_everybody_gets() {
    let world = World::open().await;
    let settings = json!({"custom_non_identity_deny_url": HELP}).to_string();
    let edit = |spec: &mut proto::policy_evaluator::ApplicationSpec| {
        spec.settings_json = settings;
        spec.service_auth_401_redirect = true;
    };
    world.edit("app.localhost", edit, None).await;
    let told = world.ask(Front::Proxy, "GET", "app.localhost", &[BROWSER]).await;
    assert_eq!((told.status, told.only("location")), (401, "-"));
}

#[tokio::test]
async fn what_is_not_a_denial_keeps_our_words() {
    let world = World::open().await;
    let settings = json!({"custom_deny_message": "theirs", "custom_non_identity_deny_url": HELP});
    world.set("app.localhost", settings).await;
    for lines in
        [&[BROWSER, ("CF-Access-Client-Id", "a"), ("Content-Length", "x")][..], &[BROWSER, ("Host", "b")]]
    {
        let told = world.ask(Front::Proxy, "GET", "app.localhost", lines).await;
        assert_eq!((told.status, told.only("location")), (400, "-"));
        assert!(!told.body.contains("theirs"), "{told:?}");
    }
}

#[tokio::test]
async fn our_own_answers_stand_in_no_frame_unless_they_may() {
    let world = World::open().await;
    for (settings, expected) in [
        (json!({}), "default-src 'none'; frame-ancestors 'none'"),
        (json!({"allow_iframe": true}), "default-src 'none'"),
    ] {
        world.set("app.localhost", settings).await;
        for front in FRONTS {
            let told = world.ask(front, "GET", "app.localhost", &[]).await;
            assert_eq!(told.only("content-security-policy"), expected, "{front:?}");
        }
    }
}
