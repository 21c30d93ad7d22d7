//! What a person's tool presents to the management API.

use crate::checked;
use crate::error::Error;
use std::fmt;
use zeroize::Zeroizing;

/// `spat_` + 40 base62 characters + 8 lowercase hex digits: the CRC-32 of the 45 characters before them.
///
/// Its own prefix tells it from a Client Secret, for people and for secret scanners; neither is ever taken for the other.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiTokenValue(Zeroizing<String>);

impl ApiTokenValue {
    pub const PREFIX: &'static str = "spat_";

    pub fn generate() -> Result<Self, Error> {
        checked::generate(Self::PREFIX).map(Self)
    }

    /// Judges shape and checksum, without I/O.
    pub fn parse(text: &str) -> Option<Self> {
        checked::is_one(Self::PREFIX, text).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The value itself: for the wire that shows it once, and for the keyed hash.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiTokenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiTokenValue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientSecret;

    #[test]
    fn a_token_is_never_taken_for_a_secret_nor_a_secret_for_a_token() {
        let (value, secret) = (ApiTokenValue::generate().unwrap(), ClientSecret::generate().unwrap());
        assert_eq!(ApiTokenValue::parse(value.expose()), Some(value.clone()));
        assert!(ClientSecret::parse(value.expose()).is_err());
        assert_eq!(ApiTokenValue::parse(secret.expose()), None);
        assert_eq!(ApiTokenValue::parse(&value.expose().replacen("spat_", "spst_", 1)), None);
        assert!(!format!("{value:?}").contains(value.expose()));
    }

    #[test]
    fn junk_fails_by_checksum() {
        let good = ApiTokenValue::generate().unwrap().expose().to_owned();
        for junk in ["", "spat_", &good[..52], &format!("{good}0"), &good.to_uppercase()] {
            assert_eq!(ApiTokenValue::parse(junk), None, "{junk}");
        }
    }
}
