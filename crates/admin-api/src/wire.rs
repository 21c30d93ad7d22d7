//! The contract's JSON, to and from the services' messages. Pure.
//!
//! A request is read field by field out of [`fields::Fields`], which knows where it stands in the body, so every
//! refusal names the field by its JSON pointer. `null` is the same as absent: Terraform writes it for what was removed.
//! Values are bounded and judged by the services that own them; here only their shape is.

pub mod access_log;
pub mod alert;
pub mod api_token;
pub mod application;
pub mod audit;
pub mod certificate;
pub mod destinations;
pub mod failure_mode;
pub mod fields;
pub mod fleet;
pub mod group;
pub mod json;
pub mod judged;
pub mod keys;
pub mod organization;
pub mod policy;
pub mod policy_check;
pub mod policy_test;
pub mod policy_tests;
pub mod rules;
pub mod schema;
pub mod secrets;
pub mod session;
pub mod session_signature;
pub mod settings;
pub mod token;
pub mod webhook;

#[cfg(test)]
mod any_json;

use model::Timestamp;

/// RFC 3339 with `Z`.
pub fn time(millis: i64) -> String {
    Timestamp::from_millis(millis).to_string()
}
