//! Which policies and groups name a token.

use super::Store;
use change_feed::FeedConnection as _;
use database::{failed, sqlx};
use model::{Error, ErrorKind, TokenId};

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

/// Names the place in the list.
fn no_such_token(index: usize, id: &str) -> Error {
    let violation = Error::invalid(format!("token_ids/{index}"), "no such service token in this account");
    let message = format!("no such service token: {id:?}");
    Error::new(ErrorKind::NotFound, "TOKEN_NOT_FOUND", message)
        .with_violations(violation.violations().to_vec())
}

/// An id that cannot be one belongs to no token.
pub fn checked_token_ids(token_ids: &[String]) -> Result<(), Error> {
    let wrong = token_ids.iter().enumerate().find(|(_, id)| id.parse::<TokenId>().is_err());
    wrong.map_or(Ok(()), |(index, id)| Err(no_such_token(index, id.get(..100).unwrap_or("?"))))
}

impl Store {
    /// Replaces the tokens that one referrer names, by those of them that exist in the account. The first `required` of
    /// them must. Answers the others that do not.
    pub async fn set_references(
        &self,
        account_id: &str,
        referrer: &str,
        referrer_name: &str,
        token_ids: &[String],
        required: usize,
    ) -> Result<Vec<String>, Error> {
        let missing = database::transaction!(&self.database, |tx| {
            // Deletions take the same lock: a token is either named first or gone first.
            tx.next_position().await?;
            let (mut named, mut missing) = (Vec::new(), Vec::new());
            for (index, id) in token_ids.iter().enumerate() {
                // No token has an id of another shape, and databases differ in what they make of one.
                let exists = id.parse::<TokenId>().is_ok()
                    && sqlx::query("SELECT 1 FROM tokens WHERE id = $1 AND account_id = $2")
                        .bind(id)
                        .bind(account_id)
                        .fetch_optional(&mut *tx)
                        .await
                        .map_err(failed)?
                        .is_some();
                if !exists && index < required {
                    return Err(no_such_token(index, id));
                }
                if exists {
                    named.push(id);
                } else {
                    missing.push(id.clone());
                }
            }
            sqlx::query("DELETE FROM token_references WHERE referrer = $1")
                .bind(referrer)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            for id in named {
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
            missing
        });
        Ok(missing)
    }
}
