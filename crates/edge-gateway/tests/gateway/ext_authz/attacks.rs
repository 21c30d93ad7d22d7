//! What has two readings is refused.

use super::{Asked, Envoy, app};
use crate::world::World;

#[tokio::test]
async fn h2_h3_a_credential_is_given_once_and_whole() {
    let world = World::open().await;
    let (envoy, pair, other) = (Envoy::of(&world).await, world.token().await, world.token().await);
    let ours = |name: &str, value: &str| app().with_pair(&pair).with(name, value);
    for (asked, reason) in [
        (ours("cf-access-client-id", &other.token.client_id), "CREDENTIAL_AMBIGUOUS"),
        (ours("cf-access-client-id", &pair.token.client_id), "CREDENTIAL_AMBIGUOUS"),
        (ours("cf-access-client-id", ""), "CREDENTIAL_AMBIGUOUS"),
        (ours("cf-access-client-secret", &other.secret), "CREDENTIAL_AMBIGUOUS"),
        (app().with("cf-access-token", "a").with("cf-access-token", "b"), "CREDENTIAL_AMBIGUOUS"),
        (app().with("cf-access-client-id", &pair.token.client_id), "CREDENTIAL_INCOMPLETE"),
        (app().with("cf-access-client-secret", &pair.secret), "CREDENTIAL_INCOMPLETE"),
        (
            app().with("cf-access-client-id", "\u{e9}").with("cf-access-client-secret", "x"),
            "CREDENTIAL_MALFORMED",
        ),
    ] {
        for asked in [asked.clone(), asked.raw()] {
            let verdict = envoy.ask(&asked).await;
            assert_eq!((verdict.status, verdict.reason()), (401, reason), "{:?}", asked.lines);
        }
    }
    // One line that holds two values is no value.
    let joined = format!("{},{}", pair.token.client_id, pair.token.client_id);
    let asked = app().with("cf-access-client-id", &joined).with("cf-access-client-secret", &pair.secret);
    assert_eq!(envoy.ask(&asked).await.reason(), "CREDENTIAL_AMBIGUOUS");
    assert_eq!(envoy.ask(&asked.raw()).await.status, 401);
}

#[tokio::test]
async fn c1_c4_several_sessions_are_ambiguous_however_they_are_joined() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    let session = envoy.ask(&app().with_pair(&pair)).await.session().unwrap().to_owned();
    for asked in [
        app().with_session(&session).with_session("planted"),
        app().with_session("planted").with_session(&session),
        app().with("cookie", &format!("CF_Authorization={session}; CF_Authorization=planted")),
        app().with("cookie", "a=1").with_session("planted").with_session(&session),
        app().with("cookie", &format!("a=1,CF_Authorization=planted; CF_Authorization={session}")),
    ] {
        let verdict = envoy.ask(&asked).await;
        assert_eq!((verdict.status, verdict.reason()), (401, "CREDENTIAL_AMBIGUOUS"), "{:?}", asked.lines);
    }
    let twice = app().with_session(&session).with_session(&session);
    for asked in [twice.clone(), twice.raw()] {
        assert_eq!(envoy.ask(&asked).await.status, 200);
    }
}

/// Envoy forwards what it was given, so nothing but that may have been judged.
#[tokio::test]
async fn p1_p10_a_path_that_is_not_canonical_is_refused() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    for path in [
        "//admin",
        "/a//b",
        "/pub/../admin",
        "/./a",
        "/a/.",
        "/a/..",
        "/%2e%2e/admin",
        "/a/%2E./b",
        "/a%2fb",
        "/a%5cb",
        "/a\\b",
        "/pub/..;/admin",
        "/admin;x=/pub",
        "/a#b",
        "/a?b#c",
        "/a%00b",
        "/a%c0%af",
        "/a%",
        "/%61dmin",
        "/a b",
        "/\u{e9}",
        "*",
        "",
        "admin",
        "http://app.localhost/admin",
        "/..",
        "/../admin",
    ] {
        for host in ["app.localhost", "open.localhost"] {
            let verdict = envoy.ask(&Asked::new(host, path).with_pair(&pair)).await;
            assert_eq!(verdict.status, 400, "{host} {path}: {verdict:?}");
        }
    }
    for path in ["/", "/a/b", "/a/b/", "/a?x=../..//%2f", "/caf%C3%A9", "/caf%c3%a9", "/%2520", "/a:b@c"] {
        let verdict = envoy.ask(&Asked::new("app.localhost", path).with_pair(&pair)).await;
        assert_eq!(verdict.status, 200, "{path}: {verdict:?}");
    }
    // The query takes part in no match.
    assert_eq!(envoy.ask(&Asked::new("app.localhost", "/admin?/x").with_pair(&pair)).await.status, 403);
}

#[tokio::test]
async fn t1_t3_there_is_one_host() {
    let world = World::open().await;
    let envoy = Envoy::of(&world).await;
    for host in [
        "",
        "open.localhost,app.localhost",
        "app@open.localhost",
        "open.localhost.",
        "open..localhost",
        "open.localhost:x",
    ] {
        let verdict = envoy.ask(&Asked::new(host, "/")).await;
        assert_eq!(verdict.status, 400, "{host}: {verdict:?}");
    }
    let second = envoy.ask(&Asked::new("open.localhost", "/").with("host", "app.localhost")).await;
    assert_eq!((second.status, second.reason()), (400, "HOST_AMBIGUOUS"));
    assert_eq!(envoy.ask(&Asked::new("Open.localhost:80", "/")).await.status, 200);
}

#[tokio::test]
async fn h10_p13_methods_and_headers_that_rewrite_a_request_do_not() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    for method in ["TRACE", "CONNECT", "get", "FOO"] {
        let asked = Asked { method: method.to_owned(), ..Asked::new("open.localhost", "/") };
        assert_eq!(envoy.ask(&asked).await.status, 405, "{method}");
    }
    for method in ["", "GET /"] {
        let asked = Asked { method: method.to_owned(), ..Asked::new("open.localhost", "/") };
        assert_eq!(envoy.ask(&asked).await.status, 400, "{method}");
    }
    for name in ["x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-host"] {
        let asked = Asked::new("app.localhost", "/admin").with_pair(&pair).with(name, "/");
        assert_eq!(envoy.ask(&asked).await.status, 403, "{name}");
    }
}

#[tokio::test]
async fn h7_more_than_is_looked_at_is_refused() {
    let world = World::open().await;
    let envoy = Envoy::of(&world).await;
    let many = (0..200).fold(app(), |asked, _| asked.with("cf-access-client-id", "x"));
    for asked in [many.clone(), many.raw()] {
        let verdict = envoy.ask(&asked).await;
        assert_eq!((verdict.status, verdict.reason()), (431, "HEADERS_TOO_MANY"));
    }
    let others =
        (0..1_000).fold(Asked::new("open.localhost", "/"), |asked, it| asked.with(&format!("x-{it}"), ""));
    for asked in [others.clone(), others.raw()] {
        let verdict = envoy.ask(&asked).await;
        assert_eq!((verdict.status, verdict.reason()), (431, "HEADERS_TOO_MANY"));
    }
    let long = envoy.ask(&Asked::new("open.localhost", "/").with("x", &"x".repeat(200_000))).await;
    assert_eq!(
        (long.status, long.reason()),
        (413, "REQUEST_TOO_LONG"),
        "a failure would be for Envoy to judge"
    );
}
