//! Messages that differ in the number of their session alone.

use crate::known;
use anyhow::{Result, ensure};

/// How many digits are written; the text of a session has zeros before them.
const DIGITS: usize = 10;

/// Bytes with a session's text in them, once or more often.
#[derive(Clone)]
pub struct Numbered {
    pub bytes: Vec<u8>,
    /// Where the last digits of each begin.
    places: Vec<usize>,
}

impl Numbered {
    /// `bytes`: of session 0.
    pub fn new(bytes: Vec<u8>) -> Result<Self> {
        let text = known::text(0).into_bytes();
        let found = bytes.windows(text.len()).enumerate().filter(|(_, window)| *window == text);
        let places: Vec<usize> = found.map(|(start, _)| start + text.len() - DIGITS).collect();
        ensure!(!places.is_empty(), "the message carries no session");
        Ok(Self { bytes, places })
    }

    pub fn set(&mut self, number: u32) {
        for place in &self.places {
            if let Some(bytes) = self.bytes.get_mut(*place..*place + DIGITS) {
                bytes.copy_from_slice(&digits(number));
            }
        }
    }

    /// Whether `bytes` are as long, and carry this number where these carry theirs.
    pub fn is_like(&self, bytes: &[u8], number: u32) -> bool {
        let digits = digits(number);
        bytes.len() == self.bytes.len()
            && self.places.iter().all(|place| bytes.get(*place..*place + DIGITS) == Some(&digits))
    }
}

fn digits(mut number: u32) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    digits
}

/// Numbers that look random: a linear congruential generator.
pub struct Draw(u64);

impl Draw {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap_or_default()
    }

    /// Another one that begins elsewhere.
    pub fn split(&mut self) -> Self {
        Self(self.next() << 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_where_the_text_of_its_session_has_it() {
        let message = |number| format!("<{}> <{}>", known::text(number), known::text(number)).into_bytes();
        let mut numbered = Numbered::new(message(0)).unwrap();
        assert!(numbered.is_like(&message(4_294_967_295), 4_294_967_295));
        assert!(!numbered.is_like(&message(17), 18));
        numbered.set(17);
        assert_eq!(numbered.bytes, message(17));
        assert!(Numbered::new(b"nothing".to_vec()).is_err());
    }
}
