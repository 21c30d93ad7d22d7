//! Around every request: its id, its one log line, and the headers that every response carries.
//!
//! The line: `request_id`, `method`, `route` (the template, never the path), `status`, `token` (the API token's name),
//! `elapsed_ms`; for a refusal `codes`; for a failure of ours `cause`.

use super::App;
use super::authenticate::TokenName;
use super::problem::Problem;
use super::refusals::{Asking, Attempt};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method};
use telemetry::trace::{Carrier, Span};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Always our own: a client's would let it forge the log.
#[derive(Clone)]
pub struct RequestId(pub String);

/// Gives the request its id.
pub async fn name(mut request: Request) -> Request {
    request.extensions_mut().insert(RequestId(Uuid::new_v4().simple().to_string()));
    request
}

/// Renders a problem, logs, and adds the headers.
pub async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|RequestId(id)| id.clone()).unwrap_or_default();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let attempt = route.as_deref().map(|route| Attempt::of(&request, &method, route));
    let started = app.clock.boot();
    let span = begin(&request, &method, route.as_deref(), &id);
    let mut response = span.run(next.run(request)).await;
    let problem = response.extensions_mut().remove::<Problem>();
    let token = response.extensions_mut().remove::<TokenName>();
    let asking = response.extensions_mut().remove::<Asking>();
    let line = Line {
        request_id: &id,
        method: method.as_str(),
        route: route.as_deref().unwrap_or("-"),
        status: response.status().as_u16(),
        token: token.as_ref().map_or("-", |TokenName(name)| name),
        elapsed_ms: u64::try_from(app.clock.boot().since(started).as_millis()).unwrap_or(u64::MAX),
    };
    span.set("http.response.status_code", || i64::from(line.status));
    drop(span);
    line.write(problem.as_ref());
    if response.status().is_client_error() {
        let code = problem.as_ref().and_then(|problem| problem.codes().first().copied()).unwrap_or_default();
        let refused = attempt.and_then(|attempt| attempt.refused(asking, response.status(), code));
        if let Some(refused) = refused {
            app.refusals.note(refused, app.clock.boot());
        }
    }
    if let Some(problem) = problem {
        let mut rendered = problem.render(&id);
        // Such as `Allow`, which the router has set.
        for (name, value) in response.headers() {
            rendered.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        rendered.headers_mut().remove(http::header::CONTENT_LENGTH);
        response = rendered;
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// A caller is a stranger also with an API token: what is traced is not theirs to say.
fn begin(request: &Request, method: &Method, route: Option<&str>, id: &str) -> Span {
    let span = Span::at_edge("request", &Carrier::of(request.headers()), false);
    span.set("http.request.method", || method.as_str().to_owned());
    span.set("http.route", || route.unwrap_or("-").to_owned());
    span.set("sallyport.request_id", || id.to_owned());
    span
}

struct Line<'a> {
    request_id: &'a str,
    method: &'a str,
    route: &'a str,
    status: u16,
    token: &'a str,
    elapsed_ms: u64,
}

impl Line<'_> {
    fn write(&self, problem: Option<&Problem>) {
        let Self { request_id, method, route, status, token, elapsed_ms } = *self;
        match problem {
            None => tracing::info!(request_id, method, route, status, token, elapsed_ms, "request"),
            Some(problem) => {
                let codes = problem.codes();
                match problem.cause() {
                    None => tracing::info!(
                        request_id,
                        method,
                        route,
                        status,
                        token,
                        elapsed_ms,
                        ?codes,
                        "request"
                    ),
                    Some(cause) => {
                        tracing::error!(
                            request_id,
                            method,
                            route,
                            status,
                            token,
                            elapsed_ms,
                            ?codes,
                            cause,
                            "request"
                        );
                    }
                }
            }
        }
    }
}
