//! The one source of chance: whatever happens in a world follows from its seed.

use parking_lot::Mutex;
use std::ops::Range;
use std::time::Duration;

/// `SplitMix64`.
pub struct Chance(Mutex<u64>);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    pub fn next(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 if that is 0.
    pub fn below(&self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or_default()
    }

    pub fn within(&self, range: Range<u64>) -> u64 {
        range.start + self.below(range.end.saturating_sub(range.start))
    }

    /// Of either sign.
    pub fn around(&self, most: i64) -> i64 {
        let span = most.unsigned_abs() * 2 + 1;
        i64::try_from(self.below(span)).unwrap_or_default() - most
    }

    pub fn permille(&self, chances: u64) -> bool {
        chances > 0 && self.below(1000) < chances
    }

    pub fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }

    /// Mostly short, seldom long.
    pub fn delay(&self, most: u64) -> Duration {
        match self.below(20) {
            0 => self.millis(0..most.saturating_mul(10).max(1)),
            1..=3 => self.millis(0..most.max(1)),
            _ => self.millis(0..(most / 4).max(1)),
        }
    }

    pub fn pick<'a, T>(&self, among: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(among.len() as u64)).unwrap_or_default();
        among.get(index)
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_le_bytes()[0])
    }

    pub fn hex(&self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }
}
