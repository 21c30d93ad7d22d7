//! What pages of other origins are told (the Fetch standard, section 3.2.3). An application answers for itself: this is for
//! our own answers alone.

use super::Asker;
use directory::{Cors, Origins};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, VARY,
};
use http::{HeaderMap, Method};

/// Headers that are for us, and never reach the application: a page that may ask may send them.
const OURS: &str = "cf-access-token, cf-access-client-id, cf-access-client-secret";
/// Most bytes of a list of headers that is said again.
const LONGEST: usize = 4096;

/// Lets a page that may read answers read this one.
pub fn allow(cors: &Cors, asker: Asker<'_>, headers: &mut HeaderMap) {
    if let Origins::These(_) = cors.origins {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    let allowed = asker.origin().and_then(|origin| cors.allowed(origin));
    let Some(allowed) = allowed.and_then(|origin| HeaderValue::from_str(origin).ok()) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    if cors.allows_credentials {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// The answer to a preflight request of an origin that may.
pub fn preflight(cors: &Cors, asker: Asker<'_>, headers: &mut HeaderMap) {
    allow(cors, asker, headers);
    if cors.methods.is_none() || cors.headers.is_none() {
        let asked = "Access-Control-Request-Method, Access-Control-Request-Headers";
        headers.append(VARY, HeaderValue::from_static(asked));
    }
    let mut put = |name: HeaderName, text: &str| {
        if let Some(value) = HeaderValue::from_str(text).ok().filter(|value| !value.is_empty()) {
            headers.insert(name, value);
        }
    };
    if let Some(methods) = &cors.methods {
        put(ACCESS_CONTROL_ALLOW_METHODS, methods);
    } else if let Some(asked) = asker.headers.get(ACCESS_CONTROL_REQUEST_METHOD)
        && let Ok(method) = Method::from_bytes(asked.as_bytes())
    {
        // A star is no star beside credentials: what was asked for is said again.
        put(ACCESS_CONTROL_ALLOW_METHODS, method.as_str());
    }
    match cors.headers.as_deref() {
        Some("") => put(ACCESS_CONTROL_ALLOW_HEADERS, OURS),
        Some(names) => put(ACCESS_CONTROL_ALLOW_HEADERS, &format!("{names}, {OURS}")),
        None => put(ACCESS_CONTROL_ALLOW_HEADERS, &names_again(asker.headers)),
    }
    if let Some(seconds) = cors.max_age_s {
        put(ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
    }
}

/// The names that a page asks for, each of them one.
fn names_again(headers: &HeaderMap) -> String {
    let lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    if lines.iter().map(|line| line.len()).sum::<usize>() > LONGEST {
        return String::new();
    }
    let names = lines.iter().flat_map(|line| line.split(',')).map(str::trim);
    names.filter(|name| HeaderName::try_from(*name).is_ok()).collect::<Vec<_>>().join(", ")
}
