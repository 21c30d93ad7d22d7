//! Every key of an account, with the times of its life.

use super::Store;
use super::keys::key_columns;
use super::stored_key::{KeyRow, StoredKey};
use database::failed;
use database::sqlx;
use model::{AccountId, Error, Timestamp};
use std::collections::HashMap;

type Times = (String, Option<i64>, Option<i64>);

impl Store {
    /// The keys of an account with the times at which each began to sign and is forgotten. RS256's ring first, in a ring the
    /// signing key, the revoked ones last.
    pub async fn list_key_lives(
        &self,
        account: AccountId,
    ) -> Result<Vec<(StoredKey, Option<Timestamp>, Option<Timestamp>)>, Error> {
        let (rows, times): (Vec<KeyRow>, Vec<Times>) = database::with!(&self.database, |pool| {
            let rows = sqlx::query_as(concat!(
                "SELECT ",
                key_columns!(),
                " FROM signing_keys WHERE account_id = $1 ORDER BY created_at_ms DESC, kid"
            ));
            let times = sqlx::query_as(
                "SELECT kid, activated_at_ms, retire_at_ms FROM signing_keys WHERE account_id = $1",
            );
            let account = account.to_string();
            (
                rows.bind(&account).fetch_all(pool).await.map_err(failed)?,
                times.bind(&account).fetch_all(pool).await.map_err(failed)?,
            )
        });
        let times: HashMap<String, _> =
            times.into_iter().map(|(kid, activated, retire)| (kid, (activated, retire))).collect();
        let mut lives = Vec::with_capacity(rows.len());
        for row in rows {
            // A key that came or went between the two reads is left out.
            let Some((activated, retire)) = times.get(&row.kid).copied() else { continue };
            let at = |ms: Option<i64>| ms.map(Timestamp::from_millis);
            lives.push((StoredKey::try_from(row)?, at(activated), at(retire)));
        }
        lives.sort_by_key(|(key, ..)| (key.algorithm, key.revoked_at.is_some(), key.usage));
        Ok(lives)
    }
}
