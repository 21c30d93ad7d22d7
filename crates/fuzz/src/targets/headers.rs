//! Headers in lines: what is ours goes in every spelling, and nothing else does.

use crate::input::{headers, lines};
use crate::model::cgi;
use edge_gateway::request::headers::{strip_answer, strip_hop_by_hop, strip_ours};
use http::header::HeaderMap;

const PREFIXES: [&str; 11] = [
    "CF_ACCESS_",
    "CF_CLIENT_CERT_",
    "SALLYPORT_",
    "X_AUTH_",
    "X_AUTHENTICATED_",
    "X_CLIENT_CERT",
    "X_FORWARDED_",
    "X_ORIGINAL_",
    "X_REWRITE_",
    "X_SALLYPORT_",
    "X_SSL_CLIENT_",
];
const WHOLE: [&str; 12] = [
    "CF_CONNECTING_IP",
    "CF_CONNECTING_IPV6",
    "CF_IPCOUNTRY",
    "CLIENT_CERT",
    "CLIENT_CERT_CHAIN",
    "FORWARDED",
    "REMOTE_USER",
    "TRUE_CLIENT_IP",
    "X_CLIENT_IP",
    "X_CLUSTER_CLIENT_IP",
    "X_REAL_IP",
    "X_REMOTE_USER",
];
const THEIRS: [&str; 2] = ["X_AUTH_TOKEN", "X_AUTH_KEY"];
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "keep-alive",
    "proxy-connection",
];

pub fn run(data: &[u8]) {
    let given = headers(data);
    let is_ours = |name: &str| {
        let name = cgi(name);
        !THEIRS.contains(&name.as_str())
            && (WHOLE.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
    };
    assert_eq!(after(&given, strip_ours), left(&given, |name| !is_ours(name)));

    let named: Vec<String> = given
        .get_all("connection")
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let is_hop = |name: &str| HOP_BY_HOP.contains(&name) || named.iter().any(|it| it == name);
    assert_eq!(after(&given, strip_hop_by_hop), left(&given, |name| !is_hop(name)));

    let answer = after(&given, strip_answer);
    assert!(answer.iter().all(|(name, _)| !is_hop(name) && !cgi(name).starts_with("CF_ACCESS_")));
}

fn after(given: &HeaderMap, strip: fn(&mut HeaderMap)) -> Vec<(String, Vec<u8>)> {
    let mut stripped = given.clone();
    strip(&mut stripped);
    sorted(lines(&stripped))
}

fn left(given: &HeaderMap, is_kept: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let mut left = lines(given);
    left.retain(|(name, _)| is_kept(name));
    sorted(left)
}

/// By name; values stay in order.
fn sorted(mut lines: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    lines
}
