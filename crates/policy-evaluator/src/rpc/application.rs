//! Applications.

mod create;
mod delete;
mod failure_mode;
mod links;
mod read;
mod session_signature;
mod settings;
mod update;

use crate::change::{Object, Plan};
use crate::domain::{CheckedApplication, check_application};
use crate::store::{Label, Tables, Write, find_application, no_such_application};
use model::{Error, ErrorKind, Timestamp};
use prost::Message as _;
use proto::policy_evaluator::{Application, ApplicationSpec};

/// An application that is created or replaced.
struct Put<'a> {
    id: &'a str,
    account: &'a str,
    aud: &'a str,
    spec: &'a ApplicationSpec,
}

impl Put<'_> {
    /// Checks it and adds what it writes, its policies apart.
    async fn plan(&self, plan: &mut Plan, tables: &mut dyn Tables, now: Timestamp) -> Result<(), Error> {
        let Self { id, account, aud, spec } = *self;
        let CheckedApplication { spec, domains, tags } = check_application(spec)?;
        for (pattern, field) in &domains {
            let owner = tables.owner_of_domain(&pattern.to_string()).await?;
            if owner.is_some_and(|owner| owner != id) {
                return Err(already_exists(field, &pattern.to_string()));
            }
        }
        for tag in &tags {
            if tables.tag(account, tag).await?.is_none() {
                let rule = "contain a tag that does not exist, tags must be created before assigning to an application";
                return Err(Error::invalid("tags", rule));
            }
        }
        plan.writes.push(Write::PutApplication {
            id: id.to_owned(),
            account: account.to_owned(),
            aud: aud.to_owned(),
            name: spec.name.clone(),
            spec: spec.encode_to_vec(),
            at_ms: now.as_millis(),
        });
        plan.writes.push(Write::SetDomains {
            application: id.to_owned(),
            patterns: domains.iter().map(|(pattern, _)| pattern.to_string()).collect(),
        });
        plan.writes.push(Write::Label(Label::SetTags {
            application: id.to_owned(),
            account: account.to_owned(),
            names: tags.into_iter().collect(),
        }));
        plan.touched.insert(Object::Application(id.to_owned()));
        Ok(())
    }
}

/// Does not say whose it is: it may be another account's.
fn already_exists(field: &str, pattern: &str) -> Error {
    let violation = Error::invalid(field, format!("{pattern} belongs to another application already"));
    Error::new(ErrorKind::AlreadyExists, "APPLICATION_ALREADY_EXISTS", violation.message())
        .with_violations(violation.violations().to_vec())
}

async fn get(tables: &mut dyn Tables, account: &str, id: &str) -> Result<Application, Error> {
    find_application(tables, account, id).await?.ok_or_else(no_such_application)
}
