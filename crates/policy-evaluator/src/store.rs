//! The SQL, once for both databases. A connection of either is [`Tables`].
//!
//! Every change takes the feed's head first, so the reads of a change see all that was committed and nothing moves
//! beneath them: uniqueness and existence are checked in plain code, and the constraints are a second line.

mod label_writes;
mod labels;
pub mod policy_tests;
mod reads;
mod rows;
mod writes;

pub use label_writes::Label;
pub use labels::Labels;
pub use reads::{ApplicationFilter, GroupFilter, Page, Reads};
pub use rows::{
    ApplicationRow, CertificateRow, GroupRow, HostnameSettingRow, OrganizationRow, PolicyRow, ReferrerRow,
    TagRow,
};
pub use writes::{Write, Writes};

use crate::domain::request_settings;
use model::Error;
use proto::policy_evaluator as wire;

/// A connection, in a transaction or not.
pub trait Tables: Reads + Labels + Writes {}

impl<T: Reads + Labels + Writes> Tables for T {}

/// An application with its policies, in order. `account` empty: whichever.
pub async fn find_application(
    tables: &mut dyn Tables,
    account: &str,
    id: &str,
) -> Result<Option<wire::Application>, Error> {
    Ok(find_application_state(tables, account, id).await?.and_then(|state| state.application))
}

/// The same, with what enforcement points know of it beside.
pub async fn find_application_state(
    tables: &mut dyn Tables,
    account: &str,
    id: &str,
) -> Result<Option<wire::ApplicationState>, Error> {
    let Some(row) = tables.application(account, id).await? else { return Ok(None) };
    let (failure_mode, policies) = (row.failure_mode()?, tables.policies_of(&row.id).await?);
    let session_signature = row.session_signature()?.into();
    let application = row.into_wire(policies)?;
    let written = application.spec.as_ref().map(|spec| spec.settings_json.as_str()).unwrap_or_default();
    let request_settings = request_settings(written);
    Ok(Some(wire::ApplicationState {
        application: Some(application),
        failure_mode,
        request_settings,
        session_signature,
    }))
}

pub fn no_such_application() -> Error {
    Error::not_found("application")
}
