//! Secrets that carry their own checksum: a prefix, 40 base62 characters, and 8 lowercase hex digits: the CRC-32 of
//! everything before them. 238 bits of entropy.

use crate::error::Error;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

const BODY: usize = 40;
const CHECKSUM: usize = 8;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub fn generate(prefix: &str) -> Result<Zeroizing<String>, Error> {
    let random = SystemRandom::new();
    let length = prefix.len() + BODY;
    let mut text = Zeroizing::new(String::with_capacity(length + CHECKSUM));
    text.push_str(prefix);
    let mut bytes = Zeroizing::new([0_u8; 64]);
    while text.len() < length {
        random.fill(bytes.as_mut()).map_err(|_| Error::internal("no randomness"))?;
        let unbiased = bytes.iter().filter(|byte| **byte < 248);
        let characters = unbiased.filter_map(|byte| ALPHABET.get(usize::from(byte % 62)));
        let missing = length - text.len();
        text.extend(characters.take(missing).map(|byte| char::from(*byte)));
    }
    let checksum = crc32fast::hash(text.as_bytes());
    text.push_str(&hex::encode(checksum.to_be_bytes()));
    Ok(text)
}

/// Judges shape and checksum, without keeping the text.
pub fn is_one(prefix: &str, text: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else { return false };
    let Some((body, checksum)) = rest.split_at_checked(BODY) else { return false };
    let Some(covered) = text.get(..prefix.len() + BODY) else { return false };
    body.bytes().all(|b| b.is_ascii_alphanumeric())
        && checksum.len() == CHECKSUM
        && checksum.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        && u32::from_str_radix(checksum, 16) == Ok(crc32fast::hash(covered.as_bytes()))
}
