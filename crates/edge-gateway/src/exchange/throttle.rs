//! Guessing is slowed down: per Client ID and source, and per source. Nothing here is on the way of a session or a
//! pair that the gateway remembers.
//!
//! - An **attempt** is a credential that the issuer is asked about. Only those that it calls wrong are paid for.
//! - A credential that was right here lately is **known**: nobody else can present it, so no guessing of others keeps it
//!   out, not even from behind the same address.
//! - A credential that is **wrong** already is no new guess: a machine with an old secret does not use up what one with
//!   the new secret needs.
//! - The tables are of fixed size. What falls out of one is forgotten: a flood of new Client IDs weakens the throttle of
//!   the oldest, and locks nobody out.

use super::bucket::{Bucket, Rate};
use crate::config::Throttle as Settings;
use crate::measure;
use crate::refusal::Refusal;
use crate::request::credential::Pair;
use crate::session::AsItIs;
use model::{BootTime, Clock};
use parking_lot::Mutex;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{BuildHasher, BuildHasherDefault, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Entries of each table; under 100 bytes each.
const ENTRIES: usize = 65_536;
/// One warning at most in so long.
const QUIET: Duration = Duration::from_secs(10);

type Table<V> = Cache<u64, V, UnitWeighter, BuildHasherDefault<AsItIs>>;

fn table<V: Clone>() -> Table<V> {
    let lifecycle = DefaultLifecycle::default();
    Cache::with(ENTRIES, ENTRIES as u64, UnitWeighter, BuildHasherDefault::default(), lifecycle)
}

/// Where attempts come from, as coarse as an attacker can change it for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    V4([u8; 4]),
    /// A /64: whoever has one address has all of them.
    V6([u8; 8]),
    /// Everybody whose address is not known.
    Unknown,
}

impl From<Option<IpAddr>> for Source {
    fn from(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                Self::V6(address.octets().first_chunk().copied().unwrap_or_default())
            }
            None => Self::Unknown,
        }
    }
}

/// Credentials that are being asked about, with what they have paid in advance.
#[derive(Default)]
struct Advance {
    attempts: usize,
    is_spent: bool,
}

/// Who may ask about a credential.
pub struct Throttle {
    per_client_id: Rate,
    per_source: Rate,
    pairs: Table<Arc<Bucket>>,
    sources: Table<Arc<Bucket>>,
    known: Table<()>,
    wrong: Table<()>,
    under_way: Mutex<HashMap<u64, Advance>>,
    warned_at: Mutex<Option<BootTime>>,
    /// Keyed: nobody can choose what shares an entry.
    hasher: RandomState,
    clock: Arc<dyn Clock>,
}

impl Throttle {
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        Self {
            per_client_id: Rate::per_minute(settings.wrong_per_client_id.get()),
            per_source: Rate::per_minute(settings.wrong_per_source.get()),
            pairs: table(),
            sources: table(),
            known: table(),
            wrong: table(),
            under_way: Mutex::default(),
            warned_at: Mutex::default(),
            hasher: RandomState::new(),
            clock,
        }
    }

    /// Before the issuer is asked: 429 if there were too many wrong ones.
    ///
    /// A credential pays in advance, once however often it is asked about at the same time: many guesses at once get no
    /// further than one after the other, and a machine's first requests to many applications cost what one does.
    pub fn attempt(&self, pair: &Pair<'_>, address: Option<IpAddr>) -> Result<Attempt<'_>, Refusal> {
        let source = Source::from(address);
        let credential = self.hasher.hash_one((&*pair.client_id, &*pair.client_secret));
        let mut attempt = Attempt {
            throttle: self,
            credential,
            advance: None,
            bucket: bucket(&self.pairs, self.hasher.hash_one((&*pair.client_id, source))),
            source: bucket(&self.sources, self.hasher.hash_one(source)),
            is_wrong: false,
            is_counted: false,
        };
        if self.known.get(&credential).is_some() {
            return Ok(attempt);
        }
        attempt.still_may(pair)?;
        if self.wrong.get(&credential).is_some() {
            attempt.is_counted = true;
            return Ok(attempt);
        }
        let advance = self.hasher.hash_one((credential, source));
        let mut under_way = self.under_way.lock();
        let paid = under_way.entry(advance).or_default();
        if paid.attempts == 0
            && let Err(wait) = attempt.bucket.take(self.per_client_id, self.now())
        {
            under_way.remove(&advance);
            drop(under_way);
            return Err(self.refuse("client_id", wait, pair));
        }
        paid.attempts += 1;
        attempt.advance = Some(advance);
        Ok(attempt)
    }

    fn now(&self) -> Duration {
        self.clock.boot().as_duration()
    }

    fn refuse(&self, reason: &'static str, wait: Duration, pair: &Pair<'_>) -> Refusal {
        measure::throttled(reason);
        let now = self.clock.boot();
        let mut warned_at = self.warned_at.lock();
        if warned_at.is_none_or(|before| now.since(before) >= QUIET) {
            *warned_at = Some(now);
            drop(warned_at);
            // Of many, one stands for all; a Client ID of the right shape holds nothing that could deceive a reader.
            tracing::warn!(reason, client_id = %pair.client_id, "wrong Client Secrets are throttled");
        }
        Refusal::throttled(wait)
    }
}

fn bucket(table: &Table<Arc<Bucket>>, key: u64) -> Arc<Bucket> {
    let new = || Ok::<_, Infallible>(Arc::default());
    table.get_or_insert_with(&key, new).unwrap_or_else(|never| match never {})
}

/// A credential that is being asked about. Whoever leaves without waiting for the answer pays as for a wrong one.
pub struct Attempt<'t> {
    throttle: &'t Throttle,
    credential: u64,
    /// None: it paid nothing in advance.
    advance: Option<u64>,
    bucket: Arc<Bucket>,
    source: Arc<Bucket>,
    is_wrong: bool,
    /// As one guess for its Client ID, before.
    is_counted: bool,
}

impl Attempt<'_> {
    /// Asked again when its turn has come: others from there may have failed since.
    pub fn still_may(&self, pair: &Pair<'_>) -> Result<(), Refusal> {
        let Throttle { per_source, known, .. } = self.throttle;
        if known.get(&self.credential).is_some() {
            return Ok(());
        }
        let checked = self.source.check(*per_source, self.throttle.now());
        checked.map_err(|wait| self.throttle.refuse("source", wait, pair))
    }

    /// The issuer is being asked.
    pub fn sent(&mut self) {
        self.is_wrong = true;
    }

    /// The issuer has said that the credential is right, whatever the policies make of it.
    pub fn was_right(mut self) {
        self.is_wrong = false;
        self.throttle.wrong.remove(&self.credential);
        self.throttle.known.insert(self.credential, ());
    }

    /// Nobody could say.
    pub fn was_not_judged(mut self) {
        self.is_wrong = false;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let Throttle { per_client_id, per_source, .. } = *self.throttle;
        let mut is_paid = false;
        if let Some(advance) = self.advance {
            let mut under_way = self.throttle.under_way.lock();
            if let Some(paid) = under_way.get_mut(&advance) {
                is_paid = self.is_wrong && !paid.is_spent;
                paid.is_spent |= self.is_wrong;
                paid.attempts -= 1;
                if paid.attempts == 0 && under_way.remove(&advance).is_some_and(|paid| !paid.is_spent) {
                    self.bucket.give_back(per_client_id);
                }
            }
        }
        if self.is_wrong {
            let now = self.throttle.now();
            self.throttle.known.remove(&self.credential);
            self.throttle.wrong.insert(self.credential, ());
            self.source.charge(per_source, now);
            if !is_paid && !self.is_counted {
                self.bucket.charge(per_client_id, now);
            }
        }
    }
}

#[cfg(test)]
mod tests;
