//! What is decided, in every dialect.

use super::{ALL, Dialect, only, outcome};
use crate::link::Mode;
use crate::world::World;
use directory::FailureMode;
use proto::policy_evaluator::failure_mode::{self, LastKnownGood, Open};
use std::time::Duration;

#[tokio::test]
async fn a_pair_and_then_its_session_are_admitted_with_every_identity_header() {
    let world = World::open().await;
    for dialect in ALL {
        let (pair, mut asker) = (world.token().await, world.asker().await);
        let lines = format!("{}Cookie: a=1; CF_Authorization=stale; b=2\r\n", pair.lines());
        let first = asker.ask(dialect, "app.localhost", "/a?b=/../c", &lines).await;
        assert_eq!((outcome(&first), &first.body[..]), ((200, "-"), &b""[..]), "{dialect:?}");
        let session = first.session().unwrap();
        assert_eq!(first.headers("set-cookie").len(), 1);
        for (name, expected) in [
            ("cf-access-jwt-assertion", session),
            ("sallyport-decision", "admitted"),
            ("sallyport-token-id", &pair.token.id),
            ("sallyport-cookie", "a=1; b=2"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(only(&first, name), expected, "{dialect:?}");
        }
        assert_eq!(only(&first, "sallyport-policy-id").len(), 36);
        assert!(!first.head.contains("stale") && !first.head.contains(&pair.secret));
        let cookies = first.headers("cookie");
        assert_eq!(cookies, if dialect == Dialect::AuthRequest { vec![] } else { vec!["a=1; b=2"] });
        for lines in
            [format!("Cookie: CF_Authorization={session}\r\n"), format!("Cf-Access-Token: {session}\r\n")]
        {
            let next = asker.ask(dialect, "app.localhost", "/a", &lines).await;
            assert_eq!((outcome(&next), next.headers("set-cookie").len()), ((200, "-"), 0), "{dialect:?}");
            assert_eq!(only(&next, "cf-access-jwt-assertion"), session);
            assert!(next.headers("sallyport-cookie").is_empty() && next.headers("cookie").is_empty());
        }
    }
}

#[tokio::test]
async fn what_is_refused_says_so_as_the_gateway_does() {
    let world = World::open().await;
    let pair = world.token().await;
    for dialect in ALL {
        let mut asker = world.asker().await;
        let id_alone = format!("CF-Access-Client-Id: {}\r\n", pair.token.client_id);
        for (host, path, lines, expected) in [
            ("app.localhost", "/", "", (401, "CREDENTIAL_MISSING")),
            ("app.localhost", "/", &*id_alone, (401, "CREDENTIAL_INCOMPLETE")),
            ("app.localhost", "/", "Cookie: CF_Authorization=x\r\n", (401, "SESSION_MALFORMED")),
            ("app.localhost", "/admin/x", &pair.lines(), (403, "POLICY_NO_MATCH")),
            ("nobody.localhost", "/", "", (dialect.or_403(404), "APPLICATION_NOT_FOUND")),
        ] {
            let answer = asker.ask(dialect, host, path, lines).await;
            assert_eq!(outcome(&answer), expected, "{dialect:?} {host}{path}");
            assert_eq!(only(&answer, "sallyport-decision"), "refused");
            assert_eq!(only(&answer, "cache-control"), "no-store");
            assert!(answer.headers("cf-access-jwt-assertion").is_empty(), "{answer:?}");
            assert!(String::from_utf8_lossy(&answer.body).contains(expected.1), "{answer:?}");
            let is_known = host == "app.localhost";
            assert_eq!(answer.headers("cf-access-aud").len(), usize::from(is_known));
            assert_eq!(answer.headers("cf-access-domain").len(), usize::from(is_known));
            assert_eq!(answer.headers("www-authenticate").len(), usize::from(answer.status == 401));
        }
    }
}

#[tokio::test]
async fn h4_what_is_open_to_everybody_passes_without_a_name() {
    let world = World::open().await;
    for dialect in ALL {
        let forged =
            "Cf-Access-Jwt-Assertion: forged\r\nSallyport-Fallback: forged\r\nSallyport-Token-Id: forged\r\n";
        let answer = world.asker().await.ask(dialect, "open.localhost", "/", forged).await;
        assert_eq!(outcome(&answer), (200, "-"), "{dialect:?}");
        for name in ["cf-access-jwt-assertion", "sallyport-token-id"] {
            assert_eq!(only(&answer, name), "-", "{dialect:?}");
        }
        assert!(!answer.head.contains("forged") && answer.headers("sallyport-fallback").is_empty());
        assert_eq!(only(&answer, "sallyport-decision"), "passed");
    }
}

#[tokio::test]
async fn p1_to_p14_a_path_that_is_forwarded_as_it_is_and_read_otherwise_is_refused() {
    let world = World::open().await;
    let pair = world.token().await;
    for dialect in ALL {
        let mut asker = world.asker().await;
        for (path, reason) in [
            ("//admin", "PATH_NOT_CANONICAL"),
            ("/pub/../admin", "PATH_NOT_CANONICAL"),
            ("/./admin", "PATH_NOT_CANONICAL"),
            ("/pub/%2e%2E/admin", "PATH_NOT_CANONICAL"),
            ("/%61dmin", "PATH_NOT_CANONICAL"),
            ("/../admin", "PATH_AMBIGUOUS"),
            ("/pub/..%2fadmin", "PATH_AMBIGUOUS"),
            ("/pub/..%5cadmin", "PATH_AMBIGUOUS"),
            ("/pub/..;/admin", "PATH_AMBIGUOUS"),
            ("/admin;x=/pub", "PATH_AMBIGUOUS"),
            ("/%00", "PATH_AMBIGUOUS"),
            ("/%c0%af", "PATH_AMBIGUOUS"),
            ("/admin./x", "PATH_AMBIGUOUS"),
        ] {
            let answer = asker.ask(dialect, "app.localhost", path, &pair.lines()).await;
            assert_eq!(outcome(&answer), (dialect.or_403(400), reason), "{dialect:?} {path}");
        }
        for path in ["/%252e%252e/admin", "/ADMIN", "/caf%c3%a9", "/a?b=../%2e"] {
            let answer = asker.ask(dialect, "app.localhost", path, &pair.lines()).await;
            assert_eq!(outcome(&answer), (200, "-"), "{dialect:?} {path}");
        }
    }
    // Where the path stands in a header, a fragment can too.
    for dialect in [Dialect::AuthRequest, Dialect::Forwarded] {
        for path in ["/admin#/pub", "/pub?a#b", "/pub#"] {
            let answer = world.asker().await.ask(dialect, "app.localhost", path, &pair.lines()).await;
            assert_eq!(answer.status, dialect.or_403(400), "{dialect:?} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn t1_h10_hosts_and_methods_with_two_readings_are_refused() {
    let world = World::open().await;
    let pair = world.token().await;
    for dialect in ALL {
        for host in ["app.localhost.", "app.localhost@evil.test", "app.localhost,evil.test", "app..localhost"]
        {
            let answer = world.asker().await.ask(dialect, host, "/", &pair.lines()).await;
            assert_eq!(answer.status, dialect.or_403(400), "{dialect:?} {host}: {answer:?}");
        }
        for method in ["TRACE", "FOO"] {
            let request = dialect.request(method, "open.localhost", "/", "");
            let answer = world.asker().await.raw(request).await;
            assert_eq!(outcome(&answer), (dialect.or_403(405), "METHOD_NOT_ALLOWED"), "{dialect:?}");
        }
        let preflight = "Access-Control-Request-Method: GET\r\n";
        for (method, lines, status) in [
            ("OPTIONS", preflight.to_owned(), 200),
            ("OPTIONS", format!("{preflight}X-HTTP-Method-Override: DELETE\r\n"), 401),
            ("GET", preflight.to_owned(), 401),
        ] {
            let request = dialect.request(method, "preflight.localhost", "/", &lines);
            assert_eq!(world.asker().await.raw(request).await.status, status, "{dialect:?} {method}");
        }
    }
}

#[tokio::test]
async fn l1_what_is_revoked_is_refused_at_once_with_its_session() {
    let world = World::open().await;
    for dialect in ALL {
        let (pair, mut asker) = (world.token().await, world.asker().await);
        let answer = asker.ask(dialect, "app.localhost", "/", &pair.lines()).await;
        let session = format!("Cookie: CF_Authorization={}\r\n", answer.session().unwrap());
        assert_eq!(asker.ask(dialect, "app.localhost", "/", &session).await.status, 200);
        world.delete(&pair.token).await;
        for lines in [session, pair.lines()] {
            let answer = asker.ask(dialect, "app.localhost", "/", &lines).await;
            assert_eq!(answer.status, 401, "{dialect:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn without_a_lease_nobody_can_decide_but_the_failure_mode() {
    let world = World::open().await;
    let pair = world.token().await;
    let mode = failure_mode::Mode::LastKnownGood(LastKnownGood { max_staleness: "15m".into() });
    world.set_failure_mode("grpc.localhost", mode).await;
    let mode = failure_mode::Mode::Open(Open { acknowledge: FailureMode::ACKNOWLEDGEMENT.into() });
    world.set_failure_mode("calls.localhost", mode).await;
    world.until_told(&[0, 1, 2], -1).await;
    let mut asker = world.asker().await;
    let answer = asker.ask(Dialect::Forwarded, "grpc.localhost", "/", &pair.lines()).await;
    let session = answer.session().unwrap().to_owned();
    for link in &world.links {
        link.set(Mode::Refused);
    }
    world.time.pass(Duration::from_secs(5));
    for dialect in ALL {
        for host in ["app.localhost", "open.localhost", "nobody.localhost"] {
            let answer = asker.ask(dialect, host, "/", &pair.lines()).await;
            assert_eq!(outcome(&answer), (503, "AUTHZ_UNAVAILABLE"), "{dialect:?} {host}");
            assert!(only(&answer, "retry-after").parse::<u8>().is_ok_and(|seconds| seconds > 0));
        }
        let lines = format!("Cookie: CF_Authorization={session}\r\n");
        for (host, fallback, assertion) in
            [("grpc.localhost", "last_known_good", &*session), ("calls.localhost", "open", "-")]
        {
            let answer = asker.ask(dialect, host, "/", &lines).await;
            assert_eq!(outcome(&answer), (200, "-"), "{dialect:?} {host}");
            assert_eq!(only(&answer, "sallyport-fallback"), fallback);
            assert_eq!(only(&answer, "cf-access-jwt-assertion"), assertion);
        }
    }
}

#[tokio::test]
async fn h6_envoy_is_told_which_credentials_to_remove() {
    let world = World::open().await;
    let Pairs { pair, json } = Pairs::of(&world).await;
    let mut asker = world.asker().await;
    let always = "cf-access-client-id,cf-access-client-secret,cf-access-token";
    for (host, lines, more) in [
        ("app.localhost", pair.clone(), ",sallyport-fallback,cookie"),
        ("header.localhost", json, ",authorization,sallyport-fallback,cookie"),
        ("app.localhost", pair + "Cookie: a=1\r\n", ",sallyport-fallback"),
    ] {
        let answer = asker.ask(Dialect::ExtAuthz, host, "/", &lines).await;
        assert_eq!(only(&answer, "x-envoy-auth-headers-to-remove"), always.to_owned() + more);
    }
}

/// A credential in two headers, and in one.
struct Pairs {
    pair: String,
    json: String,
}

impl Pairs {
    async fn of(world: &World) -> Self {
        let pair = world.token().await;
        let (id, secret) = (&pair.token.client_id, &pair.secret);
        let json = format!(
            r#"Authorization: {{"cf-access-client-id":"{id}","cf-access-client-secret":"{secret}"}}"#
        );
        Self { pair: pair.lines(), json: json + "\r\n" }
    }
}
