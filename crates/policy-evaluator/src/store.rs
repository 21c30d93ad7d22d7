//! The SQL, once for both databases. A connection of either is [`Tables`].
//!
//! Every change takes the feed's head first, so the reads of a change see all that was committed and nothing moves
//! beneath them: uniqueness and existence are checked in plain code, and the constraints are a second line.

mod reads;
mod rows;
mod writes;

pub use reads::{ApplicationFilter, GroupFilter, Page, Reads};
pub use rows::{ApplicationRow, GroupRow, OrganizationRow, PolicyRow, ReferrerRow};
pub use writes::{Write, Writes};

use model::Error;
use proto::policy_evaluator as wire;

/// A connection, in a transaction or not.
pub trait Tables: Reads + Writes {}

impl<T: Reads + Writes> Tables for T {}

/// An application with its policies, in order. `account` empty: whichever.
pub async fn find_application(
    tables: &mut dyn Tables,
    account: &str,
    id: &str,
) -> Result<Option<wire::Application>, Error> {
    let Some(row) = tables.application(account, id).await? else { return Ok(None) };
    let policies = tables.policies_of(&row.id).await?;
    row.into_wire(policies).map(Some)
}

pub fn no_such_application() -> Error {
    Error::not_found("application")
}
