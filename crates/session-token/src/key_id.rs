//! The name of a key.

use model::Error;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A key's `kid`: the SHA-256 thumbprint of its JWK (RFC 7638), written as 64 lowercase hex digits.
///
/// Being the thumbprint, it can name one key only, whoever publishes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

impl KeyId {
    pub(crate) const fn from_thumbprint(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Only 64 lowercase hex digits are a name; paths, SQL and the like are none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let is_lowercase = !text.bytes().any(|b| b.is_ascii_uppercase());
        (is_lowercase && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(Self(bytes))
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).ok_or_else(|| Error::invalid("kid", "must be 64 lowercase hex digits"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_64_lowercase_hex_digits_are_a_kid() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(text.parse::<KeyId>().unwrap().to_string(), text);
        for text in
            [text.to_uppercase(), text[1..].into(), format!("{text}0"), "../".repeat(22), String::new()]
        {
            assert!(text.parse::<KeyId>().is_err(), "{text}");
        }
    }
}
