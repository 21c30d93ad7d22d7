//! The keyed hash of secrets: HMAC-SHA-256 under a pepper that the database does not hold.
//!
//! Not a password hash: a secret has 238 bits of entropy, and this runs on the request path.

use aws_lc_rs::{constant_time, digest, hmac};
use model::{ApiTokenValue, ClientSecret};

/// Length of a digest in bytes.
pub const DIGEST: usize = 32;

/// The pepper in use, and the one before it while secrets hashed with that are still about.
pub struct Peppers {
    // Boxed: keys are large, and these are moved about.
    current: Box<Pepper>,
    previous: Option<Box<Pepper>>,
}

struct Pepper {
    /// First eight bytes of the key's SHA-256, hex.
    id: String,
    secrets: hmac::Key,
    api_tokens: hmac::Key,
    cache: hmac::Key,
}

impl Pepper {
    fn new(key: &[u8]) -> Self {
        let derive = |purpose: &[u8]| {
            let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose);
            hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
        };
        let fingerprint = digest::digest(&digest::SHA256, key);
        let id = fingerprint.as_ref().get(..8).map(hex::encode).unwrap_or_default();
        Self {
            id,
            secrets: derive(b"client secrets"),
            api_tokens: derive(b"api tokens"),
            cache: derive(b"validated tokens"),
        }
    }
}

impl Pepper {
    fn digest_of_api_token(&self, value: &ApiTokenValue) -> Vec<u8> {
        hmac::sign(&self.api_tokens, value.expose().as_bytes()).as_ref().to_vec()
    }
}

impl Peppers {
    /// Keys of 32 random bytes.
    pub fn new(current: &[u8], previous: Option<&[u8]>) -> Self {
        Self {
            current: Box::new(Pepper::new(current)),
            previous: previous.map(|key| Box::new(Pepper::new(key))),
        }
    }

    /// Which pepper hashes now.
    pub fn current_id(&self) -> &str {
        &self.current.id
    }

    /// The digest to store.
    pub fn digest(&self, secret: &ClientSecret) -> Vec<u8> {
        hmac::sign(&self.current.secrets, secret.expose().as_bytes()).as_ref().to_vec()
    }

    /// Whether `secret` has this digest; constant time. A pepper that is not known any more matches nothing, and takes as
    /// long.
    pub fn matches(&self, secret: &ClientSecret, pepper_id: &str, digest: &[u8]) -> bool {
        let known = [Some(&self.current), self.previous.as_ref()];
        let pepper = known.into_iter().flatten().find(|pepper| pepper.id == pepper_id);
        let computed = hmac::sign(&pepper.unwrap_or(&self.current).secrets, secret.expose().as_bytes());
        #[cfg(test)]
        tests::HASHES.set(tests::HASHES.get() + 1);
        constant_time::verify_slices_are_equal(computed.as_ref(), digest).is_ok() && pepper.is_some()
    }

    /// The digest to store, and to look up by.
    pub fn digest_of_api_token(&self, value: &ApiTokenValue) -> Vec<u8> {
        self.current.digest_of_api_token(value)
    }

    /// What a value may be stored as: under the current pepper, and under the one before it.
    pub fn digests_of_api_token(&self, value: &ApiTokenValue) -> [Vec<u8>; 2] {
        let current = self.current.digest_of_api_token(value);
        let previous = self.previous.as_ref().map(|pepper| pepper.digest_of_api_token(value));
        [current.clone(), previous.unwrap_or(current)]
    }

    /// Keyed digest of length-prefixed parts: no two lists of parts share one. Depends on both peppers: what was
    /// judged while an old one was listed says nothing once it is not.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.current.cache);
        let previous = self.previous.as_ref().map(|pepper| pepper.id.as_bytes()).unwrap_or_default();
        for part in std::iter::once(&previous).chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// Keyed hashes of secrets that were compared on this thread.
        pub static HASHES: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn a_secret_hashed_with_the_previous_pepper_still_matches() {
        let secret = ClientSecret::generate().unwrap();
        let (old, new) = ([1_u8; 32], [2_u8; 32]);
        let before = Peppers::new(&old, None);
        let stored = (before.current_id().to_owned(), before.digest(&secret));
        assert!(Peppers::new(&new, Some(&old)).matches(&secret, &stored.0, &stored.1));
        assert!(!Peppers::new(&new, None).matches(&secret, &stored.0, &stored.1));
        assert!(!before.matches(&ClientSecret::generate().unwrap(), &stored.0, &stored.1));
        assert_eq!(stored.1.len(), DIGEST);
    }

    #[test]
    fn parts_cannot_be_shifted() {
        let peppers = Peppers::new(&[1; 32], None);
        assert_ne!(peppers.tag(&[b"ab", b"c"]).as_ref(), peppers.tag(&[b"a", b"bc"]).as_ref());
    }

    #[test]
    fn dropping_a_pepper_changes_every_tag() {
        let (during, after) = (Peppers::new(&[2; 32], Some(&[1; 32])), Peppers::new(&[2; 32], None));
        assert_ne!(during.tag(&[b"a"]).as_ref(), after.tag(&[b"a"]).as_ref());
    }
}
