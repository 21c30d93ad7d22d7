//! Which headers go through. What we say about identity is said by us alone.

use http::HeaderMap;
use http::header::{
    CONNECTION, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Prefixes, with `-` for every separator, of headers that a client may not send on: identity, and what a proxy
/// would say about the client.
const OURS: [&str; 6] =
    ["cf-access-", "cf-client-cert-", "x-forwarded-", "x-original-", "x-rewrite-", "x-sallyport-"];
const OURS_WHOLE: [&str; 4] = ["forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip"];

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

/// Applications read `-`, `_` and `.` in header names alike.
fn is_ours(name: &str) -> bool {
    let separated = |b: u8| if matches!(b, b'_' | b'.') { b'-' } else { b };
    let begins = |prefix: &str| {
        name.len() >= prefix.len() && name.bytes().map(separated).zip(prefix.bytes()).all(|(a, b)| a == b)
    };
    OURS.iter().any(|prefix| begins(prefix))
        || OURS_WHOLE.iter().any(|whole| whole.len() == name.len() && begins(whole))
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
            ("Accept", "x"),
            ("Forwarded-Elsewhere", "x"),
            ("Authorization", "x"),
        ];
        assert_eq!(after(strip_ours, &lines), ["accept", "authorization", "forwarded-elsewhere"]);
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
