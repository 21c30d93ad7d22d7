//! Keys that were revoked: their private part is erased, and they are remembered until nothing under them can be alive.

use super::Store;
use super::audited::{KeyChange, of_key};
use super::keys::{INSERT, SELECT, insert, key_columns, lost_race, record};
use super::stored_key::{KeyRow, NewKey, StoredKey};
use audit::AuditConnection as _;
use change_feed::{Appended, FeedConnection as _};
use database::failed;
use database::sqlx;
use model::{AccountId, Error, Timestamp};
use revocation::KeyUse;
use session_token::{Algorithm, KeyId};

/// What a revocation has made of an account's keys.
pub struct RevokedKey {
    pub kid: KeyId,
    pub revoked_at: Timestamp,
    /// What signs now, in the same ring.
    pub signing: StoredKey,
    /// Recorded with the revocation: whoever confirms it knows these too.
    pub published: Vec<KeyId>,
    pub appended: Appended,
}

impl Store {
    /// A key of an account, whatever has become of it.
    pub async fn find_key(&self, account: AccountId, kid: KeyId) -> Result<Option<StoredKey>, Error> {
        let row: Option<KeyRow> = database::with!(&self.database, |pool| {
            sqlx::query_as(SELECT).bind(kid.to_string()).fetch_optional(pool).await.map_err(failed)?
        });
        let key = row.map(StoredKey::try_from).transpose()?;
        Ok(key.filter(|key| key.account == account))
    }

    /// Takes a key out of the key set for good; it is remembered until `keep_until`. Of a current key the next one takes
    /// the place, and `replacement` the next one's. A key that was revoked before is recorded once more.
    ///
    /// # Errors
    /// `NotFound` unless the account has the key; `Conflict` when a replacement is needed and not given.
    pub async fn revoke_key(
        &self,
        account: AccountId,
        kid: KeyId,
        replacement: Option<&NewKey>,
        keep_until: Timestamp,
    ) -> Result<RevokedKey, Error> {
        let (mut appended, mut published) = (Appended::default(), Vec::new());
        let now = self.clock.now();
        let (revoked_at, signing) = database::transaction!(&self.database, |tx| {
            tx.next_position().await?;
            let row: Option<KeyRow> = sqlx::query_as(SELECT)
                .bind(kid.to_string())
                .fetch_optional(&mut *tx)
                .await
                .map_err(failed)?;
            let key = row.map(StoredKey::try_from).transpose()?.filter(|key| key.account == account);
            let StoredKey { usage, revoked_at, algorithm, .. } =
                key.ok_or_else(|| Error::not_found("signing key"))?;
            if revoked_at.is_none() {
                sqlx::query(
                    "UPDATE signing_keys SET key_use = 'previous', private_key_encrypted = $2,
                     revoked_at_ms = $3, retire_at_ms = $4,
                     confirmed_at_ms = COALESCE(confirmed_at_ms, $3) WHERE kid = $1",
                )
                .bind(kid.to_string())
                .bind(Vec::<u8>::new())
                .bind(now.as_millis())
                .bind(keep_until.as_millis())
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
                let mut promoted: Option<String> = None;
                if usage == KeyUse::Current {
                    // It counts as a rotation: one that was on its way finds that it comes too late. Of another ring than
                    // the contract's it moves the next one by nothing: RS256's would come late.
                    let counted_from = match algorithm {
                        Algorithm::Rs256 => now.as_millis(),
                        Algorithm::Es256 => 0,
                    };
                    sqlx::query(
                        "UPDATE key_settings SET last_key_rotation_at_ms =
                         CASE WHEN last_key_rotation_at_ms < $2 THEN $2 ELSE last_key_rotation_at_ms + 1 END
                         WHERE account_id = $1",
                    )
                    .bind(account.to_string())
                    .bind(counted_from)
                    .execute(&mut *tx)
                    .await
                    .map_err(failed)?;
                    promoted = sqlx::query_scalar(
                        "UPDATE signing_keys SET key_use = 'current', activated_at_ms = $2
                         WHERE account_id = $1 AND key_use = 'next' AND algorithm = $3 RETURNING kid",
                    )
                    .bind(account.to_string())
                    .bind(now.as_millis())
                    .bind(algorithm.name())
                    .fetch_optional(&mut *tx)
                    .await
                    .map_err(failed)?;
                }
                // Successors first: nobody sees the account without a signing key.
                if let Some(next) = &promoted {
                    record!(tx, appended, next, now);
                    published.push(next.parse()?);
                }
                let place = match (usage, promoted) {
                    (KeyUse::Previous, _) => None,
                    (KeyUse::Current, None) => Some("current"),
                    (KeyUse::Current, Some(_)) | (KeyUse::Next, _) => Some("next"),
                };
                if let Some(place) = place {
                    let replacement =
                        replacement.filter(|it| it.algorithm == algorithm).ok_or_else(lost_race)?;
                    insert!(tx, appended, account, replacement, place, now);
                    published.push(replacement.kid);
                }
            }
            record!(tx, appended, kid, now);
            let signing: KeyRow = sqlx::query_as(concat!(
                "SELECT ",
                key_columns!(),
                " FROM signing_keys WHERE account_id = $1 AND key_use = 'current' AND algorithm = $2"
            ))
            .bind(account.to_string())
            .bind(algorithm.name())
            .fetch_one(&mut *tx)
            .await
            .map_err(failed)?;
            let signing = StoredKey::try_from(signing)?;
            let was = match (revoked_at, usage) {
                (Some(_), _) => "revoked",
                (None, KeyUse::Current) => "current",
                (None, KeyUse::Next) => "next",
                (None, KeyUse::Previous) => "previous",
            };
            let change = KeyChange { signing: signing.kid, next: None, before: Some((kid, was)) };
            tx.audit(of_key("revoke", &account.to_string(), &kid.to_string(), &change), now).await?;
            (revoked_at.unwrap_or(now), signing)
        });
        Ok(RevokedKey { kid, revoked_at, signing, published, appended })
    }
}
