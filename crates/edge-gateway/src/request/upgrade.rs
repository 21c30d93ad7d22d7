//! Another protocol on the same connection (RFC 9110 section 7.8).

use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};

/// Protocols in which requests would pass that nobody judges: HTTP itself, and what hides it.
const NEVER: [&[u8]; 4] = [b"h2", b"h2c", b"http", b"tls"];

/// Whether the value is one protocol, `name` or `name/version`, to which a connection may change.
pub fn is_protocol(value: &[u8]) -> bool {
    let mut parts = value.split(|b| *b == b'/');
    let name = parts.next().unwrap_or_default();
    let is_never = NEVER.iter().any(|never| name.eq_ignore_ascii_case(never));
    is_token(name) && parts.next().is_none_or(is_token) && parts.next().is_none() && !is_never
}

/// Whether a `Connection` line names the upgrade.
pub fn is_named(value: &[u8]) -> bool {
    value.split(|b| *b == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// The protocol that the head asks for, or changes to.
pub fn protocol(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut protocols = headers.get_all(UPGRADE).iter();
    let protocol = protocols.next().filter(|value| is_protocol(value.as_bytes()))?;
    let is_named = headers.get_all(CONNECTION).iter().any(|line| is_named(line.as_bytes()));
    (is_named && protocols.next().is_none()).then_some(protocol)
}

/// Says it in a head.
pub fn put(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    let is_one = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !text.is_empty() && text.iter().all(is_one)
}
