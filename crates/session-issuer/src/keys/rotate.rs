//! The next key takes over.

use super::{Keys, no_current};
use crate::store::{Settings, StoredKey, Turned};
use change_feed::Wait;
use model::{AccountId, Error, ErrorKind, Timestamp};
use proto::change_feed::Propagation;
use revocation::KeyUse;
use session_token::{Algorithm, KeyId};

/// Validators outside may not know the next key.
const TOO_YOUNG: &str = "KEY_NEXT_TOO_YOUNG";

impl Keys {
    /// Signs with the next key of every ring from now on, and publishes those that follow.
    ///
    /// # Errors
    /// `KEY_NEXT_TOO_YOUNG` while validators outside may not know the next key, unless `force` says that they shall
    /// read the key set again; `Conflict` when another rotation came meanwhile.
    pub async fn rotate(&self, account: AccountId, force: bool, wait: Wait) -> Result<Propagation, Error> {
        let turn = self.turn(account);
        let _turn = turn.lock().await;
        let settings = self.settings(account).await?;
        self.rotate_since(account, &settings, force, wait).await
    }

    /// By itself: once the interval is over and everybody knows the next key. Of several issuers one does it.
    pub(super) async fn rotate_if_due(&self, account: AccountId) -> Result<(), Error> {
        let turn = self.turn(account);
        let _turn = turn.lock().await;
        let settings = self.settings(account).await?;
        if settings.due_at() > self.now() {
            return Ok(());
        }
        match self.rotate_since(account, &settings, false, Wait::None).await {
            Err(error) if error.reason() == TOO_YOUNG || error.kind() == ErrorKind::Conflict => Ok(()),
            rotated => rotated.map(drop),
        }
    }

    /// If no other rotation came meanwhile. The caller has the account's turn.
    async fn rotate_since(
        &self,
        account: AccountId,
        settings: &Settings,
        force: bool,
        wait: Wait,
    ) -> Result<Propagation, Error> {
        let nexts = self.confirmed_nexts(account, settings).await?;
        for next in &nexts {
            let known_at = self.known_outside_at(next).ok_or_else(no_current)?;
            if known_at > self.now() && !force {
                return Err(too_young(known_at));
            }
        }
        let mut following = Vec::new();
        for next in &nexts {
            following.push(self.generate(next.algorithm, account, settings.team_domain.clone()).await?);
        }
        let rings =
            nexts.iter().zip(&following).map(|(next, following)| Turned { next: next.kid, following });
        let rings: Vec<Turned<'_>> = rings.collect();
        let appended = self.store.rotate(account, &rings, settings.last_rotation_at).await?;
        for Turned { next, following } in &rings {
            let algorithm = following.algorithm;
            tracing::info!(%account, %algorithm, kid = %next, next = %following.kid, force, "signing key rotated");
        }
        let published: Vec<KeyId> = rings.iter().map(|ring| ring.following.kid).collect();
        Ok(self.announce(appended, &published, wait).await)
    }

    /// The next key of every ring, published first if there is none.
    async fn confirmed_nexts(
        &self,
        account: AccountId,
        settings: &Settings,
    ) -> Result<Vec<StoredKey>, Error> {
        let keys = self.store.list_keys(account).await?;
        let rings = rings(&keys);
        for algorithm in without_next(&keys) {
            self.add_next(algorithm, account, &settings.team_domain).await?;
        }
        self.confirm_pending(account).await?;
        let keys = self.store.list_keys(account).await?;
        let next_of = |algorithm: &Algorithm| {
            let mut all = keys.iter().filter(|key| key.algorithm == *algorithm);
            all.find(|key| key.usage == KeyUse::Next).cloned().ok_or_else(no_current)
        };
        rings.iter().map(next_of).collect()
    }
}

/// The algorithms with which an account signs.
pub(super) fn rings(keys: &[StoredKey]) -> Vec<Algorithm> {
    let signs = |algorithm: &Algorithm| {
        keys.iter().any(|key| key.algorithm == *algorithm && key.usage == KeyUse::Current)
    };
    Algorithm::ALL.into_iter().filter(signs).collect()
}

/// Those of them whose key nothing follows.
pub(super) fn without_next(keys: &[StoredKey]) -> Vec<Algorithm> {
    let follows = |algorithm| keys.iter().any(|key| key.algorithm == algorithm && key.usage == KeyUse::Next);
    rings(keys).into_iter().filter(|algorithm| !follows(*algorithm)).collect()
}

fn too_young(known_at: Timestamp) -> Error {
    let message = format!(
        "validators that keep the key set may not know the next key before {known_at}: rotate then, or force it, and \
         they refuse new sessions until they read the key set again"
    );
    Error::new(ErrorKind::NotReady, TOO_YOUNG, message)
}
