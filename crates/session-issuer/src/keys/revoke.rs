//! A key that is no secret any more ends, and every session under it.

use super::{Keys, no_current};
use crate::store::{RevokedKey, StoredKey};
use change_feed::Wait;
use model::{AccountId, Error, Timestamp};
use proto::change_feed::Propagation;
use revocation::KeyUse;
use session_token::KeyId;

/// What a revocation has made of an account's keys.
pub struct Revocation {
    pub kid: KeyId,
    pub revoked_at: Timestamp,
    /// What signs now, with the same algorithm.
    pub signing_kid: KeyId,
    /// When validators outside know what signs now, at the latest.
    pub signing_known_outside_at: Timestamp,
    /// When validators outside have dropped the revoked key, at the latest.
    pub dropped_outside_at: Timestamp,
    pub propagation: Propagation,
}

impl Keys {
    /// Ends a key of an account, of any use, and every session under it; without a `kid` the one of RS256 that signs now.
    ///
    /// It waits for no rotation that is on its way: whichever commits later finds what the other has made.
    ///
    /// # Errors
    /// `NotFound` unless the account has the key.
    pub async fn revoke(
        &self,
        account: AccountId,
        kid: Option<KeyId>,
        wait: Wait,
    ) -> Result<Revocation, Error> {
        let StoredKey { kid, algorithm, usage, revoked_at, .. } = match kid {
            Some(kid) => self.store.find_key(account, kid).await?.ok_or_else(unknown)?,
            None => self.store.list_keys(account).await?.into_iter().next().ok_or_else(no_current)?,
        };
        let replacement = match usage {
            KeyUse::Current | KeyUse::Next if revoked_at.is_none() => {
                let team_domain = self.settings(account).await?.team_domain;
                Some(self.generate(algorithm, account, team_domain).await?)
            }
            KeyUse::Current | KeyUse::Next | KeyUse::Previous => None,
        };
        let keep_until = self.feed.keep_revocation_until();
        let revoked = self.store.revoke_key(account, kid, replacement.as_ref(), keep_until).await?;
        let RevokedKey { kid, revoked_at, signing, published, appended } = revoked;
        self.parsed.write().remove(&kid);
        tracing::warn!(%account, %kid, signing = %signing.kid, "signing key revoked, and every session under it");
        let propagation = self.announce(appended, &published, wait).await;
        Ok(Revocation {
            kid,
            revoked_at,
            signing_kid: signing.kid,
            // It is confirmed with the revocation if it was not before.
            signing_known_outside_at: signing
                .confirmed_at
                .unwrap_or_else(|| self.now())
                .after(self.cache_lifetime),
            dropped_outside_at: revoked_at.after(self.cache_lifetime),
            propagation,
        })
    }
}

fn unknown() -> Error {
    Error::not_found("signing key")
}
