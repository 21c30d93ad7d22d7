//! Every key of an account, with the times of its life.

use super::Keys;
use crate::store::StoredKey;
use model::{AccountId, Error, Timestamp};

/// A key and the times of its life.
#[derive(Debug)]
pub struct Life {
    pub key: StoredKey,
    /// When validators outside know it at the latest; None while enforcement points themselves may not.
    pub known_outside_at: Option<Timestamp>,
    /// Since when it signs, or signed; None if it never did.
    pub activated_at: Option<Timestamp>,
    /// When it leaves the key set; None of a current or next key, and of one that was revoked.
    pub verifies_until: Option<Timestamp>,
}

impl Keys {
    /// Those of its key set, as it is, and after them the revoked ones that are remembered. Nothing is created.
    pub async fn lives(&self, account: AccountId) -> Result<Vec<Life>, Error> {
        let keys = self.store.list_key_lives(account).await?;
        let life = |(key, activated_at, retire_at): (StoredKey, _, Option<Timestamp>)| Life {
            known_outside_at: self.known_outside_at(&key).filter(|_| key.revoked_at.is_none()),
            activated_at,
            verifies_until: retire_at.filter(|_| key.revoked_at.is_none()),
            key,
        };
        Ok(keys.into_iter().map(life).collect())
    }
}
