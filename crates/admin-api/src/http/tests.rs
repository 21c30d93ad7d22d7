//! What every route has in common, asked of the router itself. No service is reachable behind it.

use super::audit_logs::AuditLogs;
use super::authenticate::Keys;
use super::limit::Limiter;
use super::refusals::Refusals;
use super::zones::Zones;
use super::{App, listen, router};
use crate::config::ApiToken;
use crate::deps::Feeds;
use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use model::SystemClock;
use proto::access_log::access_log_client::AccessLogClient;
use proto::audit::audit_log_client::AuditLogClient;
use proto::notifier::notifier_client::NotifierClient;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::token_registry::api_tokens_client::ApiTokensClient;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use serde_json::Value;
use service_kit::{Callers, GrpcChannel};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
const TOKENS: &str = "/client/v4/accounts/0123456789abcdef0123456789abcdef/access/service_tokens";

pub fn app() -> App {
    let nowhere = || GrpcChannel::local(tonic::service::Routes::default(), Callers::default(), "admin-api");
    let key = |account_id: &str, token: &str| ApiToken {
        account_id: account_id.to_owned(),
        name: "test".to_owned(),
        sha256: hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes())),
    };
    App {
        token_registry: TokenRegistryClient::new(nowhere()),
        api_tokens: ApiTokensClient::new(nowhere()),
        policy_evaluator: PolicyEvaluatorClient::new(nowhere()),
        session_issuer: SessionIssuerClient::new(nowhere()),
        notifier: NotifierClient::new(nowhere()),
        access_log: AccessLogClient::new(nowhere()),
        audit_logs: AuditLogs::new([("token-registry", AuditLogClient::new(nowhere()))]),
        feeds: Feeds { token_registry: nowhere(), policy_evaluator: nowhere(), session_issuer: nowhere() },
        clock: Arc::new(SystemClock),
        keys: Keys::new(&[key(ACCOUNT, "mine"), key(&"f".repeat(32), "theirs")]),
        zones: Zones::new([("e".repeat(32), ACCOUNT.to_owned())].into()),
        limiter: Limiter::new(0),
        refusals: Refusals::default(),
    }
}

async fn ask(request: Request<Body>) -> (Response<()>, Value) {
    let (parts, body) = router(app()).oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert_eq!(parts.headers["content-type"], "application/json");
    assert_eq!(parts.headers["cache-control"], "no-store");
    assert_eq!(parts.headers["x-request-id"].len(), 32);
    let envelope: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(envelope["success"], parts.status.is_success());
    (Response::from_parts(parts, ()), envelope)
}

fn request(method: Method, uri: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri).header("authorization", "Bearer mine");
    request.body(body.into()).unwrap()
}

async fn refused(request: Request<Body>) -> (u16, u64, String) {
    let (response, envelope) = ask(request).await;
    let error = &envelope["errors"][0];
    let message = error["message"].as_str().unwrap().to_owned();
    (response.status().as_u16(), error["code"].as_u64().unwrap(), message)
}

#[tokio::test]
async fn only_the_accounts_own_token_is_let_in() {
    let with = |headers: &[(&str, &str)]| {
        let mut request = Request::get(TOKENS);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        refused(request.body(Body::empty()).unwrap())
    };
    let status = |(status, code, _): (u16, u64, String)| (status, code);
    assert_eq!(status(with(&[]).await), (401, 10_000));
    assert_eq!(status(with(&[("authorization", "Bearer nobody")]).await), (401, 1000));
    assert_eq!(status(with(&[("authorization", "Bearer theirs")]).await), (403, 9109));
    for malformed in ["mine", "Bearer", "Bearer ", "Basic mine", "Bearer mine mine", "Bearer mine,mine"] {
        let (status, code, _) = with(&[("authorization", malformed)]).await;
        assert!((status, code) == (401, 10_000) || (status, code) == (401, 1000), "{malformed}");
    }
    let twice = [("authorization", "Bearer mine"), ("authorization", "Bearer mine")];
    assert_eq!(status(with(&twice).await), (401, 10_000));
    let (code, number, message) = with(&[("x-auth-key", "k"), ("x-auth-email", "a@b.test")]).await;
    assert_eq!((code, number), (400, 6003));
    assert!(message.contains("API keys are not supported"), "{message}");
    // Let in: only then is there a service to miss. Several styles at once are what SDKs send.
    assert_eq!(status(with(&[("authorization", "bearer mine"), ("x-auth-key", "k")]).await), (500, 12_195));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_envelope() {
    for path in ["/", "/client/v4", "/client/v4/user", &format!("{TOKENS}/a/b/c"), &format!("{TOKENS}/")] {
        let (status, code, _) = refused(request(Method::GET, path, "")).await;
        assert_eq!((status, code), (404, 7003), "{path}");
    }
    let (response, envelope) = ask(request(Method::PATCH, TOKENS, "{}")).await;
    assert_eq!((response.status().as_u16(), &envelope["errors"][0]["code"]), (405, &7001.into()));
    let allowed = response.headers()["allow"].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn what_is_for_people_is_empty_or_refused_in_words() {
    let access = format!("/client/v4/accounts/{ACCOUNT}/access");
    for noun in ["identity_providers", "users", "bookmarks", "custom_pages"] {
        let (response, envelope) = ask(request(Method::GET, &format!("{access}/{noun}?page=2"), "")).await;
        assert_eq!((response.status(), &envelope["result"]), (StatusCode::OK, &serde_json::json!([])));
        assert_eq!(envelope["result_info"]["page"], 2);
        let one = refused(request(Method::GET, &format!("{access}/{noun}/x"), "")).await;
        assert_eq!((one.0, one.1), (404, 12_135), "{noun}");
        let (status, code, message) = refused(request(Method::POST, &format!("{access}/{noun}"), "{}")).await;
        assert_eq!((status, code), (404, 7003), "{noun}");
        assert!(message.contains("not supported"), "{message}");
    }
    for (method, path) in [
        (Method::GET, "access/apps/ca"),
        (Method::PATCH, "access/seats"),
        (Method::PUT, "access/organizations/doh"),
        (Method::GET, "devices/settings"),
    ] {
        let uri = format!("/client/v4/accounts/{ACCOUNT}/{path}");
        let (status, code, message) = refused(request(method, &uri, "{}")).await;
        assert!((status, code) == (404, 7003) && message.contains("not supported"), "{path}: {message}");
        // Strangers are not told what there is.
        assert_eq!(refused(Request::get(uri).body(Body::empty()).unwrap()).await.0, 401);
    }
}

#[tokio::test]
async fn a_zones_routes_are_its_accounts() {
    let zone = |zone: &str, rest: &str| format!("/client/v4/zones/{zone}/{rest}");
    let configured = "e".repeat(32);
    for noun in ["apps", "groups", "service_tokens", "organizations"] {
        let uri = zone(&configured, &format!("access/{noun}"));
        assert_eq!(refused(request(Method::GET, &uri, "")).await.0, 500, "reaches for the service");
    }
    assert_eq!(refused(request(Method::GET, &zone(ACCOUNT, "access/apps"), "")).await.0, 500);
    assert_eq!(refused(request(Method::GET, &zone(&"f".repeat(32), "access/apps"), "")).await.0, 403);
    assert_eq!(refused(request(Method::GET, &zone("..", "access/apps"), "")).await.0, 403);
    for rest in ["access/policies", "access/tags", "alerting/v3/policies", "access", ""] {
        let (status, code, _) = refused(request(Method::GET, &zone(&configured, rest), "")).await;
        assert_eq!((status, code), (404, 7003), "{rest}");
    }
}

#[tokio::test]
async fn an_api_token_that_asks_too_much_is_told_when_to_come_again() {
    let router = router(App { limiter: Limiter::new(2), ..app() });
    let ask = async |token: &str| {
        let request = Request::get(format!("/client/v4/accounts/{ACCOUNT}/alerting/v3/available_alerts"))
            .header("authorization", format!("Bearer {token}"));
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    for remaining in ["1", "0"] {
        let response = ask("mine").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-ratelimit-limit"], "2");
        assert_eq!(response.headers()["x-ratelimit-remaining"], remaining);
    }
    // Strangers are not counted.
    assert_eq!(ask("nobody").await.status(), StatusCode::UNAUTHORIZED);
    let response = ask("mine").await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=300).contains(&seconds), "{seconds}");
    assert!(response.headers()["x-ratelimit-reset"].to_str().unwrap().ends_with(" GMT"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let envelope: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&envelope["success"], &envelope["errors"][0]["code"]), (&false.into(), &971.into()));
}

#[tokio::test]
async fn a_body_that_is_not_one_is_refused() {
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20));
    for (body, status, code, part) in [
        (String::new(), 400, 12_130, "the body is not JSON"),
        ("name=x".into(), 400, 12_130, "the body is not JSON"),
        ("[]".into(), 400, 12_130, "must be a JSON object"),
        (r#"{"name":"a","name":"b"}"#.into(), 400, 12_130, "a key is given twice"),
        (r#"{"name":5}"#.into(), 400, 12_130, "access.api.error.invalid_request: name: must be a string"),
        ("[".repeat(1000), 400, 12_130, "recursion limit"),
        (large, 413, 12_196, "1 MiB"),
    ] {
        let (got, got_code, message) = refused(request(Method::POST, TOKENS, body)).await;
        assert_eq!((got, got_code), (status, code), "{message}");
        assert!(message.contains(part), "{message}");
    }
    let (_, envelope) = ask(request(Method::POST, TOKENS, r#"{"name":5}"#)).await;
    assert_eq!(envelope["errors"][0]["source"]["pointer"], "/name");
    assert_eq!(envelope["result"], Value::Null);
}

#[tokio::test]
async fn a_body_may_be_missing_where_nothing_is_needed() {
    for action in ["refresh", "rotate"] {
        let uri = format!("{TOKENS}/5b1f6c1e-0000-4000-8000-000000000000/{action}");
        assert_eq!(refused(request(Method::POST, &uri, "")).await.0, 500, "reaches for the service");
        assert_eq!(refused(request(Method::POST, &uri, "{")).await.0, 400);
    }
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    for (method, query) in [(Method::GET, "page=x"), (Method::GET, "per_page=1.5"), (Method::GET, "name=%00")]
    {
        let (status, code, message) = refused(request(method, &format!("{TOKENS}?{query}"), "")).await;
        assert_eq!((status, code), (400, 12_130), "{query}: {message}");
    }
}

#[tokio::test]
async fn every_change_that_goes_to_a_feed_may_wait_or_not() {
    const ID: &str = "5b1f6c1e-0000-4000-8000-000000000000";
    let contract = format!("/client/v4/accounts/{ACCOUNT}/access");
    let routes = [
        ("PUT", format!("{contract}/service_tokens/{ID}")),
        ("DELETE", format!("{contract}/service_tokens/{ID}")),
        ("POST", format!("{contract}/service_tokens/{ID}/refresh")),
        ("POST", format!("{contract}/service_tokens/{ID}/rotate")),
        ("POST", format!("{contract}/apps")),
        ("PUT", format!("{contract}/apps/{ID}")),
        ("DELETE", format!("{contract}/apps/{ID}")),
        ("POST", format!("{contract}/apps/{ID}/revoke_tokens")),
        ("PUT", format!("{contract}/apps/{ID}/settings")),
        ("PATCH", format!("{contract}/apps/{ID}/settings")),
        ("PUT", format!("{contract}/apps/{ID}/policies/{ID}/make_reusable")),
        ("POST", format!("{contract}/apps/{ID}/policies")),
        ("PUT", format!("{contract}/apps/{ID}/policies/{ID}")),
        ("DELETE", format!("{contract}/apps/{ID}/policies/{ID}")),
        ("POST", format!("{contract}/policies")),
        ("PUT", format!("{contract}/policies/{ID}")),
        ("DELETE", format!("{contract}/policies/{ID}")),
        ("POST", format!("{contract}/groups")),
        ("PUT", format!("{contract}/groups/{ID}")),
        ("DELETE", format!("{contract}/groups/{ID}")),
        ("POST", format!("{contract}/organizations")),
        ("PUT", format!("{contract}/organizations")),
        ("PATCH", format!("{contract}/organizations")),
        ("POST", format!("{contract}/keys/rotate")),
    ];
    for (method, path) in routes {
        let with = async |wait: &str| {
            let request = request(method.parse().unwrap(), &format!("{path}?wait={wait}"), "{}");
            let (response, envelope) = ask(request).await;
            let pointer = envelope["errors"][0]["source"]["pointer"].as_str().unwrap_or_default().to_owned();
            (response.status().as_u16(), pointer)
        };
        for wrong in ["perhaps", "", "Confirmed", "true"] {
            assert_eq!(with(wrong).await, (400, "/wait".to_owned()), "{method} {path}?wait={wrong}");
        }
        for good in ["none", "confirmed"] {
            assert_ne!(with(good).await.1, "/wait", "{method} {path}?wait={good}");
        }
    }
}

#[tokio::test]
async fn a_failure_of_ours_tells_the_request_id_and_nothing_else() {
    let (response, envelope) = ask(request(Method::GET, TOKENS, "")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let id = response.headers()["x-request-id"].to_str().unwrap();
    let message = format!("access.api.error.internal_server_error: request id {id}");
    assert_eq!(envelope["errors"], serde_json::json!([{"code": 12195, "message": message}]));
}

#[tokio::test]
async fn the_fleet_is_open_to_every_api_token_and_to_nobody_else() {
    const FLEET: &str = "/sallyport/v1/fleet";
    for token in ["mine", "theirs"] {
        let request = Request::get(FLEET).header("authorization", format!("Bearer {token}"));
        let (response, envelope) = ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{envelope}");
        // Nobody can be asked, which is said of each feed.
        let feeds = envelope["result"]["feeds"].as_array().unwrap();
        assert!(feeds.len() == 3 && feeds.iter().all(|it| it["error"]["reason"].is_string()), "{envelope}");
        assert_eq!(envelope["result"]["replicas"], serde_json::json!([]));
    }
    let nobody = Request::get(FLEET).header("authorization", "Bearer nobody").body(Body::empty()).unwrap();
    assert_eq!(refused(nobody).await.0, 401);
    assert_eq!(refused(Request::get(FLEET).body(Body::empty()).unwrap()).await.0, 401);
    assert_eq!(refused(request(Method::POST, FLEET, "{}")).await.0, 405);
    assert_eq!(refused(request(Method::GET, "/sallyport/v1/fleet/x", "")).await.0, 404);
}

#[tokio::test]
async fn the_catalogue_of_alerts_needs_no_service() {
    let uri = |what: &str| format!("/client/v4/accounts/{ACCOUNT}/alerting/v3/{what}");
    let (_, alerts) = ask(request(Method::GET, &uri("available_alerts"), "")).await;
    assert_eq!(alerts["result"]["Cloudflare Access"][0]["type"], "expiring_service_token_alert");
    let (_, eligible) = ask(request(Method::GET, &uri("destinations/eligible"), "")).await;
    assert_eq!(eligible["result"]["email"][0]["eligible"], true);
    assert_eq!(eligible["result"]["pagerduty"][0]["eligible"], false);
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_stop() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(listen::serve(listener, router(app()), stop.clone()));
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {TOKENS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer mine\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    // The handler waits for the body: the server asks for it.
    let mut interim = [0; 25];
    client.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stop.cancel();
    client.write_all(b"null").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("must be a JSON object"), "{answer}");
    server.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
