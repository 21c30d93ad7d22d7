//! `/authz/forward-auth`: `forward_auth` of Caddy, `forwardAuth` of Traefik, and `HAProxy`.

use super::told::Header;
use super::{Question, Unasked};
use crate::request::canonical;
use http::Method;
use http::request::Parts;

const HOW: &str = "Caddy and Traefik set it; HAProxy by the script of deploy/haproxy";
const METHOD: Header = Header { name: "x-forwarded-method", how: HOW };
const PROTO: Header = Header { name: "x-forwarded-proto", how: HOW };
const HOST: Header = Header { name: "x-forwarded-host", how: HOW };
const URI: Header = Header { name: "x-forwarded-uri", how: HOW };

pub fn read(parts: &Parts) -> Result<Question<'_>, Unasked> {
    let headers = &parts.headers;
    let method = METHOD.only(headers)?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| METHOD.malformed())?;
    if !matches!(PROTO.text(headers)?, "http" | "https" | "ws" | "wss") {
        return Err(PROTO.malformed());
    }
    let target = canonical::target_as_given(HOST.text(headers)?, URI.text(headers)?)?;
    Ok(Question { method, target })
}
