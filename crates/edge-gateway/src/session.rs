//! Sessions that were verified, remembered by digest so that a signature is checked once.
//!
//! A session that comes as a JWT is remembered by what judging it takes, in less than 200 bytes: the request that brings
//! it again has the text. For a Client ID and Client Secret the text is kept once, for the application and the cookie.
//!
//! | module | holds |
//! |---|---|
//! | `origins` | [`Origins`]: what many sessions have in common, kept once |
//! | `obtained` | [`Obtained`]: a session that an exchange brought, with its text |
//! | `binding` | [`Binding`]: the secret that a session is bound to |
//! | `key` | [`Key`]: the digest by which a session is found |

mod binding;
mod key;
mod obtained;
mod origins;

use crate::usage::Uses;
use model::{SessionId, Timestamp, TokenId};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, UnitWeighter};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8};

pub use binding::Binding;
pub use key::{AsItIs, Key};
pub use obtained::Obtained;
pub use origins::{Origin, Origins};

/// A session whose signature, issuer and issue time are right. Whether it counts is judged on every request.
pub struct Session {
    /// What it has in common with others.
    pub origin: Arc<Origin>,
    pub id: SessionId,
    /// The service token that obtained it.
    pub token: Option<TokenId>,
    /// The version of the secret that was presented; 0 without a token.
    pub secret_version: i64,
    /// Seconds since 1970: the first at which it is no longer valid.
    pub expires_at_s: i64,
    /// The position of the registry's feed at which it was validated.
    pub as_of_registry: u64,
    /// The same of the issuer's feed.
    pub as_of_issuer: u64,
    /// When it was used last, in milliseconds since 1970.
    pub last_used_ms: AtomicI64,
    /// From where: the number of an [`AddressClass`](model::AddressClass).
    pub last_used_from: AtomicU8,
    /// Since the last report.
    pub uses: Uses,
}

impl Session {
    pub const fn is_expired(&self, now: Timestamp) -> bool {
        now.as_seconds() >= self.expires_at_s
    }

    /// The first instant at which it is no longer valid.
    pub const fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at_s.saturating_mul(1000))
    }
}

/// Sessions by key; the least used go first.
pub type Remembered<V> = Cache<Key, Arc<V>, UnitWeighter, BuildHasherDefault<AsItIs>>;

/// A look-up reads one lock of so many: cores rarely meet at one.
const SHARDS: usize = 64;
/// Part of the capacity for digests of what has had to go: whoever comes back soon is kept for longer.
const GONE: f64 = 0.04;

/// At most so many; what is not used takes no memory.
pub fn remember<V>(capacity: usize) -> Remembered<V> {
    let mut options = OptionsBuilder::new();
    options
        .shards(SHARDS)
        .estimated_items_capacity(capacity)
        .weight_capacity(capacity as u64)
        .ghost_allocation(GONE);
    let hasher = BuildHasherDefault::default();
    match options.build() {
        Ok(options) => Cache::with_options(options, UnitWeighter, hasher, DefaultLifecycle::default()),
        // Both capacities are given: nothing is missing.
        Err(_) => Cache::with(capacity, capacity as u64, UnitWeighter, hasher, DefaultLifecycle::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let remembered = remember::<u32>(1_000);
        for number in 0..20_000_u32 {
            remembered.insert(Key::of_token(&number.to_string()), Arc::new(number));
        }
        // Rounded up: every part has room for as many.
        assert!((500..=1_024).contains(&remembered.len()), "{}", remembered.len());
    }

    #[test]
    fn a_session_and_its_place_take_less_than_two_hundred_bytes() {
        // Two counters before the session, the allocator's word, and the place in the cache: key, pointer, state, links.
        let allocated = (size_of::<Session>() + 16 + 8).next_multiple_of(16);
        let (place, found) = (size_of::<Key>() + 8 + 8 + 8, 12);
        assert!(allocated + place + found <= 200, "{allocated} + {place} + {found}");
    }
}
