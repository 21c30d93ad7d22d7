//! What a proxy is answered.

use super::{Dialect, Unasked};
use crate::answer::{self, Asker, Body};
use crate::decide::{Admission, Basis, Refused};
use crate::forward::{ASSERTION, FALLBACK};
use crate::refusal::Refusal;
use crate::request::cookie;
use bytes::Bytes;
use directory::Application;
use http::header::{CACHE_CONTROL, COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{Either, Full};
use std::fmt::Write as _;

/// Stands where there is nothing to say. Some proxies leave the client's own header in place of one that an answer lacks;
/// no application takes this for a JWT.
const NOTHING: HeaderValue = HeaderValue::from_static("-");

/// For access logs: `admitted` with identity, `passed` without, `refused`.
const DECISION: HeaderName = HeaderName::from_static("sallyport-decision");
const TOKEN: HeaderName = HeaderName::from_static("sallyport-token-id");
const POLICY: HeaderName = HeaderName::from_static("sallyport-policy-id");
/// What the application may get as `Cookie`.
const THEIRS: HeaderName = HeaderName::from_static("sallyport-cookie");
/// The body of a refusal, for nginx to say.
const ANSWER: HeaderName = HeaderName::from_static("sallyport-answer");
/// nginx keeps the head of an answer in 16 KiB.
const LONGEST_ANSWER: usize = 8 * 1024;
const REFUSED: HeaderValue = HeaderValue::from_static("refused");
const ENVOY_REMOVES: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// Credentials of ours, none of which is for an application.
const CREDENTIALS: &str = "cf-access-client-id,cf-access-client-secret,cf-access-token";

/// `asked`: the headers of the client's request, as its proxy passed them on.
pub fn allow(dialect: Dialect, admission: Admission, asked: &HeaderMap) -> Response<Body> {
    let Admission { basis, assertion, cookie, binding, credential_header, fallback, policy, .. } = admission;
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
    match (cookie, binding) {
        (Some(cookie), None) => drop(headers.insert(SET_COOKIE, cookie)),
        // The others pass on one at most, and neither of two is worth anything alone.
        (Some(cookie), Some(binding)) if dialect == Dialect::ExtAuthz => {
            headers.insert(SET_COOKIE, cookie);
            headers.append(SET_COOKIE, *binding);
        }
        (Some(_) | None, Some(_)) | (None, None) => {}
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

/// Refused by the decision. To all but Envoy a good status says that the request may pass: they carry no answer to a
/// preflight request.
pub fn refused(dialect: Dialect, refused: &Refused, asker: Option<Asker<'_>>) -> Response<Body> {
    let Refused { refusal, application } = refused;
    let mut refusal = refusal.clone();
    if refusal.is_answer() && dialect != Dialect::ExtAuthz {
        refusal = preflight_not_carried();
    }
    let mut asker = asker;
    if dialect == Dialect::AuthRequest {
        refusal.status = as_nginx_may(refusal.status);
        asker = asker.map(|asker| Asker { may_be_sent_on: false, ..asker });
    }
    if dialect != Dialect::AuthRequest {
        return deny(&refusal, application.as_deref(), asker);
    }
    let response = answer::refused(&refusal, application.as_deref(), asker);
    let said = in_header(response.body());
    let mut response = response.map(|text| Either::Right(Full::new(text)));
    response.headers_mut().insert(DECISION, REFUSED);
    response.headers_mut().extend(said.map(|said| (ANSWER, said)));
    response
}

/// nginx passes no body on, and can say one that is in a header: what is not ASCII as JSON writes it otherwise.
fn in_header(body: &[u8]) -> Option<HeaderValue> {
    let units = std::str::from_utf8(body).ok()?.encode_utf16();
    let text = units.fold(String::with_capacity(body.len()), |mut text, unit| {
        match u8::try_from(unit) {
            Ok(byte @ b' '..=b'~') => text.push(char::from(byte)),
            // A string takes everything.
            _ => drop(write!(text, "\\u{unit:04x}")),
        }
        text
    });
    HeaderValue::try_from(text).ok().filter(|text| text.len() <= LONGEST_ANSWER)
}

fn preflight_not_carried() -> Refusal {
    let message = "this proxy cannot pass on our answer to a preflight request: let it answer those, or let them pass by options_preflight_bypass";
    Refusal::denied("PREFLIGHT_NOT_CARRIED", message)
}

/// Nothing was decided.
pub fn unasked(dialect: Dialect, unasked: Unasked) -> Response<Body> {
    match unasked {
        // In every dialect: nginx makes a 500 of it, and writes it into its log.
        Unasked::Proxy(refusal) => deny(&refusal, None, None),
        Unasked::Client(refusal) => refused(dialect, &Refused { refusal, application: None }, None),
    }
}

pub fn deny(
    refusal: &Refusal,
    application: Option<&Application>,
    asker: Option<Asker<'_>>,
) -> Response<Body> {
    let mut response = answer::refusal(refusal, application, asker);
    response.headers_mut().insert(DECISION, REFUSED);
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
    fn a_body_in_a_header_is_the_same_json() {
        let body = serde_json::json!({"error": "X", "message": "Zutritt für 🚪\n\u{7f}\"$x\""});
        let said = in_header(body.to_string().as_bytes()).unwrap();
        assert!(said.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)));
        assert_eq!(serde_json::from_slice::<serde_json::Value>(said.as_bytes()).unwrap(), body);
        assert_eq!(in_header(&[b'x'; LONGEST_ANSWER + 1]), None);
    }

    #[test]
    fn nginx_is_told_401_403_or_that_nobody_can_decide() {
        for (status, expected) in
            [(400, 403), (401, 401), (403, 403), (404, 403), (405, 403), (429, 503), (502, 503), (503, 503)]
        {
            assert_eq!(as_nginx_may(StatusCode::from_u16(status).unwrap()).as_u16(), expected, "{status}");
        }
    }
}
