//! The name of one request: in the answer, in what the application gets, in logs, spans and the access log.

use http::header::{HeaderName, HeaderValue};
use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

pub const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");

/// Unique for all that it is used for; no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ray(u64);

impl Ray {
    /// The next of this thread: `SplitMix64` from a seed of its own.
    pub fn next() -> Self {
        thread_local! {
            static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id()));
        }
        let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        STATE.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(mixed ^ (mixed >> 31))
    }

    pub fn header(self) -> HeaderValue {
        let mut digits = [0; 16];
        for (digit, shift) in digits.iter_mut().zip((0..16).rev()) {
            let nibble = (self.0 >> (shift * 4)) & 0xf;
            *digit =
                b"0123456789abcdef".get(usize::try_from(nibble).unwrap_or_default()).copied().unwrap_or(b'0');
        }
        HeaderValue::from_bytes(&digits).unwrap_or_else(|_| HeaderValue::from_static("0"))
    }
}

/// 16 lowercase hex digits.
impl fmt::Display for Ray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
