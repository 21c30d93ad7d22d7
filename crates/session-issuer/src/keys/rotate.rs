//! The next key takes over.

use super::{Keys, no_current};
use crate::store::{Settings, StoredKey};
use change_feed::Wait;
use model::{AccountId, Error, ErrorKind, Timestamp};
use proto::change_feed::Propagation;
use revocation::KeyUse;

/// Validators outside may not know the next key.
const TOO_YOUNG: &str = "KEY_NEXT_TOO_YOUNG";

impl Keys {
    /// Signs with the next key from now on, and publishes the one that follows it.
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
        let next = self.confirmed_next(account, settings).await?;
        let known_at = self.known_outside_at(&next).ok_or_else(no_current)?;
        if known_at > self.now() && !force {
            return Err(too_young(known_at));
        }
        let following = self.generate(account, settings.team_domain.clone()).await?;
        let appended = self.store.rotate(account, next.kid, &following, settings.last_rotation_at).await?;
        tracing::info!(%account, kid = %next.kid, next = %following.kid, force, "signing key rotated");
        Ok(self.announce(appended, &[following.kid], wait).await)
    }

    /// The next key, published first if there is none.
    async fn confirmed_next(&self, account: AccountId, settings: &Settings) -> Result<StoredKey, Error> {
        let is_next = |key: &StoredKey| key.usage == KeyUse::Next;
        if !self.store.list_keys(account).await?.iter().any(is_next) {
            self.add_next(account, &settings.team_domain).await?;
        }
        self.confirm_pending(account).await?;
        self.store.list_keys(account).await?.into_iter().find(is_next).ok_or_else(no_current)
    }
}

fn too_young(known_at: Timestamp) -> Error {
    let message = format!(
        "validators that keep the key set may not know the next key before {known_at}: rotate then, or force it, and \
         they refuse new sessions until they read the key set again"
    );
    Error::new(ErrorKind::NotReady, TOO_YOUNG, message)
}
