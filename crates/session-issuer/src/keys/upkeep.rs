//! What happens to keys as time goes by: retired, followed, confirmed, rotated.

use super::Keys;
use super::rotate::without_next;
use change_feed::Wait;
use model::{AccountId, Error};
use service_kit::actor;
use session_token::KeyId;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const PACE: Duration = Duration::from_mins(1);

/// Every minute until told to stop. Several issuers may do it at once.
pub async fn run(keys: &Keys, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PACE);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let keeping_up = actor::scope(actor::service("session-issuer"), Box::pin(keys.keep_up()));
        if let Some(Err(error)) = stop.run_until_cancelled(keeping_up).await {
            tracing::warn!(%error, "key upkeep failed; trying again in a minute");
        }
    }
}

impl Keys {
    /// Once. An account that fails does not keep the others waiting; the first failure is returned.
    pub async fn keep_up(&self) -> Result<(), Error> {
        let mut outcome = self.retire().await;
        for account in self.store.list_without_next().await? {
            outcome = outcome.and(self.follow_up(account).await);
        }
        for account in self.store.list_unconfirmed().await? {
            let turn = self.turn(account);
            let _turn = turn.lock().await;
            outcome = outcome.and(self.confirm_pending(account).await);
        }
        for account in self.store.due_for_rotation().await? {
            outcome = outcome.and(self.rotate_if_due(account).await);
        }
        self.forget();
        outcome
    }

    async fn retire(&self) -> Result<(), Error> {
        for kid in self.store.list_retiring().await? {
            let appended = self.store.retire(kid).await?;
            if appended.position() > 0 {
                tracing::info!(%kid, "signing key retired");
            }
            self.feed.announce(appended, Wait::None).await;
        }
        Ok(())
    }

    /// The next key of every ring that has none: of an account from before every rotation brought one.
    async fn follow_up(&self, account: AccountId) -> Result<(), Error> {
        let turn = self.turn(account);
        let _turn = turn.lock().await;
        for algorithm in without_next(&self.store.list_keys(account).await?) {
            let settings = self.settings(account).await?;
            self.add_next(algorithm, account, &settings.team_domain).await?;
        }
        Ok(())
    }

    /// What is known of keys that are no longer published.
    fn forget(&self) {
        if self.following.is_live() {
            let is_published = |kid: &KeyId| self.following.view.find_key(*kid).is_some();
            self.parsed.write().retain(|kid, _| is_published(kid));
            self.kept_for.write().retain(|kid, _| is_published(kid));
        }
    }
}
