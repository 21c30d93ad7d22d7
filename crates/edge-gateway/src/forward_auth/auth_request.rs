//! `/authz/auth-request`: `auth_request` of nginx, and ingress-nginx.

use super::told::Header;
use super::{Question, Unasked};
use crate::request::canonical;
use http::Method;
use http::request::Parts;

const METHOD: Header =
    Header { name: "x-original-method", how: "proxy_set_header X-Original-Method $request_method" };
const URL: Header =
    Header { name: "x-original-url", how: "proxy_set_header X-Original-URL $scheme://$host$request_uri" };

pub fn read(parts: &Parts) -> Result<Question<'_>, Unasked> {
    let method = METHOD.only(&parts.headers)?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| METHOD.malformed())?;
    let url = URL.text(&parts.headers)?;
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let rest = rest.ok_or_else(|| URL.malformed())?;
    // By hand: libraries drop what stands behind a fragment, and nginx forwards it.
    let path = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(path);
    Ok(Question { method, target: canonical::target_as_given(host, target)? })
}
