//! `/authz/ext-authz/…`: `ext_authz` of Envoy with an `http_service`. Method, host and path are the request's own.

use super::{Question, Unasked};
use crate::request::canonical;
use http::request::Parts;

/// Envoy's `path_prefix`.
const PREFIX: &str = "/authz/ext-authz";

pub fn is_for(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('/'))
}

pub fn read(parts: &Parts) -> Result<Question<'_>, Unasked> {
    let host = canonical::authority(&parts.uri, &parts.headers)?;
    let target = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let target = target.strip_prefix(PREFIX).unwrap_or_default();
    Ok(Question { method: parts.method.clone(), target: canonical::target_as_given(host, target)? })
}
