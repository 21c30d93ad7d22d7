//! Refusals and cookies.
//!
//! | module | holds |
//! |---|---|
//! | `asker` | who is answered |
//! | `cors` | what pages of other origins are told |

mod asker;
mod cors;

use crate::forward::Download;
use crate::refusal::Refusal;
use crate::request::cookie;
use bytes::Bytes;
use directory::{Application, SameSite};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};
use http_body_util::{Either, Full};
use model::Timestamp;
use policy::{Decision, DomainPattern};
use serde::Serialize;

pub use asker::{Asker, LOOKED_AT};

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

/// The answer to a request that goes no further. `asker`: who it is, where that is known.
pub fn refusal(
    refusal: &Refusal,
    application: Option<&Application>,
    asker: Option<Asker<'_>>,
) -> Response<Body> {
    refused(refusal, application, asker).map(|text| Either::Right(Full::new(text)))
}

/// The same, for somebody else to give.
pub fn refused(
    refusal: &Refusal,
    application: Option<&Application>,
    asker: Option<Asker<'_>>,
) -> Response<Bytes> {
    let Refusal { status, reason, message, retry_s: _ } = refusal;
    let settings = application.map(|application| &*application.settings);
    let cors = settings.and_then(|settings| settings.cors.as_deref()).zip(asker);
    if refusal.is_answer() {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = *status;
        if let Some((cors, asker)) = cors {
            cors::preflight(cors, asker, response.headers_mut());
        }
        return response;
    }
    let denial = settings.and_then(|settings| settings.denial.as_deref()).filter(|_| refusal.is_denial());
    let message = denial.and_then(|denial| denial.message.as_deref()).unwrap_or(message);
    let text = serde_json::to_vec(&Reasoned { error: reason, message }).unwrap_or_default();
    let elsewhere = application.zip(asker).filter(|_| refusal.is_denial()).and_then(elsewhere);
    let status = if elsewhere.is_some() { &StatusCode::FOUND } else { status };
    let mut response = unkept(*status, text.into());
    let headers = response.headers_mut();
    headers.extend(elsewhere.map(|elsewhere| (LOCATION, elsewhere)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let may_be_framed = settings.is_some_and(|settings| settings.allows_frames);
    let policy =
        if may_be_framed { "default-src 'none'" } else { "default-src 'none'; frame-ancestors 'none'" };
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    if let Some((cors, asker)) = cors {
        cors::allow(cors, asker, headers);
    }
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

/// Where a browser is sent that is refused; a machine never is. 401 where that was asked for is what everybody gets.
fn elsewhere((application, asker): (&Application, Asker<'_>)) -> Option<HeaderValue> {
    let denial = application.settings.denial.as_deref()?;
    let asks_for_a_person = application.policies.has(Decision::Allow);
    let url = if asks_for_a_person { &denial.identity_url } else { &denial.non_identity_url };
    let is_sent =
        !application.settings.service_auth_401_redirect && asker.may_be_sent_on && asker.opens_a_page();
    url.as_deref().filter(|_| is_sent).and_then(|url| HeaderValue::from_str(url).ok())
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

/// `Set-Cookie` for a session at an application: the name, `=`, the token, attributes. `path`: see [`cookie_path`]. Browsers keep 4096 bytes: a longer one is not set.
pub fn session_cookie(
    application: &Application,
    path: &str,
    token: &str,
    expires: Timestamp,
    is_https: bool,
) -> Option<String> {
    let attributes = &application.settings.cookie;
    let mut text = begin_cookie(path, cookie::SESSION, token, expires);
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

/// The same for the secret that the session is bound to. It is sent wherever the session is.
pub fn binding_cookie(path: &str, secret: &str, expires: Timestamp, is_https: bool) -> Option<HeaderValue> {
    let mut text = begin_cookie(path, cookie::BINDING, secret, expires);
    text.push_str("; HttpOnly");
    if is_https {
        // Browsers take `None` with `Secure` alone.
        text.push_str("; Secure; SameSite=None");
    }
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `Set-Cookie` lines that take an application's session and its binding back, from wherever a domain of it at this host
/// would have set them.
pub fn taken_back(application: Option<&Application>, host: &str, is_https: bool) -> Vec<HeaderValue> {
    let mut paths = vec!["/"];
    if let Some(application) = application {
        let here = application.domains.iter().filter(|domain| domain.covers_host(host));
        // Also where it was once set by path.
        paths.extend(here.map(path_of));
    }
    paths.sort_unstable();
    paths.dedup();
    let (secure, anywhere) = if is_https { ("; Secure", "; SameSite=None") } else { ("", "") };
    let lines = paths.into_iter().flat_map(|path| {
        let begin = |name| begin_cookie(path, name, "", Timestamp::from_millis(0));
        [
            format!("{}; HttpOnly{secure}", begin(cookie::SESSION)),
            format!("{}; HttpOnly{secure}{anywhere}", begin(cookie::BINDING)),
        ]
    });
    lines.filter_map(|line| HeaderValue::try_from(line).ok()).collect()
}

fn begin_cookie(path: &str, name: &str, value: &str, expires: Timestamp) -> String {
    format!("{name}={value}; Path={path}; Expires={}", expires.http_date())
}

/// Where an application's cookies are sent: to the whole host, or below the path of the domain that matched, where it asks
/// for that and there is one.
pub fn cookie_path<'d>(application: &Application, domain: Option<&'d DomainPattern>) -> &'d str {
    domain.filter(|_| application.settings.cookie.is_path_scoped).map_or("/", path_of)
}

fn path_of(domain: &DomainPattern) -> &str {
    let path = domain.path();
    if path.is_empty() || path.contains(['*', ';']) { "/" } else { path }
}
