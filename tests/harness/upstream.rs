//! The application behind the gateway: it answers with what it received, and keeps a list.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::IntervalStream;

/// In every answer of an upstream, and in no other.
pub const MARK: &str = "x-answered-by";

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    /// The only value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(it, _)| it == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "{name} came more than once: {self:?}");
        value
    }

    pub fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub fn from_json(echo: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pair = |line: &Value| {
            (text(line.get(0).unwrap_or(&Value::Null)), text(line.get(1).unwrap_or(&Value::Null)))
        };
        let of = |name: &str| echo.get(name).cloned().unwrap_or_default();
        let headers = of("headers").as_array().into_iter().flatten().map(pair).collect();
        Self { method: text(&of("method")), target: text(&of("target")), headers, body: text(&of("body")) }
    }
}

/// A server of the tests' own, stopped when dropped.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Requests,
    server: JoinHandle<()>,
}

type Requests = Arc<Mutex<Vec<Seen>>>;

impl Upstream {
    pub async fn start() -> Self {
        let seen = Requests::default();
        let events = axum::routing::get(async || events());
        let router =
            Router::new().route(crate::stream::PATH, events).fallback(answer).with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serving = async move { axum::serve(listener, router).await.expect("the upstream serves") };
        Self { address, seen, server: tokio::spawn(serving) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived for a host, oldest first.
    pub fn requests_to(&self, host: &str) -> Vec<Seen> {
        self.all().into_iter().filter(|seen| seen.header("host") == Some(host)).collect()
    }

    pub fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One every 50 ms, without end.
fn events() -> impl IntoResponse {
    let ticks = IntervalStream::new(tokio::time::interval(Duration::from_millis(50)));
    Sse::new(ticks.map(|_| Ok::<_, Infallible>(Event::default().data("tick"))))
}

/// A query of `status=418` asks for that status.
async fn answer(
    State(seen): State<Requests>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let request = Seen {
        method: method.to_string(),
        target: uri.to_string(),
        headers: headers.iter().map(line).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let echo = json!({"method": request.method, "target": request.target, "headers": request.headers, "body": request.body});
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let status =
        uri.query().and_then(|query| query.strip_prefix("status=")?.parse().ok()).unwrap_or(StatusCode::OK);
    (status, [(MARK, "the tests' upstream"), ("content-type", "application/json")], echo.to_string())
        .into_response()
}
