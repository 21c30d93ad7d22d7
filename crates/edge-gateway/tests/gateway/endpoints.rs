//! What the gateway itself answers to whoever holds a session.

use crate::client::Answer;
use crate::link::Mode;
use crate::world::{Pair, World};
use serde_json::{Value, json};

const IDENTITY: &str = "/cdn-cgi/access/get-identity";
const LOGOUT: &str = "/cdn-cgi/access/logout";

impl World {
    pub async fn login(&self, pair: &Pair) -> String {
        let answer = self.connect().await.get("app.localhost", "/", &pair.lines()).await;
        answer.session().expect("a session").to_owned()
    }

    async fn shown(&self, path: &str, session: &str) -> Answer {
        let cookie = format!("Cookie: a=1; CF_Authorization={session}\r\n");
        self.connect().await.get("app.localhost", path, &cookie).await
    }
}

fn outcome(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.reason())
}

#[tokio::test]
async fn the_holder_of_a_session_is_told_whose_it_is() {
    let world = World::open().await;
    let pair = world.token().await;
    let session = world.login(&pair).await;
    let mut client = world.connect().await;
    for (host, line) in [
        ("app.localhost", format!("Cookie: CF_Authorization={session}\r\n")),
        ("app.localhost", format!("Cf-Access-Token: {session}\r\n")),
        // Where libraries ask.
        ("team.localhost", format!("Cookie: CF_Authorization={session}\r\n")),
    ] {
        let answer = client.get(host, IDENTITY, &format!("{line}CF-IPCountry: NO\r\n")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.headers("cache-control"), ["no-store"]);
        let identity: Value = serde_json::from_slice(&answer.body).unwrap();
        let expected = json!({
            "account_id": world.account.to_string(), "common_name": pair.token.client_id,
            "service_token_id": pair.token.client_id, "service_token_status": true, "auth_status": "NONE",
            "mtls_auth": {"cert_presented": false}, "ip": "127.0.0.1", "geo": {"country": "NO"},
            "is_warp": false, "is_gateway": false, "iat": identity["iat"], "version": 2,
        });
        assert_eq!(identity, expected, "{host}");
    }
    assert_eq!(world.upstream.take().len(), 1);
}

#[tokio::test]
async fn nobody_else_is_told_anything() {
    let world = World::open().await;
    let pair = world.token().await;
    let session = world.login(&pair).await;
    let cookie = format!("Cookie: CF_Authorization={session}\r\n");
    let mut client = world.connect().await;
    let metadata = client.get("app.localhost", "/", "Cf-Access-Metadata-Request: true\r\n").await;
    let metadata = format!("Cf-Access-Token: {}\r\n", metadata.headers("cf-access-metadata")[0]);
    for (host, lines, reason) in [
        ("app.localhost", "", "CREDENTIAL_MISSING"),
        ("app.localhost", &*pair.lines(), "CREDENTIAL_MISSING"),
        ("app.localhost", "Cookie: CF_Authorization=x\r\n", "SESSION_MALFORMED"),
        ("app.localhost", &metadata, "SESSION_TYPE_WRONG"),
        // Of another application, of nobody's host.
        ("grpc.localhost", &cookie, "SESSION_AUDIENCE_WRONG"),
        ("nobody.localhost", &cookie, "SESSION_AUDIENCE_WRONG"),
    ] {
        let answer = client.get(host, IDENTITY, lines).await;
        assert_eq!(outcome(&answer), (401, reason), "{host} {lines}");
    }
    client.send(format!("POST {IDENTITY} HTTP/1.1\r\nHost: app.localhost\r\n{cookie}\r\n")).await;
    assert_eq!(client.answer(false).await.unwrap().status, 405);
    // As little as a request would be let through with it.
    world.disable(&pair.token).await;
    assert_eq!(outcome(&world.shown(IDENTITY, &session).await), (401, "TOKEN_DISABLED"));
    world.enable(&pair.token, true).await;
    let session = world.login(&pair).await;
    assert_eq!(world.shown(IDENTITY, &session).await.status, 200);
    world
        .edit(
            "app.localhost",
            |_| {},
            Some(proto::policy_evaluator::rule::Selector::Ip("192.0.2.1".to_owned())),
        )
        .await;
    assert_eq!(outcome(&world.shown(IDENTITY, &session).await), (403, "POLICY_NO_MATCH"));
}

#[tokio::test]
async fn c7_logging_out_ends_the_session_everywhere_and_no_other() {
    let world = World::open().await;
    let (pair, other) = (world.token().await, world.token().await);
    let (session, others) = (world.login(&pair).await, world.login(&other).await);
    let answer = world.shown(LOGOUT, &session).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let cookies = answer.headers("set-cookie");
    for name in ["CF_Authorization", "CF_Binding"] {
        let back = format!("{name}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly");
        assert!(cookies.contains(&&*back), "{cookies:?}");
    }
    assert_eq!(outcome(&world.shown("/", &session).await), (401, "SESSION_REVOKED"));
    assert_eq!(outcome(&world.shown(IDENTITY, &session).await), (401, "SESSION_REVOKED"));
    assert_eq!(world.shown("/", &others).await.status, 200);
    // The machine that holds the token gets a new one.
    let again = world.login(&pair).await;
    assert_ne!(again, session);
    assert_eq!(world.shown("/", &again).await.status, 200);
    // To say it again changes nothing, and asks nobody.
    let calls = world.links[2].calls();
    let answer = world.shown(LOGOUT, &session).await;
    assert_eq!((answer.status, answer.headers("set-cookie").len()), (200, 2));
    // Nobody is told that a session has ended which has not, or was not brought.
    for what in ["x", "", &format!("{others}x")] {
        let answer = world.shown(LOGOUT, what).await;
        assert_eq!(outcome(&answer), (401, "SESSION_MALFORMED"), "{what}");
        assert_eq!(answer.headers("set-cookie"), Vec::<&str>::new(), "{what}");
    }
    let answer = world.connect().await.get("app.localhost", LOGOUT, "").await;
    assert_eq!(outcome(&answer), (401, "CREDENTIAL_MISSING"));
    assert_eq!(world.links[2].calls(), calls);
    assert_eq!(world.shown("/", &others).await.status, 200);
}

#[tokio::test]
async fn another_sites_page_logs_nobody_out_and_a_link_does() {
    let world = World::open().await;
    let session = world.login(&world.token().await).await;
    let mut client = world.connect().await;
    let cookie = format!("Cookie: CF_Authorization={session}\r\n");
    let from = |mode: &str, dest: &str| {
        format!("{cookie}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n")
    };
    for (mode, dest) in [("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")] {
        let answer = client.get("app.localhost", LOGOUT, &from(mode, dest)).await;
        assert_eq!(outcome(&answer), (403, "LOGOUT_CROSS_SITE"), "{mode} {dest}");
    }
    let form = from("navigate", "document");
    client.send(format!("POST {LOGOUT} HTTP/1.1\r\nHost: app.localhost\r\n{form}\r\n")).await;
    assert_eq!(outcome(&client.answer(false).await.unwrap()), (403, "LOGOUT_CROSS_SITE"));
    client.send(format!("PUT {LOGOUT} HTTP/1.1\r\nHost: app.localhost\r\n{cookie}\r\n")).await;
    assert_eq!(client.answer(false).await.unwrap().status, 405);
    // Nor does another application's host.
    let answer = client.get("grpc.localhost", LOGOUT, &cookie).await;
    assert_eq!(outcome(&answer), (401, "SESSION_AUDIENCE_WRONG"));
    assert_eq!(world.shown("/", &session).await.status, 200);
    assert_eq!(client.get("app.localhost", LOGOUT, &from("navigate", "document")).await.status, 200);
    assert_eq!(outcome(&world.shown("/", &session).await), (401, "SESSION_REVOKED"));
}

#[tokio::test]
async fn l16_a_cookie_is_kept_whose_session_could_not_be_ended() {
    let world = World::open().await;
    let session = world.login(&world.token().await).await;
    world.links[2].set(Mode::Refused);
    let answer = world.shown(LOGOUT, &session).await;
    assert_eq!(outcome(&answer), (503, "AUTHZ_UNAVAILABLE"));
    assert_eq!(answer.headers("set-cookie"), Vec::<&str>::new());
    world.links[2].set(Mode::Open);
    world.until_ready().await;
    assert_eq!(world.shown(LOGOUT, &session).await.status, 200);
    assert_eq!(outcome(&world.shown("/", &session).await), (401, "SESSION_REVOKED"));
}

/// Each is a record: a machine that logs in and out all day is slowed down.
#[tokio::test]
async fn q3_who_ends_session_after_session_is_slowed_down() {
    let world = World::open().await;
    let (pair, other) = (world.token().await, world.token().await);
    let mut ended = 0;
    let throttled = loop {
        let session = world.login(&pair).await;
        let answer = world.shown(LOGOUT, &session).await;
        if answer.status != 200 {
            break answer;
        }
        ended += 1;
        assert!(ended < 100, "it goes on for ever");
    };
    assert_eq!(outcome(&throttled), (429, "LOGOUTS_THROTTLED"));
    assert_eq!(throttled.headers("retry-after").len(), 1);
    assert!(ended >= 10, "{ended}");
    let session = world.login(&other).await;
    assert_eq!(world.shown(LOGOUT, &session).await.status, 200);
}

/// Clients ask so whether the session that they keep is good.
#[tokio::test]
async fn a_session_in_its_own_header_passes_a_check_and_does_not_reach_the_application() {
    let world = World::open().await;
    let session = world.login(&world.token().await).await;
    world.upstream.take();
    let line = format!("Cf-Access-Token: {session}\r\n");
    let answer = world.connect().await.get("app.localhost", "/?cloudflared_token_check=true", &line).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = world.upstream.take().pop().unwrap().head.to_ascii_lowercase();
    assert!(seen.starts_with("get /?cloudflared_token_check=true "), "{seen}");
    assert!(seen.contains("cf-access-jwt-assertion: ") && !seen.contains("cf-access-token"), "{seen}");
}
