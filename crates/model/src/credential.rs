//! What a machine presents: a Client ID, which may be shown, and a Client Secret, which may not.

use crate::checked;
use crate::error::{Error, ErrorKind};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use std::fmt;
use zeroize::Zeroizing;

/// `<32 hex>.access`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ClientId(String);

impl ClientId {
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = [0_u8; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::internal("no randomness"))?;
        Ok(Self(format!("{}.access", hex::encode(bytes))))
    }

    /// Also reads the older `<32 hex>.access.<auth domain>`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::is_one(text).then(|| Self(text.to_owned()))
    }

    /// The same question, without keeping the text.
    pub fn is_one(text: &str) -> bool {
        let Some((digits, suffix)) = text.split_once('.') else { return false };
        let is_hex =
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let is_access = suffix == "access" || suffix.strip_prefix("access.").is_some_and(is_host);
        is_hex && is_access && text.len() <= 128
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `spst_` + 40 base62 characters + 8 lowercase hex digits: the CRC-32 of the 45 characters before them.
///
/// 238 bits of entropy. The checksum lets an enforcement point and a secret scanner tell junk from a secret without
/// asking anybody; it proves nothing else. Secrets brought from elsewhere (64 lowercase hex digits) are accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    pub const PREFIX: &'static str = "spst_";

    pub fn generate() -> Result<Self, Error> {
        checked::generate(Self::PREFIX).map(Self)
    }

    /// Judges shape and checksum, without I/O.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::check(text).map(|()| Self(Zeroizing::new(text.to_owned())))
    }

    /// Judges shape and checksum without keeping the text.
    pub fn check(text: &str) -> Result<(), Error> {
        if checked::is_one(Self::PREFIX, text) || Self::is_imported_shape(text) {
            return Ok(());
        }
        let message =
            format!("the Client Secret is malformed: {} bytes, not a secret's shape or checksum", text.len());
        Err(Error::new(ErrorKind::Unauthenticated, "TOKEN_SECRET_MALFORMED", message))
    }

    fn is_imported_shape(text: &str) -> bool {
        text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }

    /// The secret itself: for the wire that shows it once, and for the keyed hash.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_generated_secret_has_the_documented_shape() {
        let secret = ClientSecret::generate().unwrap();
        assert_eq!(secret.expose().len(), 53);
        assert!(ClientSecret::parse(secret.expose()).is_ok());
        assert_ne!(secret.expose(), ClientSecret::generate().unwrap().expose());
        assert!(!format!("{secret:?}").contains(secret.expose()));
    }

    #[test]
    fn near_misses_fail_by_checksum() {
        let good = ClientSecret::generate().unwrap().expose().to_owned();
        let mut misses =
            vec![format!("{good} "), format!(" {good}"), good[..52].to_owned(), format!("{good}0")];
        misses.push(good.replacen("spst_", "SPST_", 1));
        for at in 5..53 {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            misses.push(String::from_utf8(bytes).unwrap());
        }
        for miss in misses {
            assert!(ClientSecret::parse(&miss).is_err(), "{miss}");
        }
        assert!(ClientSecret::parse(&"a1".repeat(32)).is_ok());
        assert!(ClientSecret::parse(&"A1".repeat(32)).is_err());
    }

    #[test]
    fn client_ids_are_read_in_both_forms() {
        assert!(ClientId::parse(ClientId::generate().unwrap().as_str()).is_some());
        assert!(ClientId::parse("88bf3b6d86161464f6509f7219099e57.access.example.com").is_some());
        for text in
            ["", ".access", "88bf3b6d86161464f6509f7219099e57", "88BF3B6D86161464F6509F7219099E57.access"]
        {
            assert!(ClientId::parse(text).is_none(), "{text}");
        }
        assert!(ClientId::parse("88bf3b6d86161464f6509f7219099e57.access,x").is_none());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (ClientSecret::parse(&text), ClientId::parse(&text));
        }
    }
}
