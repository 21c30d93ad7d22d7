//! What is said after a body: in HTTP/1 it must be announced, so announcements are passed on too.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue, TE, TRAILER};

/// Whether whoever sent these headers takes trailers.
pub fn are_taken(headers: &HeaderMap) -> bool {
    let is_named = |line: &HeaderValue| {
        let mut codings = line.as_bytes().split(|b| *b == b',');
        codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    };
    headers.get_all(TE).iter().any(is_named)
}

/// The names that are announced, without those that `strip` takes out.
pub fn announced(headers: &HeaderMap, strip: impl FnOnce(&mut HeaderMap)) -> Option<HeaderValue> {
    if !headers.contains_key(TRAILER) {
        return None;
    }
    let lines = headers.get_all(TRAILER).iter().filter_map(|line| line.to_str().ok());
    let names =
        lines.flat_map(|line| line.split(',')).filter_map(|name| HeaderName::try_from(name.trim()).ok());
    let mut left: HeaderMap = names.map(|name| (name, HeaderValue::from_static("-"))).collect();
    strip(&mut left);
    let names: Vec<&str> = left.keys().map(HeaderName::as_str).collect();
    (!names.is_empty()).then(|| HeaderValue::try_from(names.join(", ")).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::headers;

    #[test]
    fn h4_what_may_not_be_said_is_not_announced() {
        let mut given = HeaderMap::new();
        given.append(TRAILER, HeaderValue::from_static("X-Sum, Cf-Access-Jwt-Assertion"));
        given.append(TRAILER, HeaderValue::from_static("Connection, x-forwarded-for ,X-Other, b d"));
        let strip = |headers: &mut HeaderMap| {
            headers::strip_hop_by_hop(headers);
            headers::strip_ours(headers);
        };
        assert_eq!(announced(&given, strip).unwrap(), "x-sum, x-other");
        assert_eq!(announced(&HeaderMap::new(), strip), None);
    }
}
