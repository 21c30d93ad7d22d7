//! Broadcasts, sealed: the bus carries anything that anybody says, and only the owner's own words are believed.

use aws_lc_rs::hmac;
use bytes::Bytes;
use model::Error;
use prost::Message as _;
use proto::change_feed::{Broadcast, SealedBroadcast};

/// Bytes in a key.
pub(crate) const KEY: usize = 32;

/// The key of one feed's broadcasts. Replicas get it with their lease, over the authenticated channel.
#[derive(Clone)]
pub(crate) struct BroadcastKey(hmac::Key);

impl BroadcastKey {
    pub fn new(key: &[u8]) -> Result<Self, Error> {
        if key.len() != KEY {
            return Err(Error::internal("the feed's broadcast key must have 32 bytes"));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    pub fn seal(&self, broadcast: &Broadcast) -> Bytes {
        let broadcast = broadcast.encode_to_vec();
        let tag = hmac::sign(&self.0, &broadcast).as_ref().to_vec();
        SealedBroadcast { broadcast, tag }.encode_to_vec().into()
    }

    /// None: not the owner's words.
    pub fn open(&self, message: Bytes) -> Option<Broadcast> {
        let SealedBroadcast { broadcast, tag } = SealedBroadcast::decode(message).ok()?;
        hmac::verify(&self.0, &broadcast, &tag).ok()?;
        Broadcast::decode(broadcast.as_slice()).ok()
    }
}

impl std::fmt::Debug for BroadcastKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BroadcastKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Broadcast {
        Broadcast { epoch: "e".to_owned(), entries: Vec::new(), position: 7 }
    }

    #[test]
    fn the_owners_words_are_believed_and_no_others() {
        let key = BroadcastKey::new(&[1; KEY]).unwrap();
        let sealed = key.seal(&said());
        assert_eq!(key.open(sealed.clone()), Some(said()));
        assert_eq!(BroadcastKey::new(&[2; KEY]).unwrap().open(sealed.clone()), None);
        for at in 0..sealed.len() {
            let mut altered = sealed.to_vec();
            altered[at] ^= 1;
            assert_eq!(key.open(altered.into()), None, "byte {at}");
        }
        for shorter in 0..sealed.len() {
            assert_eq!(key.open(sealed.slice(..shorter)), None);
        }
        assert_eq!(key.open(said().encode_to_vec().into()), None);
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(BroadcastKey::new(&[]).is_err());
        assert!(BroadcastKey::new(&[0; 31]).is_err());
    }
}
