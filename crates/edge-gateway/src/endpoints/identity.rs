//! `/cdn-cgi/access/get-identity`: whose session it is, for its holder. The members of the public contract that a service
//! session has; those of people are absent.

use crate::answer::{self, Body};
use crate::decide::{Gatekeeper, Holder, Refused, Seen};
use crate::refusal::Refusal;
use http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};
use serde::Serialize;
use session_token::Claims;

#[derive(Serialize)]
struct Identity<'a> {
    account_id: String,
    /// The Client ID, or the certificate's common name.
    common_name: &'a str,
    /// The Client ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_token_id: Option<&'a str>,
    /// The token is good: otherwise there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_token_status: Option<bool>,
    auth_status: &'static str,
    mtls_auth: Certificate,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    geo: Option<Place>,
    is_warp: bool,
    is_gateway: bool,
    iat: i64,
    version: u8,
}

#[derive(Serialize)]
struct Certificate {
    cert_presented: bool,
}

#[derive(Serialize)]
struct Place {
    country: String,
}

pub fn answer(gatekeeper: &Gatekeeper, seen: &Seen<'_>) -> Result<Response<Body>, Refused> {
    let Holder { token, application, session: _ } = gatekeeper.holder(seen)?;
    let unreadable = || Refusal::unavailable("the session is unreadable; retry");
    let text = session_token::read_again(token).and_then(|claims| write(seen, &claims));
    let text = text.ok_or_else(|| Refused { refusal: unreadable(), application: Some(application) })?;
    let mut response = answer::text_json(StatusCode::OK, text);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn write(seen: &Seen<'_>, claims: &Claims) -> Option<Vec<u8>> {
    let is_tokens = claims.token.is_some();
    let identity = Identity {
        account_id: claims.account.to_string(),
        common_name: &claims.common_name,
        service_token_id: is_tokens.then_some(&*claims.common_name),
        service_token_status: is_tokens.then_some(true),
        auth_status: "NONE",
        mtls_auth: Certificate { cert_presented: seen.certificate.is_some() },
        ip: seen.address.map(|address| address.to_string()),
        geo: seen.country.map(|country| Place { country: country.to_string() }),
        is_warp: false,
        is_gateway: false,
        iat: claims.issued_at_s,
        version: 2,
    };
    serde_json::to_vec(&identity).ok()
}
