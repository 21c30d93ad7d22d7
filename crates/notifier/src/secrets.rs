//! Webhook secrets at rest: AES-256-GCM, bound to the webhook's id.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use model::Error;
use zeroize::Zeroizing;

/// The key under which webhook secrets are kept.
pub struct SecretsKey(RandomizedNonceKey);

impl SecretsKey {
    /// From 32 random bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes)
            .map(Self)
            .map_err(|_| Error::invalid("secrets_key", "must be 32 bytes"))
    }

    /// Nonce, ciphertext, tag.
    pub(crate) fn seal(&self, webhook_id: &str, secret: &str) -> Result<Vec<u8>, Error> {
        let mut text = secret.as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(webhook_id), &mut text)
            .map_err(|_| Error::internal("a webhook secret could not be encrypted"))?;
        Ok([nonce.as_ref().as_slice(), text.as_slice()].concat())
    }

    /// Fails if it was sealed under another key or for another webhook.
    pub(crate) fn open(&self, webhook_id: &str, sealed: &[u8]) -> Result<Zeroizing<String>, Error> {
        let unreadable = || {
            Error::internal(format!(
                "the secret of webhook {webhook_id} does not open under this secrets_key"
            ))
        };
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unreadable())?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened =
            self.0.open_in_place(nonce, Aad::from(webhook_id), &mut text).map_err(|_| unreadable())?;
        std::str::from_utf8(opened).map(|secret| Zeroizing::new(secret.to_owned())).map_err(|_| unreadable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_for_its_webhook_under_its_key() {
        let key = SecretsKey::new(&[7; 32]).unwrap();
        let sealed = key.seal("a", "hunter2").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(key.open("a", &sealed).unwrap().as_str(), "hunter2");
        assert!(key.open("b", &sealed).is_err());
        assert!(SecretsKey::new(&[8; 32]).unwrap().open("a", &sealed).is_err());
        assert!(key.open("a", &sealed[..20]).is_err());
        assert!(key.open("a", &[]).is_err());
        assert_ne!(sealed, key.seal("a", "hunter2").unwrap());
        assert!(SecretsKey::new(&[7; 31]).is_err());
    }
}
