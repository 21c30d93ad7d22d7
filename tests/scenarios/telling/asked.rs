//! Questions of other proxies: each is in the trace of the request that is asked about, and bears one name everywhere.

use super::otlp::{Receiver, Span};
use harness::{Token, World};
use proto::ext_authz::attribute_context::{HttpRequest, Request};
use proto::ext_authz::authorization_client::AuthorizationClient;
use proto::ext_authz::check_response::HttpResponse;
use proto::ext_authz::{AttributeContext, CheckRequest, HeaderMap, HeaderValue};
use std::fmt::Write as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const THEIRS: &str = "1bf7651916cd43dd8448eb211c80319d";

/// The first time a credential is seen it is exchanged: what is called then is beneath the question.
pub async fn questions_are_in_the_trace_of_the_request(world: &World, receiver: &Receiver) {
    let (app, token) = world.opened().await;
    let by_http = forward_auth(world, &app.domain, &token, "b7ad6b716920333a").await;
    is_told(receiver, "b7ad6b716920333a", &by_http, true).await;
    let (app, token) = world.opened().await;
    let by_grpc = ext_authz(world, &app.domain, &token, "b7ad6b716920333b").await;
    is_told(receiver, "b7ad6b716920333b", &by_grpc, true).await;
    // Known by now: decided at once.
    let again = ext_authz(world, &app.domain, &token, "b7ad6b716920333c").await;
    is_told(receiver, "b7ad6b716920333c", &again, false).await;
    assert_ne!(by_grpc, again);
}

async fn is_told(receiver: &Receiver, parent: &str, ray: &str, is_exchanged: bool) {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    let edge = |spans: &[Span]| spans.iter().find(|span| hex(&span.parent) == parent).cloned();
    let is_whole = |spans: &[Span]| {
        edge(spans).is_some_and(|edge| !is_exchanged || spans.iter().any(|span| span.parent == edge.id))
    };
    let edge = edge(&receiver.until(is_whole).await).unwrap();
    assert_eq!(hex(&edge.trace), THEIRS);
    assert_eq!(edge.attribute("sallyport.ray_id"), Some(ray));
    assert_eq!((edge.name.as_str(), edge.attribute("http.response.status_code")), ("GET", Some("200")));
}

/// The name that the application is told.
async fn forward_auth(world: &World, host: &str, token: &Token, span: &str) -> String {
    let address = world.text("forward_auth");
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    let request = format!(
        "GET /authz/forward-auth HTTP/1.1\r\nHost: sallyport\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: {host}\r\nX-Forwarded-Uri: /\r\nX-Forwarded-For: 127.0.0.1\r\n\
         CF-Access-Client-Id: {}\r\nCF-Access-Client-Secret: {}\r\ntraceparent: 00-{THEIRS}-{span}-01\r\n\
         Connection: close\r\n\r\n",
        token.client_id, token.client_secret
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let ray = answer.lines().find_map(|line| line.strip_prefix("cf-ray: ")).unwrap();
    ray.trim().to_owned()
}

async fn ext_authz(world: &World, host: &str, token: &Token, span: &str) -> String {
    let address = world.text("ext_authz");
    let address = format!("http://{}", address.trim_start_matches("http://"));
    let mut client = AuthorizationClient::connect(address).await.unwrap();
    let parent = format!("00-{THEIRS}-{span}-01");
    let lines = [
        ("cf-access-client-id", token.client_id.as_str()),
        ("cf-access-client-secret", token.client_secret.as_str()),
        ("traceparent", parent.as_str()),
    ];
    let lines = lines.map(|(name, value)| HeaderValue {
        key: name.to_owned(),
        raw_value: value.as_bytes().to_vec(),
        value: String::new(),
    });
    let http = HttpRequest {
        method: "GET".to_owned(),
        host: host.to_owned(),
        path: "/".to_owned(),
        header_map: Some(HeaderMap { headers: lines.to_vec() }),
        ..HttpRequest::default()
    };
    let attributes =
        AttributeContext { request: Some(Request { http: Some(http) }), ..AttributeContext::default() };
    let answer = client.check(CheckRequest { attributes: Some(attributes) }).await.unwrap().into_inner();
    let Some(HttpResponse::OkResponse(ok)) = answer.http_response else { panic!("{answer:?}") };
    let set = ok.headers.into_iter().filter_map(|option| option.header);
    let ray = set.into_iter().find(|header| header.key == "cf-ray").unwrap();
    if ray.value.is_empty() { String::from_utf8(ray.raw_value).unwrap() } else { ray.value }
}
