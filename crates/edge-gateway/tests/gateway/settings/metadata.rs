//! What a client without a session is told of the application that refuses it, in every front.

use super::{FRONTS, Front, Told};
use crate::link::Mode;
use crate::world::World;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

const ASK: (&str, &str) = ("Cf-Access-Metadata-Request", "true");

impl World {
    async fn told(&self, front: Front, host: &str) -> Told {
        self.ask(front, "GET", host, &[ASK]).await
    }

    /// Once the account has its keys: then nothing takes long.
    async fn with_keys() -> Self {
        let world = Self::open().await;
        assert_ne!(world.told(Front::Proxy, "app.localhost").await.only("cf-access-metadata"), "-");
        world
    }

    fn signed(&self) -> usize {
        self.links[2].calls()
    }
}

fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn every_front_tells_which_application_refuses() {
    let world = World::with_keys().await;
    let application = world.application("app.localhost").await;
    let team = format!("team.localhost:{}", world.gateway.port());
    let keys = world.connect().await.get("team.localhost", "/cdn-cgi/access/certs", "").await;
    let keys: Value = serde_json::from_slice(&keys.body).unwrap();
    for front in FRONTS {
        let told = world.told(front, "app.localhost").await;
        assert_eq!(told.outcome(), (401, "CREDENTIAL_MISSING"), "{front:?}");
        let token = told.only("cf-access-metadata");
        let claims = part(token, 1);
        let expected = json!({
            "type": "match", "hostname": "app.localhost", "auth_domain": team, "aud": application.aud,
            "app_hostname": "app.localhost", "iat": claims["iat"], "exp": 1,
        });
        assert_eq!(claims, expected, "{front:?}");
        let kid = part(token, 0)["kid"].clone();
        assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid), "{front:?}");
        // Older clients read these.
        assert_eq!(
            (told.only("cf-access-aud"), told.only("cf-access-domain")),
            (&*application.aud, "app.localhost")
        );
        // Nobody keeps it for others.
        assert_eq!(told.only("cache-control"), "no-store", "{front:?}");
    }
    assert_eq!(world.signed(), 1);
    let mut client = world.connect().await;
    let head = "HEAD /a?b HTTP/1.1\r\nHost: app.localhost\r\nCf-Access-Metadata-Request: true\r\n\r\n";
    client.send(head).await;
    let answer = client.answer(true).await.unwrap();
    assert_eq!((answer.status, answer.headers("cf-access-metadata").len()), (401, 1));
}

#[tokio::test]
async fn whoever_does_not_ask_or_is_let_through_or_asks_where_nobody_is_gets_none() {
    let world = World::with_keys().await;
    let pair = world.token().await;
    let id = ("CF-Access-Client-Id", pair.token.client_id.as_str());
    let secret = ("CF-Access-Client-Secret", pair.secret.as_str());
    for front in FRONTS {
        for (method, host, lines) in [
            ("GET", "app.localhost", &[][..]),
            ("GET", "app.localhost", &[("Cf-Access-Metadata-Request", "false")]),
            ("GET", "app.localhost", &[ASK, ASK]),
            ("POST", "app.localhost", &[ASK]),
            ("GET", "app.localhost", &[ASK, id, secret]),
            ("GET", "open.localhost", &[ASK]),
            ("GET", "nobody.localhost", &[ASK]),
        ] {
            let told = world.ask(front, method, host, lines).await;
            assert_eq!(told.only("cf-access-metadata"), "-", "{front:?} {method} {host} {told:?}");
        }
    }
    // The application is not asked, and does not say it either.
    let seen = world.upstream.take();
    assert!(seen.iter().all(|it| !it.head.to_ascii_lowercase().contains("metadata")));
}

#[tokio::test]
async fn j11_it_is_no_session_anywhere() {
    let world = World::with_keys().await;
    let token = world.told(Front::Proxy, "app.localhost").await.only("cf-access-metadata").to_owned();
    let [_, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let kid = part(&token, 0)["kid"].clone();
    let header = json!({"alg": "RS256", "kid": kid, "typ": "JWT"}).to_string();
    let renamed = format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header));
    world.upstream.take();
    for front in FRONTS {
        for (session, reason) in [(&token, "SESSION_TYPE_WRONG"), (&renamed, "SESSION_SIGNATURE_INVALID")] {
            let cookie = format!("CF_Authorization={session}");
            for line in [("Cookie", &cookie), ("Cf-Access-Token", session)] {
                let told = world.ask(front, "GET", "app.localhost", &[(line.0, line.1)]).await;
                assert_eq!(told.outcome(), (401, reason), "{front:?} {}", line.0);
            }
        }
        // The client's own assertion is not passed on, whatever it is.
        let told = world.ask(front, "GET", "app.localhost", &[("Cf-Access-Jwt-Assertion", &token)]).await;
        assert_eq!(told.status, 401, "{front:?}");
    }
    assert_eq!(world.upstream.take().len(), 0);
}

#[tokio::test]
async fn t1_k4_the_host_that_was_judged_is_the_one_that_is_said() {
    let world = World::with_keys().await;
    world.edit("app.localhost", |spec| spec.destinations.push("*.wild.localhost".to_owned()), None).await;
    let said = async |host: &str, lines: &str| {
        let request =
            format!("GET / HTTP/1.1\r\nHost: {host}\r\nCf-Access-Metadata-Request: true\r\n{lines}\r\n");
        let mut client = world.connect().await;
        client.send(request).await;
        let answer = client.answer(false).await.unwrap();
        let token = answer.headers("cf-access-metadata").first().map(|it| (*it).to_owned());
        (answer.status, token.map_or(Value::Null, |token| part(&token, 1)["hostname"].clone()))
    };
    for (host, hostname) in [
        ("app.localhost", "app.localhost"),
        ("APP.localhost", "app.localhost"),
        ("app.localhost:8443", "app.localhost"),
        ("app.localhost.", "app.localhost"),
        ("a.wild.localhost", "a.wild.localhost"),
        ("b.wild.localhost", "b.wild.localhost"),
        ("app.localhost", "app.localhost"),
        ("grpc.localhost", "grpc.localhost"),
    ] {
        let lines = "X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\nX-Original-URL: http://evil.example/\r\n";
        assert_eq!(said(host, lines).await, (401, json!(hostname)), "{host}");
    }
    for (host, lines) in [
        ("evil.example", ""),
        ("app.localhost@evil.example", ""),
        ("app.localhost", "Host: evil.example\r\n"),
        ("app.localhost, evil.example", ""),
        ("app.localhost/evil", ""),
    ] {
        let (status, hostname) = said(host, lines).await;
        assert!(matches!(status, 400 | 404) && hostname.is_null(), "{host} {lines}: {status} {hostname}");
    }
}

#[tokio::test]
async fn it_follows_what_is_known() {
    let world = World::with_keys().await;
    let claims = async || {
        let told = world.told(Front::Proxy, "app.localhost").await;
        part(told.only("cf-access-metadata"), 1)
    };
    assert_eq!(claims().await["app_hostname"], "app.localhost");
    let rename = |spec: &mut proto::policy_evaluator::ApplicationSpec| {
        spec.domain = "app.localhost/x".to_owned();
        spec.destinations = vec![spec.domain.clone(), "app.localhost".to_owned()];
    };
    world.edit("app.localhost", rename, None).await;
    assert_eq!(claims().await["app_hostname"], "app.localhost/x");
    let organization = proto::policy_evaluator::PutOrganizationRequest {
        account_id: world.account.to_string(),
        auth_domain: Some("other.localhost".to_owned()),
        ..Default::default()
    };
    world.policies.clone().put_organization(organization).await.unwrap();
    assert_eq!(claims().await["auth_domain"], "other.localhost");
    // An hour later it is signed again, and no earlier.
    let signed = world.signed();
    claims().await;
    assert_eq!(world.signed(), signed);
    world.time.pass(Duration::from_hours(1));
    world.until_ready().await;
    claims().await;
    assert_eq!(world.signed(), signed + 1);
}

#[tokio::test]
async fn q2_many_who_ask_at_once_share_one_signature() {
    let world = World::with_keys().await;
    let before = world.signed();
    let told = join_all((0..50).map(|_| world.told(Front::Proxy, "grpc.localhost"))).await;
    assert!(told.iter().all(|told| told.only("cf-access-metadata") != "-"));
    assert_eq!(world.signed(), before + 1);
}

/// A wildcard has any number of hosts.
#[tokio::test]
async fn q3_a_flood_of_hosts_makes_no_flood_of_signatures() {
    let world = World::with_keys().await;
    world.edit("app.localhost", |spec| spec.destinations.push("*.wild.localhost".to_owned()), None).await;
    let (before, mut client, mut given) = (world.signed(), world.connect().await, 0);
    for number in 0..200 {
        let host = format!("h{number}.wild.localhost");
        let answer = client.get(&host, "/", "Cf-Access-Metadata-Request: true\r\n").await;
        assert_eq!((answer.status, answer.reason()), (401, "CREDENTIAL_MISSING"));
        given += answer.headers("cf-access-metadata").len();
    }
    // 20 a minute, as the machine's clock goes.
    let signed = world.signed() - before;
    assert_eq!(signed, given);
    assert!((10..=60).contains(&signed), "{signed}");
    // What was asked for before is still answered.
    assert_ne!(world.told(Front::Proxy, "app.localhost").await.only("cf-access-metadata"), "-");
}

#[tokio::test]
async fn without_the_issuer_there_is_the_refusal_alone() {
    let world = World::with_keys().await;
    world.links[2].set(Mode::Refused);
    for front in FRONTS {
        let told = world.told(front, "grpc.localhost").await;
        assert!(matches!(told.status, 401 | 503), "{front:?} {told:?}");
        assert_eq!(told.only("cf-access-metadata"), "-", "{front:?}");
    }
    // What is known here is known for no longer than a lease.
    world.until(false).await;
    let told = world.told(Front::Proxy, "app.localhost").await;
    assert_eq!((told.status, told.only("cf-access-metadata")), (503, "-"));
}
