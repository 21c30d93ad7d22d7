//! The signing keys of every account, as enforcement points know them.
//!
//! ```text
//! published (next, current, previous) ─▶ revoked ─▶ removed
//! ```
//!
//! Each later stage is final: whatever arrives late, no key goes back.

use crate::refusal::Refusal;
use arc_swap::ArcSwap;
use model::{AccountId, Error, Timestamp};
use parking_lot::Mutex;
use prost::Message as _;
use proto::change_feed::Entry;
use proto::session_issuer as wire;
use proto::session_issuer::signing_key::Use;
use session_token::{Algorithm, Jwk, KeyId, PublishedKey, VerificationKey};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a key is for now. In the order of the key set: the key that signs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyUse {
    /// Signs.
    Current,
    /// Published, not yet signing.
    Next,
    /// Verifies what it signed until its grace ends.
    Previous,
}

impl From<KeyUse> for Use {
    fn from(usage: KeyUse) -> Self {
        match usage {
            KeyUse::Current => Self::Current,
            KeyUse::Next => Self::Next,
            KeyUse::Previous => Self::Previous,
        }
    }
}

/// One account's key.
#[derive(Debug)]
pub struct Key {
    pub usage: KeyUse,
    pub created_at: Timestamp,
    /// Verifies signatures; knows the account.
    pub verification: VerificationKey,
    /// As the key set shows it.
    pub published: PublishedKey,
}

impl Key {
    pub const fn kid(&self) -> KeyId {
        self.verification.kid()
    }

    pub const fn account(&self) -> AccountId {
        self.verification.account()
    }

    pub const fn algorithm(&self) -> Algorithm {
        self.verification.algorithm()
    }
}

impl TryFrom<wire::KeyState> for Key {
    type Error = Error;

    fn try_from(state: wire::KeyState) -> Result<Self, Error> {
        let wire::KeyState { account_id, key } = state;
        let key = key.ok_or_else(|| Error::invalid("key", "is needed"))?;
        let usage = match key.r#use() {
            Use::Current => KeyUse::Current,
            Use::Next => KeyUse::Next,
            Use::Previous => KeyUse::Previous,
            Use::Revoked | Use::Unspecified => return Err(Error::invalid("key/use", "is no key's in use")),
        };
        let wire::SigningKey { kid: _, jwk_json, certificate_pem, r#use: _, created_at_ms } = key;
        // The name is computed, not read: a key cannot take another's.
        let jwk = Jwk::parse(&jwk_json)?;
        let verification = VerificationKey::new(&jwk, account_id.parse()?);
        let created_at = Timestamp::from_millis(created_at_ms);
        Ok(Self { usage, created_at, verification, published: PublishedKey { jwk, certificate_pem } })
    }
}

#[derive(Clone)]
struct Slot {
    position: u64,
    /// None: it may not be used.
    key: Option<Arc<Key>>,
}

/// A key's name is its thumbprint, so a key that is gone never comes back: this is later than every position.
const GONE: u64 = u64::MAX;
/// Nor does one that was revoked: later than every position but [`GONE`].
const REVOKED: u64 = GONE - 1;

#[derive(Default)]
struct Table {
    by_kid: HashMap<KeyId, Slot>,
    by_account: HashMap<AccountId, Arc<[Arc<Key>]>>,
}

/// Few keys, rarely changed: a change copies the table. Readers never wait.
#[derive(Default)]
pub struct Keys {
    table: ArcSwap<Table>,
    writing: Mutex<()>,
}

/// One key's news: `None` when it was revoked, was removed or cannot be read.
pub struct KeyNews {
    kid: KeyId,
    position: u64,
    key: Option<Arc<Key>>,
}

impl Keys {
    pub fn find(&self, kid: KeyId) -> Option<Arc<Key>> {
        self.table.load().by_kid.get(&kid)?.key.clone()
    }

    /// Whether sessions under a key are honoured. Allocates nothing.
    pub fn judge(&self, kid: KeyId) -> Result<(), Refusal> {
        match self.table.load().by_kid.get(&kid) {
            Some(Slot { key: Some(_), .. }) => Ok(()),
            Some(Slot { position: REVOKED, .. }) => Err(Refusal::SessionKeyRevoked),
            Some(_) | None => Err(Refusal::SessionKeyUnknown),
        }
    }

    /// An account's keys, those of RS256 first, and of an algorithm the signing key first.
    pub fn of(&self, account: AccountId) -> Arc<[Arc<Key>]> {
        self.table.load().by_account.get(&account).cloned().unwrap_or_default()
    }

    pub fn apply(&self, news: Vec<KeyNews>) {
        if news.is_empty() {
            return;
        }
        let _one = self.writing.lock();
        let mut by_kid = self.table.load().by_kid.clone();
        take(&mut by_kid, news);
        self.table.store(Arc::new(Table::new(by_kid)));
    }

    /// Takes these keys for all there are.
    pub fn load(&self, news: Vec<KeyNews>) {
        let _one = self.writing.lock();
        let mut by_kid = self.table.load().by_kid.clone();
        let loaded: HashSet<KeyId> = news.iter().map(|news| news.kid).collect();
        for (_, slot) in by_kid.iter_mut().filter(|(kid, _)| !loaded.contains(kid)) {
            *slot = Slot { position: GONE, key: None };
        }
        take(&mut by_kid, news);
        self.table.store(Arc::new(Table::new(by_kid)));
    }
}

fn take(by_kid: &mut HashMap<KeyId, Slot>, news: Vec<KeyNews>) {
    for KeyNews { kid, position, key } in news {
        let is_news = by_kid.get(&kid).is_none_or(|known| known.position < position);
        if is_news {
            by_kid.insert(kid, Slot { position, key });
        }
    }
}

impl Table {
    fn new(by_kid: HashMap<KeyId, Slot>) -> Self {
        let mut accounts: HashMap<AccountId, Vec<Arc<Key>>> = HashMap::new();
        for key in by_kid.values().filter_map(|slot| slot.key.as_ref()) {
            accounts.entry(key.account()).or_default().push(key.clone());
        }
        let sorted = |mut keys: Vec<Arc<Key>>| {
            // RS256's ring first; of several previous keys the latest first.
            keys.sort_by_key(|key| {
                (key.algorithm(), key.usage, std::cmp::Reverse(key.created_at), key.kid())
            });
            keys.into()
        };
        let by_account = accounts.into_iter().map(|(account, keys)| (account, sorted(keys))).collect();
        Self { by_kid, by_account }
    }
}

/// `kid` is the object's name after `key/`.
pub fn read(kid: &str, entry: &Entry) -> Option<KeyNews> {
    let Some(kid) = KeyId::parse(kid) else {
        tracing::error!(object = entry.object, "not a key's name; ignored");
        return None;
    };
    if entry.removed {
        return Some(KeyNews { kid, position: GONE, key: None });
    }
    let state = wire::KeyState::decode(entry.state.as_slice()).map_err(Error::internal);
    if let Ok(wire::KeyState { key: Some(key), .. }) = &state
        && key.r#use() == Use::Revoked
    {
        return Some(KeyNews { kid, position: REVOKED, key: None });
    }
    let key = match state.and_then(Key::try_from) {
        Ok(key) if key.kid() == kid => Some(Arc::new(key)),
        Ok(_) => {
            tracing::error!(object = entry.object, "another key's name; sessions under it are refused");
            None
        }
        Err(error) => {
            tracing::error!(object = entry.object, %error, "unreadable key; sessions under it are refused");
            None
        }
    };
    Some(KeyNews { kid, position: entry.position, key })
}
