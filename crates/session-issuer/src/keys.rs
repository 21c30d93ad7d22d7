//! The signing keys of every account.
//!
//! ```text
//! created ─ published (next) ─ confirmed by every enforcement point
//!         ─ known to validators outside ─ signs (current) ─ grace (previous) ─ gone
//!
//! any of them ─ revoked ─ gone
//! ```
//!
//! A key set always has a current and a next key of RS256, and after a rotation the previous one until its grace is over.
//! The same of ES256, once an application has asked for it: each algorithm has a ring of its own, and all rotate together.
//!
//! | module | holds |
//! |---|---|
//! | `ring` | the key of the algorithm that an application has chosen |
//! | `lives` | every key, with the times of its life |
//! | `rotate` | the next key takes over |
//! | `revoke` | a key that is no secret any more ends, and every session under it |
//! | `upkeep` | what happens as time goes by |

mod lives;
mod revoke;
mod ring;
mod rotate;
pub mod upkeep;

pub use lives::Life;
pub use revoke::Revocation;

use crate::rpc::Following;
use crate::sealing::KeyEncryptionKey;
use crate::store::{GRACE, NewKey, Settings, Store, StoredKey};
use change_feed::{Appended, Feed, Wait};
use model::{AccountId, Error, ErrorKind, Timestamp};
use parking_lot::{Mutex, RwLock};
use proto::change_feed::Propagation;
use revocation::KeyUse;
use revocation::keys::Key;
use session_token::{Algorithm, KeyId, SigningKey};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// A grace that is longer than usual is one of whole days: few are told apart.
const DAY: Duration = Duration::from_hours(24);

/// Longer than any key lives: at most a year as the next one, a year as the current one, and a month of grace.
const CERTIFICATE_LIFE: Duration = Duration::from_hours(3 * 365 * 24);

/// Every account's signing keys.
pub struct Keys {
    store: Store,
    feed: Arc<Feed>,
    following: Following,
    sealing: Arc<KeyEncryptionKey>,
    /// Confirmed keys, parsed: parsing costs more than a signature.
    parsed: RwLock<HashMap<KeyId, Arc<SigningKey>>>,
    /// How long each key is known to be kept after it signs last, if for longer than the usual grace.
    kept_for: RwLock<HashMap<KeyId, Duration>>,
    /// How long validators outside may use a key set that they have read: a key that they may not know does not sign.
    cache_lifetime: Duration,
    /// One task of this process at a time changes an account's keys.
    turns: Mutex<HashMap<AccountId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Keys {
    pub fn new(
        store: Store,
        feed: Arc<Feed>,
        following: Following,
        sealing: KeyEncryptionKey,
        cache_lifetime: Duration,
    ) -> Self {
        Self {
            store,
            feed,
            following,
            sealing: Arc::new(sealing),
            parsed: RwLock::default(),
            kept_for: RwLock::default(),
            cache_lifetime,
            turns: Mutex::default(),
        }
    }

    /// The key that signs for an account with RS256. `team_domain` is asked for only if the account has no keys yet.
    ///
    /// From memory, while this replica may believe its view; else one read of the database.
    pub async fn signer(
        &self,
        account: AccountId,
        team_domain: impl Future<Output = Result<String, Error>>,
    ) -> Result<Arc<SigningKey>, Error> {
        if let Some(key) = self.known_signer(account, Algorithm::Rs256) {
            return Ok(key);
        }
        let mut keys = self.ensure(account, team_domain).await?;
        // A key may be revoked between the two reads: then another one signs.
        for _ in 0..3 {
            let current = keys.first().filter(|key| key.usage == KeyUse::Current && key.is_confirmed());
            if let Some(signer) = self.parse(current.ok_or_else(no_current)?).await? {
                return Ok(signer);
            }
            keys = self.ensure(account, async { Err(no_current()) }).await?;
        }
        Err(no_current())
    }

    /// Keeps the key of a session that lives as long as this in the key set until that has ended.
    pub async fn keep_for(&self, kid: KeyId, session: Duration) -> Result<(), Error> {
        let days = u32::try_from(session.as_secs().div_ceil(DAY.as_secs())).map_err(Error::internal)?;
        // A day to spare: an issuer may sign with it for a moment after another one has rotated.
        let longest = DAY.saturating_mul(days.saturating_add(1));
        let is_known = || self.kept_for.read().get(&kid).is_some_and(|known| longest <= *known);
        if longest <= GRACE || is_known() {
            return Ok(());
        }
        self.store.keep_for(kid, longest).await?;
        self.kept_for.write().insert(kid, longest);
        Ok(())
    }

    fn known_signer(&self, account: AccountId, algorithm: Algorithm) -> Option<Arc<SigningKey>> {
        let keys = self.following.view.key_set(account);
        let is_it = |key: &Arc<Key>| key.algorithm() == algorithm && key.usage == KeyUse::Current;
        let current = keys.iter().find(|key| is_it(key))?;
        let signer = self.parsed.read().get(&current.kid()).cloned()?;
        self.following.is_live().then_some(signer)
    }

    /// An account's keys, the signing key first, and that one confirmed. Creates the first two.
    pub async fn ensure(
        &self,
        account: AccountId,
        team_domain: impl Future<Output = Result<String, Error>>,
    ) -> Result<Vec<StoredKey>, Error> {
        let keys = self.store.list_keys(account).await?;
        if keys.first().is_some_and(StoredKey::is_confirmed) {
            return Ok(keys);
        }
        let turn = self.turn(account);
        let _turn = turn.lock().await;
        let keys = self.store.list_keys(account).await?;
        if keys.is_empty() {
            self.create(account, &team_domain.await?).await?;
        }
        self.confirm_pending(account).await?;
        self.store.list_keys(account).await
    }

    /// The settings of an account whose keys are ensured.
    pub async fn settings(&self, account: AccountId) -> Result<Settings, Error> {
        self.store.find_settings(account).await?.ok_or_else(no_current)
    }

    /// The account's first two keys; another issuer's, if that was faster.
    async fn create(&self, account: AccountId, team_domain: &str) -> Result<(), Error> {
        let (current, next) = self.generate_two(Algorithm::Rs256, account, team_domain).await?;
        let created = self.store.create_keys(account, team_domain, &current, &next).await;
        let Some(appended) = unless_lost(created)? else { return Ok(()) };
        tracing::info!(%account, kid = %current.kid, next = %next.kid, "signing keys created");
        self.confirm(appended, &[current.kid, next.kid]).await
    }

    async fn generate_two(
        &self,
        algorithm: Algorithm,
        account: AccountId,
        team_domain: &str,
    ) -> Result<(NewKey, NewKey), Error> {
        tokio::try_join!(
            self.generate(algorithm, account, team_domain.to_owned()),
            self.generate(algorithm, account, team_domain.to_owned())
        )
    }

    /// Publishes and confirms the key that follows in a ring; another issuer's, if that was faster.
    async fn add_next(
        &self,
        algorithm: Algorithm,
        account: AccountId,
        team_domain: &str,
    ) -> Result<(), Error> {
        let next = self.generate(algorithm, account, team_domain.to_owned()).await?;
        let Some(appended) = unless_lost(self.store.add_next(account, &next).await)? else { return Ok(()) };
        tracing::info!(%account, kid = %next.kid, "next signing key published");
        self.confirm(appended, &[next.kid]).await
    }

    /// Confirms what was published and not confirmed: by an issuer that died, or by one that still waits.
    async fn confirm_pending(&self, account: AccountId) -> Result<(), Error> {
        let keys = self.store.list_keys(account).await?;
        let pending: Vec<KeyId> = keys.iter().filter(|key| !key.is_confirmed()).map(|key| key.kid).collect();
        if pending.is_empty() {
            return Ok(());
        }
        let appended = self.store.record_again(&pending).await?;
        self.confirm(appended, &pending).await
    }

    async fn confirm(&self, appended: Appended, kids: &[KeyId]) -> Result<(), Error> {
        let propagation = self.feed.announce(appended, Wait::Confirmed).await;
        if !propagation.not_confirmed.is_empty() {
            let waiting = propagation.not_confirmed.join(", ");
            return Err(Error::unavailable("the signing key", format!("not confirmed by {waiting}")));
        }
        self.store.mark_confirmed(kids).await
    }

    /// Announces a change with which these keys were published. A change that is committed does not fail any more: what
    /// is not confirmed now is confirmed later.
    async fn announce(&self, appended: Appended, published: &[KeyId], wait: Wait) -> Propagation {
        let propagation = self.feed.announce(appended, wait).await;
        if wait == Wait::Confirmed
            && propagation.not_confirmed.is_empty()
            && let Err(error) = self.store.mark_confirmed(published).await
        {
            tracing::warn!(%error, "keys are confirmed and it could not be noted; trying again in a minute");
        }
        propagation
    }

    /// When validators outside know a key at the latest; None while enforcement points themselves may not.
    fn known_outside_at(&self, key: &StoredKey) -> Option<Timestamp> {
        Some(key.confirmed_at?.after(self.cache_lifetime))
    }

    /// A new key of an account, sealed. Takes a core for about a tenth of a second, not a worker thread's.
    async fn generate(
        &self,
        algorithm: Algorithm,
        account: AccountId,
        team_domain: String,
    ) -> Result<NewKey, Error> {
        let (sealing, now) = (self.sealing.clone(), self.now());
        let generated = tokio::task::spawn_blocking(move || {
            let key = SigningKey::generate(algorithm)?;
            let published = key.publish(&team_domain, now, now.after(CERTIFICATE_LIFE))?;
            Ok(NewKey {
                kid: key.kid(),
                algorithm,
                jwk_json: key.jwk().to_json(),
                certificate_pem: published.certificate_pem,
                sealed: sealing.seal(&key.to_pkcs8()?, key.kid(), account)?,
            })
        });
        generated.await.map_err(Error::internal)?
    }

    /// The stored key, ready to sign. None: it was revoked meanwhile.
    async fn parse(&self, key: &StoredKey) -> Result<Option<Arc<SigningKey>>, Error> {
        if let Some(parsed) = self.parsed.read().get(&key.kid).cloned() {
            return Ok(Some(parsed));
        }
        let Some(sealed) = self.store.find_sealed(key.kid).await? else { return Ok(None) };
        let parsed =
            SigningKey::from_pkcs8(key.algorithm, &self.sealing.open(&sealed, key.kid, key.account)?)?;
        if parsed.kid() != key.kid {
            return Err(Error::internal(format!("the private key of {} is another's", key.kid)));
        }
        let parsed = Arc::new(parsed);
        self.parsed.write().insert(key.kid, parsed.clone());
        Ok(Some(parsed))
    }

    fn turn(&self, account: AccountId) -> Arc<tokio::sync::Mutex<()>> {
        self.turns.lock().entry(account).or_default().clone()
    }

    fn now(&self) -> Timestamp {
        self.following.clock.now()
    }
}

fn no_current() -> Error {
    Error::new(ErrorKind::NotReady, "KEY_SET_EMPTY", "the account has no signing key yet")
}

/// None when another issuer was faster: its keys are as good.
fn unless_lost(outcome: Result<Appended, Error>) -> Result<Option<Appended>, Error> {
    match outcome {
        Ok(appended) => Ok(Some(appended)),
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
