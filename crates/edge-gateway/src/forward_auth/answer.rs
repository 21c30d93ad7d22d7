//! What a proxy is answered.

use super::{Dialect, Unasked};
use crate::answer::{self, Body};
use crate::decide::{Admission, Basis, Refused};
use crate::forward::{ASSERTION, FALLBACK};
use crate::refusal::Refusal;
use crate::request::cookie;
use bytes::Bytes;
use directory::Application;
use http::header::{CACHE_CONTROL, COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{Either, Full};

/// Stands where there is nothing to say. Some proxies leave the client's own header in place of one that an answer lacks;
/// no application takes this for a JWT.
const NOTHING: HeaderValue = HeaderValue::from_static("-");

/// For access logs: `admitted` with identity, `passed` without, `refused`.
const DECISION: HeaderName = HeaderName::from_static("sallyport-decision");
const TOKEN: HeaderName = HeaderName::from_static("sallyport-token-id");
const POLICY: HeaderName = HeaderName::from_static("sallyport-policy-id");
/// What the application may get as `Cookie`.
const THEIRS: HeaderName = HeaderName::from_static("sallyport-cookie");
const ENVOY_REMOVES: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// Credentials of ours, none of which is for an application.
const CREDENTIALS: &str = "cf-access-client-id,cf-access-client-secret,cf-access-token";

/// `asked`: the headers of the client's request, as its proxy passed them on.
pub fn allow(dialect: Dialect, admission: Admission, asked: &HeaderMap) -> Response<Body> {
    let Admission { basis, assertion, cookie, credential_header, fallback, application: _, policy } =
        admission;
    let mut response = Response::new(Either::Right(Full::new(Bytes::new())));
    let headers = response.headers_mut();
    let session = if let Basis::Session(session) = &basis { Some(session) } else { None };
    let token = session.and_then(|session| HeaderValue::try_from(session.token?.to_string()).ok());
    headers.insert(ASSERTION, assertion.unwrap_or(NOTHING));
    // No sentinel: its presence says something, and a client that claims it is only trusted less.
    headers.extend(fallback.map(|it| (FALLBACK, HeaderValue::from_static(it.as_str()))));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(DECISION, HeaderValue::from_static(if session.is_some() { "admitted" } else { "passed" }));
    headers.insert(TOKEN, token.unwrap_or(NOTHING));
    let policy = policy.and_then(|policy| HeaderValue::try_from(policy.to_string()).ok());
    headers.insert(POLICY, policy.unwrap_or(NOTHING));
    if let Some(cookie) = cookie {
        headers.insert(SET_COOKIE, cookie);
    }
    let theirs = cookie::theirs(asked).map(|mut theirs| {
        theirs.set_sensitive(true);
        theirs
    });
    let has_cookies = theirs.is_some();
    if let Some(theirs) = theirs {
        if dialect != Dialect::AuthRequest {
            // Proxies that copy a header by its name alone.
            headers.insert(COOKIE, theirs.clone());
        }
        headers.insert(THEIRS, theirs);
    }
    if dialect == Dialect::ExtAuthz {
        let single = credential_header.as_ref().map(HeaderName::as_str);
        let unsaid = fallback.is_none().then_some("sallyport-fallback");
        let names = [Some(CREDENTIALS), single, unsaid, (!has_cookies).then_some("cookie")];
        let names = names.into_iter().flatten().collect::<Vec<_>>().join(",");
        headers.extend(HeaderValue::try_from(names).map(|names| (ENVOY_REMOVES, names)));
    }
    response
}

/// Refused by the decision.
pub fn refused(dialect: Dialect, refused: &Refused) -> Response<Body> {
    let Refused { refusal, application } = refused;
    let mut refusal = refusal.clone();
    if dialect == Dialect::AuthRequest {
        refusal.status = as_nginx_may(refusal.status);
    }
    deny(&refusal, application.as_deref())
}

/// Nothing was decided.
pub fn unasked(dialect: Dialect, unasked: Unasked) -> Response<Body> {
    match unasked {
        // In every dialect: nginx makes a 500 of it, and writes it into its log.
        Unasked::Proxy(refusal) => deny(&refusal, None),
        Unasked::Client(refusal) => refused(dialect, &Refused { refusal, application: None }),
    }
}

pub fn deny(refusal: &Refusal, application: Option<&Application>) -> Response<Body> {
    let mut response = answer::refusal(refusal, application);
    response.headers_mut().insert(DECISION, HeaderValue::from_static("refused"));
    response
}

/// nginx passes 401 and 403 on and makes 500 of everything else: what the client can do nothing about stays apart so.
fn as_nginx_may(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::UNAUTHORIZED => StatusCode::UNAUTHORIZED,
        StatusCode::TOO_MANY_REQUESTS => StatusCode::SERVICE_UNAVAILABLE,
        status if status.is_client_error() => StatusCode::FORBIDDEN,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_is_told_401_403_or_that_nobody_can_decide() {
        for (status, expected) in
            [(400, 403), (401, 401), (403, 403), (404, 403), (405, 403), (429, 503), (502, 503), (503, 503)]
        {
            assert_eq!(as_nginx_may(StatusCode::from_u16(status).unwrap()).as_u16(), expected, "{status}");
        }
    }
}
