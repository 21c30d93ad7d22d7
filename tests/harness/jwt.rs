//! Session JWTs, taken apart and put together by hand.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The header of a compact JWS.
pub fn header(jwt: &str) -> Value {
    part(jwt, 0)
}

/// The claims of a compact JWS, unverified.
pub fn claims(jwt: &str) -> Value {
    part(jwt, 1)
}

fn part(jwt: &str, index: usize) -> Value {
    let encoded = jwt.split('.').nth(index).unwrap_or_else(|| panic!("not a JWT: {jwt}"));
    let bytes = URL_SAFE_NO_PAD.decode(encoded).unwrap_or_else(|error| panic!("{error}: {jwt}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {jwt}"))
}

/// What is signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
