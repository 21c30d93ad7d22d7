//! Which policies and groups name a token.

use super::Store;
use change_feed::FeedConnection as _;
use database::{failed, sqlx};
use model::{Error, ErrorKind};

database::row! {
    /// A policy or group that names a token.
    pub struct Referrer {
        referrer: String,
        referrer_name: String,
    }
}

/// Names the referrers.
pub(super) fn refuse_if_named(referrers: &[Referrer]) -> Result<(), Error> {
    if referrers.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = referrers.iter().map(|r| format!("{} ({})", r.referrer_name, r.referrer)).collect();
    let message = format!("the token is named by {}; remove it there first, or disable it", names.join(", "));
    Err(Error::new(ErrorKind::NotReady, "TOKEN_IN_USE", message))
}

impl Store {
    /// Replaces the tokens that one referrer names. Every one must exist in the account.
    pub async fn set_references(
        &self,
        account_id: &str,
        referrer: &str,
        referrer_name: &str,
        token_ids: &[String],
    ) -> Result<(), Error> {
        database::transaction!(&self.database, |tx| {
            // Deletions take the same lock: a token is either named first or gone first.
            tx.next_position().await?;
            for (index, id) in token_ids.iter().enumerate() {
                let found = sqlx::query("SELECT 1 FROM tokens WHERE id = $1 AND account_id = $2")
                    .bind(id)
                    .bind(account_id)
                    .fetch_optional(&mut *tx)
                    .await
                    .map_err(failed)?;
                if found.is_none() {
                    let violation =
                        Error::invalid(format!("token_ids/{index}"), "no such service token in this account");
                    let error = Error::new(
                        ErrorKind::NotFound,
                        "TOKEN_NOT_FOUND",
                        format!("no such service token: {id:?}"),
                    );
                    return Err(error.with_violations(violation.violations().to_vec()));
                }
            }
            sqlx::query("DELETE FROM token_references WHERE referrer = $1")
                .bind(referrer)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            for id in token_ids {
                sqlx::query(
                    "INSERT INTO token_references (token_id, referrer, referrer_name) VALUES ($1, $2, $3)
                     ON CONFLICT (token_id, referrer) DO NOTHING",
                )
                .bind(id)
                .bind(referrer)
                .bind(referrer_name)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
        });
        Ok(())
    }
}
