//! Refusals and cookies.

use crate::forward::Download;
use crate::refusal::Refusal;
use crate::request::cookie;
use bytes::Bytes;
use directory::{Application, SameSite};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::{Either, Full};
use model::Timestamp;
use serde::Serialize;

/// What a client gets: the application's body, or ours.
pub type Body = Either<Download, Full<Bytes>>;

const ERROR: HeaderName = HeaderName::from_static("cf-access-error");
const AUD: HeaderName = HeaderName::from_static("cf-access-aud");
const DOMAIN: HeaderName = HeaderName::from_static("cf-access-domain");

#[derive(Serialize)]
struct Reasoned<'a> {
    /// Stable.
    error: &'a str,
    /// For people.
    message: &'a str,
}

/// The answer to a request that goes no further.
pub fn refusal(refusal: &Refusal, application: Option<&Application>) -> Response<Body> {
    refused(refusal, application).map(|text| Either::Right(Full::new(text)))
}

/// The same, for somebody else to give.
pub fn refused(refusal: &Refusal, application: Option<&Application>) -> Response<Bytes> {
    let Refusal { status, reason, message, retry_s: _ } = refusal;
    let text = serde_json::to_vec(&Reasoned { error: reason, message }).unwrap_or_default();
    let mut response = unkept(*status, text.into());
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(ERROR, reason);
    if let Some(application) = application {
        put(AUD, application.aud.as_str());
        put(DOMAIN, &application.domain);
    }
    if *status == StatusCode::UNAUTHORIZED {
        let realm = application.map_or("sallyport", |application| &application.domain);
        put(WWW_AUTHENTICATE, &format!("Sallyport realm=\"{realm}\", error=\"{reason}\""));
    }
    if let Some(seconds) = refusal.retry_after() {
        put(RETRY_AFTER, &seconds.to_string());
    }
    response
}

/// An answer of text that is JSON already, and that nobody keeps.
pub fn text_json(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    unkept(status, text.into()).map(|text| Either::Right(Full::new(text)))
}

fn unkept(status: StatusCode, text: Bytes) -> Response<Bytes> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `Set-Cookie` for a session at an application: the name, `=`, the token, attributes. Browsers keep 4096 bytes: a longer one is not set.
pub fn session_cookie(
    application: &Application,
    token: &str,
    expires: Timestamp,
    is_https: bool,
) -> Option<String> {
    let attributes = &application.settings.cookie;
    let path = application.domain.find('/').and_then(|at| application.domain.get(at..));
    let path = path.filter(|path| attributes.is_path_scoped && !path.contains('*')).unwrap_or("/");
    let mut text = format!("{}={token}; Path={path}; Expires={}", cookie::SESSION, expires.http_date());
    if attributes.http_only {
        text.push_str("; HttpOnly");
    }
    if is_https {
        text.push_str("; Secure");
    }
    match attributes.same_site {
        SameSite::Unset => {}
        SameSite::None => text.push_str("; SameSite=None"),
        SameSite::Lax => text.push_str("; SameSite=Lax"),
        SameSite::Strict => text.push_str("; SameSite=Strict"),
    }
    (text.len() <= 4096).then_some(text)
}
