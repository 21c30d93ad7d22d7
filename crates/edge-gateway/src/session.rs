//! Sessions that were verified, remembered by digest so that a signature is checked once.

use crate::answer;
use crate::request::credential::Pair;
use crate::usage::Uses;
use aws_lc_rs::digest::{Context, SHA256, digest};
use directory::{Application, Cookie};
use http::HeaderValue;
use model::{ApplicationId, Timestamp};
use quick_cache::sync::Cache;
use session_token::{Claims, KeyId};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// A session whose signature, issuer and issue time are right. Whether it counts is judged on every request.
pub struct Session {
    pub claims: Claims,
    pub kid: KeyId,
    /// The JWT, as the application gets it.
    pub assertion: HeaderValue,
    cookie: Option<Kept>,
    /// Since the last report.
    pub uses: Arc<Uses>,
}

/// A cookie, and what it was made from.
struct Kept {
    attributes: Cookie,
    domain: Arc<str>,
    value: HeaderValue,
}

impl Session {
    /// `token` is the text that was verified. `application`: where it was obtained by a Client ID and Client Secret.
    pub fn new(
        verified: session_token::Verified,
        token: &str,
        application: Option<(&Application, bool)>,
    ) -> Option<Arc<Self>> {
        let session_token::Verified { claims, kid } = verified;
        let mut assertion = HeaderValue::from_str(token).ok()?;
        assertion.set_sensitive(true);
        let mut session = Self { claims, kid, assertion, cookie: None, uses: Arc::default() };
        session.cookie = application.and_then(|(application, is_https)| {
            let value = session.make_cookie(application, is_https)?;
            Some(Kept { attributes: application.settings.cookie, domain: application.domain.clone(), value })
        });
        Some(Arc::new(session))
    }

    /// What the client gets: made once, and again if the application's attributes have changed since.
    pub fn cookie(&self, application: &Application, is_https: bool) -> Option<HeaderValue> {
        match &self.cookie {
            Some(kept)
                if kept.attributes == application.settings.cookie && kept.domain == application.domain =>
            {
                Some(kept.value.clone())
            }
            Some(_) | None => self.make_cookie(application, is_https),
        }
    }

    fn make_cookie(&self, application: &Application, is_https: bool) -> Option<HeaderValue> {
        let expires = Timestamp::from_millis(self.claims.expires_at_s.saturating_mul(1000));
        answer::session_cookie(application, self.assertion.to_str().ok()?, expires, is_https)
    }
}

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

impl From<aws_lc_rs::digest::Digest> for Key {
    fn from(digest: aws_lc_rs::digest::Digest) -> Self {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self(bytes)
    }
}

impl std::hash::Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first)));
    }
}

/// A digest needs no second hash.
#[derive(Default)]
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

/// Sessions by key; the least used go first.
pub type Remembered = Cache<Key, Arc<Session>, quick_cache::UnitWeighter, BuildHasherDefault<AsItIs>>;

pub fn remember(capacity: usize) -> Remembered {
    Cache::with(
        capacity,
        capacity as u64,
        quick_cache::UnitWeighter,
        BuildHasherDefault::default(),
        quick_cache::sync::DefaultLifecycle::default(),
    )
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
