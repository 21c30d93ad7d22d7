//! Private keys at rest: AES-256-GCM under a key that the database never sees, bound to the key's name and account.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use model::{AccountId, Error};
use session_token::KeyId;
use zeroize::Zeroizing;

/// The key under which private signing keys are stored.
pub struct KeyEncryptionKey(RandomizedNonceKey);

impl KeyEncryptionKey {
    /// 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes);
        Ok(Self(key.map_err(|_| Error::invalid("key_encryption_key", "must have 32 bytes"))?))
    }

    /// Nonce, ciphertext and tag.
    pub fn seal(&self, private_key: &[u8], kid: KeyId, account: AccountId) -> Result<Vec<u8>, Error> {
        // Room for the tag from the start: growing would leave a copy of the private key behind.
        let mut sealed = Vec::with_capacity(private_key.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(private_key);
        let nonce = self.0.seal_in_place_append_tag(bound_to(kid, account), &mut sealed);
        let nonce = nonce.map_err(|_| Error::internal("sealing a private key failed"))?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// # Errors
    /// `Internal` when the bytes were altered, belong to another key or were sealed under another key-encryption key.
    pub fn open(&self, sealed: &[u8], kid: KeyId, account: AccountId) -> Result<Zeroizing<Vec<u8>>, Error> {
        let unreadable =
            || Error::internal(format!("signing key {kid} cannot be opened: wrong key_encryption_key?"));
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unreadable())?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let opened = self.0.open_in_place(nonce, bound_to(kid, account), &mut buffer);
        let length = opened.map_err(|_| unreadable())?.len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// A sealed key cannot be moved to another row.
fn bound_to(kid: KeyId, account: AccountId) -> Aad<Vec<u8>> {
    Aad::from([b"sallyport signing key".as_slice(), kid.as_bytes(), account.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_key_opens_in_its_own_place_alone() {
        let key = KeyEncryptionKey::new(&[7; 32]).unwrap();
        let (kid, account) = ("ab".repeat(32).parse().unwrap(), AccountId::random());
        let sealed = key.seal(b"private", kid, account).unwrap();
        assert_eq!(key.open(&sealed, kid, account).unwrap().as_slice(), b"private");
        assert_ne!(sealed, key.seal(b"private", kid, account).unwrap());
        assert!(!sealed.windows(7).any(|window| window == b"private"));

        let other = KeyEncryptionKey::new(&[8; 32]).unwrap();
        assert!(other.open(&sealed, kid, account).is_err());
        assert!(key.open(&sealed, kid, AccountId::random()).is_err());
        assert!(key.open(&sealed, "cd".repeat(32).parse().unwrap(), account).is_err());
        assert!(key.open(&sealed[..11], kid, account).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(key.open(&altered, kid, account).is_err(), "{at}");
        }
        assert!(KeyEncryptionKey::new(&[7; 31]).is_err());
    }
}
