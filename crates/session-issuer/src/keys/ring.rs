//! The key of the algorithm that an application has chosen.

use super::{Keys, unless_lost};
use crate::store::StoredKey;
use model::{AccountId, Error};
use revocation::KeyUse;
use session_token::{Algorithm, SigningKey};
use std::future::Future;
use std::sync::Arc;

impl Keys {
    /// The key that signs for an account's application. With ES256 once everybody may be expected to know a key of it; until
    /// then, and for as long as a key that took over early may be unknown to validators outside, RS256's: nothing waits.
    ///
    /// From memory, while this replica may believe its view. The first call of an account makes the keys of ES256.
    pub async fn signer_of(
        &self,
        algorithm: Algorithm,
        account: AccountId,
        team_domain: impl Future<Output = Result<String, Error>>,
    ) -> Result<Arc<SigningKey>, Error> {
        if algorithm == Algorithm::Rs256 {
            return self.signer(account, team_domain).await;
        }
        if let Some(key) = self.known_signer(account, algorithm) {
            return Ok(key);
        }
        // Before anything else, so that an account has RS256's keys whatever it has besides.
        let rs256 = self.signer(account, team_domain).await?;
        let mut current = self.current_of(algorithm, account).await?;
        if current.is_none() {
            if let Err(error) = self.add_ring(algorithm, account).await {
                tracing::warn!(%account, %algorithm, %error, "no signing key yet; RS256 signs, trying again in a minute");
            }
            current = self.current_of(algorithm, account).await?;
        }
        let is_known = |key: &StoredKey| self.known_outside_at(key).is_some_and(|at| at <= self.now());
        let Some(current) = current.filter(is_known) else { return Ok(rs256) };
        // Revoked meanwhile: nobody waits for the one that follows.
        Ok(self.parse(&current).await?.unwrap_or(rs256))
    }

    async fn current_of(&self, algorithm: Algorithm, account: AccountId) -> Result<Option<StoredKey>, Error> {
        let keys = self.store.list_keys(account).await?;
        Ok(keys.into_iter().find(|key| key.algorithm == algorithm && key.usage == KeyUse::Current))
    }

    /// Publishes and confirms an account's first two keys of an algorithm, unless somebody is changing its keys right now.
    async fn add_ring(&self, algorithm: Algorithm, account: AccountId) -> Result<(), Error> {
        let turn = self.turn(account);
        let Ok(_turn) = turn.try_lock() else { return Ok(()) };
        if self.current_of(algorithm, account).await?.is_some() {
            return Ok(());
        }
        let team_domain = self.settings(account).await?.team_domain;
        let (current, next) = self.generate_two(algorithm, account, &team_domain).await?;
        let added = self.store.add_ring(account, &current, &next).await;
        let Some(appended) = unless_lost(added)? else { return Ok(()) };
        tracing::info!(%account, %algorithm, kid = %current.kid, next = %next.kid, "signing keys created");
        self.confirm(appended, &[current.kid, next.kid]).await
    }
}
