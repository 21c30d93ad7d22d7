//! What the application gets, and where a request came from.

use super::{Asked, Envoy, app};
use crate::world::World;

#[tokio::test]
async fn h1_h4_no_spelling_of_an_identity_header_passes() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    let names = [
        "cf-access-jwt-assertion",
        "cf_access_jwt_assertion",
        "cf-access-authenticated-user-email",
        "x_forwarded_for",
        "x-forwarded-client-cert",
        "x-original-url",
        "x-auth-user",
        "x-envoy-auth-failure-mode-allowed",
        "sallyport-fallback",
        "sallyport_fallback",
    ];
    let theirs = ["accept", "authorization", "x-auth-token"];
    let forged =
        |asked: Asked| names.iter().chain(&theirs).fold(asked, |asked, name| asked.with(name, "forged"));
    for is_raw in [false, true] {
        for asked in [Asked::new("open.localhost", "/"), app().with_pair(&pair)] {
            let verdict = envoy.ask(&Asked { is_raw, ..forged(asked) }).await;
            assert_eq!(verdict.status, 200, "{verdict:?}");
            for name in names {
                let is_replaced = verdict.set(name).is_some_and(|value| value != "forged");
                assert!(is_replaced || verdict.removes(name), "{name}: {verdict:?}");
            }
            for name in theirs {
                assert!(verdict.set(name).is_none() && !verdict.removes(name), "{name}: {verdict:?}");
            }
        }
    }
}

#[tokio::test]
async fn h6_cookies_of_others_go_on_and_ours_does_not() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    let session = envoy.ask(&app().with_pair(&pair)).await.session().unwrap().to_owned();
    let mixed = app().with("cookie", &format!("a=1; CF_Authorization={session}; b=2"));
    for asked in [mixed.clone(), mixed.raw()] {
        assert_eq!(envoy.ask(&asked).await.set("cookie"), Some("a=1; b=2"));
    }
    let alone = envoy.ask(&app().with_session(&session)).await;
    assert!(alone.removes("cookie") && alone.set("cookie").is_none(), "{alone:?}");
    // HTTP/1 clients may send several lines.
    let lines = app().with("cookie", "a=1").with_session(&session).with("cookie", "b=2");
    for asked in [lines.clone(), lines.raw()] {
        let verdict = envoy.ask(&asked).await;
        assert_eq!(verdict.status, 200, "{verdict:?}");
        let left = verdict.set("cookie").unwrap_or_default();
        assert!(!left.contains("CF_Authorization") && !left.contains(&session), "{left}");
    }
    let untouched = envoy.ask(&app().with_pair(&pair).with("cookie", "a=1, 2; b=2")).await;
    assert!(untouched.set("cookie").is_none() && !untouched.removes("cookie"), "{untouched:?}");
}

#[tokio::test]
async fn h12_the_header_that_carries_both_goes_and_the_applications_own_stays() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    let both = format!(
        r#"{{"cf-access-client-id":"{}","cf-access-client-secret":"{}"}}"#,
        pair.token.client_id, pair.secret
    );
    let asked = Asked::new("header.localhost", "/");
    for is_raw in [false, true] {
        let verdict = envoy.ask(&Asked { is_raw, ..asked.clone().with("authorization", &both) }).await;
        assert_eq!((verdict.status, verdict.removes("authorization")), (200, true), "{verdict:?}");
    }
    let session = envoy.ask(&asked.clone().with_pair(&pair)).await.session().unwrap().to_owned();
    let own = envoy.ask(&asked.clone().with_session(&session).with("authorization", "Bearer x")).await;
    assert_eq!((own.status, own.removes("authorization")), (200, false), "{own:?}");
    let beside = asked.clone().with_session(&session).with("authorization", "Bearer x");
    let beside = envoy.ask(&beside.with("authorization", &both)).await;
    assert!(beside.status == 401 || beside.removes("authorization"), "{beside:?}");
    // Elsewhere it is the application's own affair.
    assert_eq!(envoy.ask(&app().with("authorization", &both)).await.status, 401);
}

#[tokio::test]
async fn h11_only_a_listed_proxy_says_where_a_request_came_from() {
    let world = World::open().await;
    let envoy = Envoy::of(&world).await;
    let inside = || Asked::new("inside.localhost", "/");
    let verdict = envoy.ask(&inside().from("127.0.0.1")).await;
    assert_eq!((verdict.status, verdict.set("x-forwarded-for")), (200, Some("127.0.0.1")));
    assert_eq!(envoy.ask(&inside().from("::ffff:127.0.0.1")).await.status, 200);
    for asked in [
        inside().with("x-forwarded-for", "127.0.0.1"),
        inside().from("127.0.0.1").with("x-forwarded-for", "127.0.0.1, 192.0.2.7"),
        inside().from("127.0.0.1").with("x-forwarded-for", "nonsense"),
        inside().from("/run/envoy.sock"),
    ] {
        assert_ne!(envoy.ask(&asked).await.status, 200, "{} {:?}", asked.peer, asked.lines);
    }
    let country =
        |country: &str| Asked::new("country.localhost", "/").from("127.0.0.1").with("cf-ipcountry", country);
    let verdict = envoy.ask(&country("SE")).await;
    assert_eq!((verdict.status, verdict.set("cf-ipcountry")), (200, Some("SE")));
    assert_ne!(envoy.ask(&country("NO")).await.status, 200);
    assert_eq!(envoy.ask(&country("SE").with("cf-ipcountry", "NO")).await.reason(), "COUNTRY_AMBIGUOUS");
    let stranger = envoy.ask(&country("SE").from("192.0.2.7")).await;
    assert!(
        stranger.set("cf-ipcountry").is_none() && stranger.status == 200 && stranger.removes("cf-ipcountry")
    );
}

#[tokio::test]
async fn the_application_is_told_what_was_judged() {
    let world = World::open().await;
    let envoy = Envoy::of(&world).await;
    let verdict =
        envoy.ask(&Asked::new("OPEN.localhost:8080", "/").with("x-forwarded-proto", "gopher")).await;
    assert_eq!(verdict.set("x-forwarded-host"), Some("open.localhost:8080"));
    assert_eq!(verdict.set("x-forwarded-for"), Some("192.0.2.7"));
    assert_eq!(verdict.set("x-forwarded-proto"), Some("http"));
}
