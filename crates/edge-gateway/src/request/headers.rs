//! Which headers go through. What we say about identity is said by us alone.

use crate::request::cookie;
use http::HeaderMap;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Prefixes, with `-` for every separator, of headers that a client may not send on: identity, and what a proxy
/// would say about the client.
const OURS: [&str; 11] = [
    "cf-access-",
    "cf-client-cert-",
    "sallyport-",
    "x-auth-",
    "x-authenticated-",
    "x-client-cert",
    "x-forwarded-",
    "x-original-",
    "x-rewrite-",
    "x-sallyport-",
    "x-ssl-client-",
];
const OURS_WHOLE: [&str; 13] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-ipcountry",
    "cf-ray",
    "client-cert",
    "client-cert-chain",
    "forwarded",
    "remote-user",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
    "x-remote-user",
];
/// Begin like identity, and are a client's own credentials for the application.
const THEIRS: [&str; 2] = ["x-auth-token", "x-auth-key"];

/// Takes out what belongs to one connection, including what `Connection` names, in any case and on several lines.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let lines: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
        let named = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        for name in named.filter_map(|name| HeaderName::try_from(name.trim()).ok()) {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP.iter().chain([&KEEP_ALIVE, &PROXY_CONNECTION]) {
        headers.remove(name);
    }
}

/// Takes out every spelling of a header that only we may set.
pub fn strip_ours(headers: &mut HeaderMap) {
    // Almost always nothing: look before allocating.
    if !headers.keys().any(|name| is_ours(name.as_str())) {
        return;
    }
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Takes what the gateway alone says out of what an application answers.
pub fn strip_answer(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) {
        // It counts alone, and is about to go (RFC 9112 section 6.3).
        headers.remove(CONTENT_LENGTH);
    }
    strip_hop_by_hop(headers);
    let says_ours = |name: &HeaderName| is_spelled(name.as_str(), "cf-access-");
    if headers.keys().any(says_ours) {
        let names: Vec<HeaderName> = headers.keys().filter(|name| says_ours(name)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
    cookie::strip_answer(headers);
}

/// What was let through for one client is kept by no cache that others share (RFC 9111 section 5.2.2.7).
pub fn keep_private(headers: &mut HeaderMap) {
    let says_so = |line: &HeaderValue| {
        let is_closed = |directive: &[u8]| {
            let directive = directive.trim_ascii();
            directive.eq_ignore_ascii_case(b"private") || directive.eq_ignore_ascii_case(b"no-store")
        };
        line.as_bytes().split(|b| *b == b',').any(is_closed)
    };
    if !headers.get_all(CACHE_CONTROL).iter().any(says_so) {
        headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

/// Asks an application to take the request for one of another method.
pub fn overrides_method(headers: &HeaderMap) -> bool {
    let names = ["x-http-method-override", "x-http-method", "x-method-override"];
    let is_one = |name: &str| names.iter().any(|one| one.len() == name.len() && is_spelled(name, one));
    headers.keys().any(|name| is_one(name.as_str()))
}

/// Only we may set it; in lower case, and any spelling.
pub fn is_ours(name: &str) -> bool {
    // The first letters rule almost every header out.
    let could_be = matches!(name.as_bytes().first(), Some(b'c' | b'f' | b'r' | b's' | b't' | b'x'));
    let is_whole = |whole: &&str| whole.len() == name.len() && is_spelled(name, whole);
    could_be
        && (OURS.iter().any(|prefix| is_spelled(name, prefix)) || OURS_WHOLE.iter().any(&is_whole))
        && !THEIRS.iter().any(is_whole)
}

/// One of ours in another spelling than ours. Proxies remove headers by name, and leave this one where it is.
pub fn is_twin(name: &str) -> bool {
    is_ours(name) && !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether the name begins so. Applications read every character but letters and digits alike: CGI makes each of them
/// `_`.
fn is_spelled(name: &str, prefix: &str) -> bool {
    let separated = |b: u8| if b.is_ascii_alphanumeric() { b } else { b'-' };
    name.len() >= prefix.len() && name.bytes().map(separated).zip(prefix.bytes()).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(strip: fn(&mut HeaderMap), lines: &[(&str, &str)]) -> Vec<String> {
        let header = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(header) {
            headers.append(name, value);
        }
        strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(ToString::to_string).collect();
        left.sort();
        left
    }

    #[test]
    fn no_spelling_of_an_identity_header_passes() {
        let lines = [
            ("Cf-Access-Jwt-Assertion", "x"),
            ("CF_Access_Jwt_Assertion", "x"),
            ("cf.access.client.id", "x"),
            ("Cf-Access-Authenticated-User-Email", "x"),
            ("X_Forwarded_For", "x"),
            ("X-Original-URL", "x"),
            ("Forwarded", "x"),
            ("X-Real-IP", "x"),
            ("X!Forwarded!For", "x"),
            ("cf~access~jwt~assertion", "x"),
            ("X-Forwarded-Client-Cert", "x"),
            ("X-Auth-Request-Email", "x"),
            ("X_Auth_User", "x"),
            ("CF-IPCountry", "x"),
            ("CF_Ray", "x"),
            ("X-Auth-Token", "x"),
            ("Sallyport_Fallback", "x"),
            ("Accept", "x"),
            ("Forwarded-Elsewhere", "x"),
            ("Authorization", "x"),
        ];
        assert_eq!(
            after(strip_ours, &lines),
            ["accept", "authorization", "forwarded-elsewhere", "x-auth-token"]
        );
    }

    #[test]
    fn what_is_for_one_client_is_kept_by_no_shared_cache() {
        for (given, expected) in [
            (&[][..], "private"),
            (&["public, max-age=60"], "public, max-age=60|private"),
            (&["max-age=5, Private"], "max-age=5, Private"),
            (&["no-store"], "no-store"),
        ] {
            let mut headers: HeaderMap =
                given.iter().map(|line| (CACHE_CONTROL, HeaderValue::from_static(line))).collect();
            keep_private(&mut headers);
            let lines: Vec<_> =
                headers.get_all(CACHE_CONTROL).iter().map(|line| line.to_str().unwrap()).collect();
            assert_eq!(lines.join("|"), expected);
        }
    }

    #[test]
    fn what_connection_names_goes() {
        let lines = [
            ("Connection", "keep-alive, X-A"),
            ("connection", "x-b"),
            ("X-A", "1"),
            ("X-B", "1"),
            ("X-C", "1"),
            ("TE", "trailers"),
        ];
        assert_eq!(after(strip_hop_by_hop, &lines), ["x-c"]);
    }
}
