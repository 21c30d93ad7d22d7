//! What applications, policies, groups and organizations must satisfy. Pure.
//!
//! Checks name every field that is wrong, by the paths of the wire contract.

mod application;
mod certificate;
mod organization;
mod policy;
mod requests;
mod text;

pub use application::{CheckedApplication, check_application, check_precedences};
pub use certificate::{CheckedBundle, check_bundle, check_hostname, check_hostnames};
pub use organization::{Given, merge_organization};
pub use policy::{TokenRule, check_group, check_policy, token_rules};
pub use requests::request_settings;
pub use text::{check_name, check_settings, check_tag};

use model::{Error, ErrorKind, Violation};

/// Gathers what is wrong.
#[derive(Debug, Default)]
pub struct Broken {
    violations: Vec<Violation>,
}

impl Broken {
    /// The value, if the check passed; else what it said is kept.
    pub fn check<T>(&mut self, outcome: Result<T, Error>) -> Option<T> {
        outcome.map_err(|error| self.violations.extend(error.violations().iter().cloned())).ok()
    }

    pub fn refuse(self) -> Result<(), Error> {
        if self.violations.is_empty() {
            return Ok(());
        }
        let texts: Vec<_> = self.violations.iter().map(|it| format!("{}: {}", it.field, it.rule)).collect();
        let error = Error::new(ErrorKind::Invalid, "INVALID_FIELD", texts.join("; "));
        Err(error.with_violations(self.violations))
    }
}
