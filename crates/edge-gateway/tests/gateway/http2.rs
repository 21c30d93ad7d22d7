//! HTTP/2 in clear text, begun without asking.

use crate::world::World;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

async fn connect(world: &World) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(world.gateway).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn reason(answer: &Response<Incoming>) -> (u16, &str) {
    let reason = answer.headers().get("cf-access-error").map_or("-", |value| value.to_str().unwrap());
    (answer.status().as_u16(), reason)
}

#[tokio::test]
async fn t3_authority_and_host_must_agree() {
    let world = World::open().await;
    let mut sender = connect(&world).await;
    for (authority, host, expected) in [
        ("open.localhost", None, (200, "-")),
        ("OPEN.localhost:80", Some("open.localhost:80"), (200, "-")),
        ("open.localhost", Some("app.localhost"), (400, "HOST_AMBIGUOUS")),
        ("app.localhost", Some("open.localhost"), (400, "HOST_AMBIGUOUS")),
        ("app.localhost", None, (401, "CREDENTIAL_MISSING")),
    ] {
        let request = Request::get(format!("http://{authority}/a"));
        let request = host.into_iter().fold(request, |request, host| request.header("host", host));
        let answer = sender.send_request(request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(reason(&answer), expected, "{authority} {host:?}");
    }
    let lines: Vec<_> = world.upstream.take().iter().map(|seen| seen.line().to_owned()).collect();
    assert_eq!(lines, ["GET /a", "GET /a"]);
}

#[tokio::test]
async fn h2_h4_h6_the_same_rules_hold() {
    let world = World::open().await;
    let pair = world.token().await;
    let mut sender = connect(&world).await;
    let request = |extra: Option<(&str, &str)>| {
        let request = Request::post("http://app.localhost/a")
            .header("cf-access-client-id", &pair.token.client_id)
            .header("cf-access-client-secret", &pair.secret)
            .header("cookie", "a=1")
            .header("cookie", "CF_Binding=x")
            .header("cf_access_jwt_assertion", "forged");
        let request = extra.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(Full::from("hello")).unwrap()
    };
    let answer = sender.send_request(request(None)).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    let seen = world.upstream.take();
    let headers = seen[0].headers();
    assert_eq!(seen[0].body, b"hello");
    assert!(headers.contains(&"cookie: a=1".to_owned()));
    assert!(!headers.iter().any(|line| line.contains("forged") || line.contains(&pair.secret)));
    let twice = sender.send_request(request(Some(("cf-access-client-secret", &pair.secret)))).await.unwrap();
    assert_eq!(reason(&twice), (401, "CREDENTIAL_AMBIGUOUS"));
}

#[tokio::test]
async fn h7_too_many_headers_are_refused() {
    let world = World::open().await;
    let mut sender = connect(&world).await;
    let request = Request::get("http://open.localhost/").header("x-a", "a".repeat(15_000));
    let request = (0..5).fold(request, |request, _| request.header("x-a", "a".repeat(15_000)));
    let answer = sender.send_request(request.body(Full::default()).unwrap()).await;
    let is_refused =
        answer.map_or(true, |answer| answer.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert!(is_refused && world.upstream.take().is_empty());
}
