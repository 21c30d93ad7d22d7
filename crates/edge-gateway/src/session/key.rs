//! The digest by which a session is found.

use crate::request::credential::Pair;
use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use model::ApplicationId;
use std::hash::{Hash, Hasher};

/// SHA-256 of what names a session; its own hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key([u8; 32]);

impl Key {
    /// Of a session JWT.
    pub fn of_token(token: &str) -> Self {
        Self::from(digest(&SHA256, token.as_bytes()))
    }

    /// Of a credential and a client certificate at an application, either of which there may not be. Parts are
    /// length-prefixed.
    pub fn of_pair(
        pair: Option<&Pair<'_>>,
        application: &ApplicationId,
        fingerprint: Option<&[u8; 32]>,
    ) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(application.as_bytes());
        context.update(&[u8::from(fingerprint.is_some())]);
        context.update(fingerprint.map_or(&[], |fingerprint| &fingerprint[..]));
        for part in pair.into_iter().flat_map(|pair| [&pair.client_id, &pair.client_secret]) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        Self::from(context.finish())
    }
}

impl Key {
    /// Of a host of an application.
    pub fn of_place(application: &ApplicationId, host: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(application.as_bytes());
        context.update(host.as_bytes());
        Self::from(context.finish())
    }
}

impl From<Digest> for Key {
    fn from(digest: Digest) -> Self {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self(bytes)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first)));
    }
}

/// A digest needs no second hash.
#[derive(Default, Clone)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, secret: &str, application: &ApplicationId) -> Key {
        Key::of_pair(Some(&Pair { client_id: id.into(), client_secret: secret.into() }), application, None)
    }

    #[test]
    fn k1_two_credentials_never_share_a_key() {
        let (a, b) = (ApplicationId::random(), ApplicationId::random());
        let keys = [
            key("ab", "c", &a),
            key("a", "bc", &a),
            key("", "abc", &a),
            key("ab", "c", &b),
            Key::of_pair(None, &a, None),
            Key::of_pair(None, &a, Some(&[0; 32])),
            Key::of_pair(None, &a, Some(&[1; 32])),
            Key::of_pair(
                Some(&Pair { client_id: "ab".into(), client_secret: "c".into() }),
                &a,
                Some(&[1; 32]),
            ),
        ];
        for (index, first) in keys.iter().enumerate() {
            assert!(keys.iter().skip(index + 1).all(|second| first != second));
        }
    }
}
