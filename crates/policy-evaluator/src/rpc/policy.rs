//! Policies, reusable or an application's own.

mod create;
mod delete;
mod free;
mod read;
mod update;

use crate::change::{Object, Plan};
use crate::domain::{TokenRule, check_policy, token_rules};
use crate::references::Reference;
use crate::store::{PolicyRow, Tables, Write};
use directory::convert;
use model::{Error, GroupId, PolicyId, Timestamp};
use policy::{Group, RuleSet};
use prost::Message as _;
use proto::policy_evaluator::PolicySpec;
use std::collections::{BTreeSet, HashMap};

pub fn no_such_policy() -> Error {
    Error::not_found("policy")
}

/// The groups of an account. One that cannot be read counts as missing.
pub async fn groups_of(tables: &mut dyn Tables, account: &str) -> Result<HashMap<GroupId, Group>, Error> {
    let rows = tables.all_groups(account).await?;
    let read = rows.into_iter().filter_map(|row| convert::group(&row.into_wire().ok()?).ok());
    Ok(read.map(|group| (group.id, group)).collect())
}

/// The groups that rules name, each once.
pub fn named_groups(rules: &RuleSet) -> Vec<String> {
    rules.groups().collect::<BTreeSet<_>>().iter().map(ToString::to_string).collect()
}

/// A policy that is created or gets a new spec.
pub struct Put<'a> {
    pub id: PolicyId,
    pub account: &'a str,
    /// The application it belongs to alone.
    pub owner: Option<&'a str>,
    pub before: Option<&'a PolicySpec>,
    pub spec: &'a PolicySpec,
    /// Where the spec is within the request: empty, or `policies/1`.
    pub within: &'a str,
}

impl Put<'_> {
    /// Checks it and adds what it writes. The state of the applications that link it is the caller's.
    pub fn plan(
        &self,
        plan: &mut Plan,
        groups: &HashMap<GroupId, Group>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Self { id, account, owner, before, spec, within } = self;
        let outward = |error: Error| if within.is_empty() { error } else { error.within(within) };
        let checked = check_policy(*id, spec).map_err(outward)?;
        checked.validate(|id| groups.get(&id)).map_err(outward)?;
        let referrer = format!("policy/{id}");
        plan.writes.push(Write::PutPolicy {
            id: id.to_string(),
            account: (*account).to_owned(),
            owner: owner.map(str::to_owned),
            spec: spec.encode_to_vec(),
            at_ms: now.as_millis(),
        });
        let named = named_groups(&checked.rules);
        plan.writes.push(Write::SetGroupReferences { referrer: referrer.clone(), groups: named });
        let outward = |rule: TokenRule| TokenRule {
            field: if within.is_empty() { rule.field } else { format!("{within}/{}", rule.field) },
            ..rule
        };
        plan.references.push(Reference {
            referrer,
            name: spec.name.clone(),
            before: before.map(tokens).unwrap_or_default(),
            after: token_rules(&spec.include, &spec.require, &spec.exclude)
                .into_iter()
                .map(outward)
                .collect(),
            is_same_name: before.is_some_and(|before| before.name == spec.name),
        });
        Ok(())
    }
}

/// Adds what deleting a policy writes beside its own row, which must go after its links.
pub fn forget(plan: &mut Plan, id: &str, before: &PolicySpec) {
    let referrer = format!("policy/{id}");
    plan.writes.push(Write::SetGroupReferences { referrer: referrer.clone(), groups: Vec::new() });
    plan.references.push(Reference {
        referrer,
        name: before.name.clone(),
        before: tokens(before),
        after: Vec::new(),
        is_same_name: true,
    });
}

fn tokens(spec: &PolicySpec) -> Vec<String> {
    token_rules(&spec.include, &spec.require, &spec.exclude).into_iter().map(|rule| rule.token).collect()
}

/// The policy as one application sees it, or, with an empty application, a reusable one.
pub async fn find(
    tables: &mut dyn Tables,
    account: &str,
    application: &str,
    id: &str,
) -> Result<Option<PolicyRow>, Error> {
    if application.is_empty() {
        return Ok(tables.policy(account, id).await?.filter(PolicyRow::is_reusable));
    }
    let linked = tables.policies_of(application).await?;
    Ok(linked.into_iter().find(|row| row.id == id && row.account_id == account))
}

/// Every application that links a policy.
async fn linking(tables: &mut dyn Tables, id: &str) -> Result<BTreeSet<Object>, Error> {
    let linking = tables.applications_linking(id).await?;
    Ok(linking.into_iter().map(|(application, _)| Object::Application(application)).collect())
}

/// Adds the links of an application with one more or one changed.
fn set_links(plan: &mut Plan, application: &str, mut links: Vec<(String, i64)>) {
    links.sort_by_key(|(_, precedence)| *precedence);
    plan.writes.push(Write::SetLinks { application: application.to_owned(), links });
}

fn check_precedence(precedence: i64, taken: &[PolicyRow], own: &str) -> Result<(), Error> {
    if precedence < 0 {
        return Err(Error::invalid("precedence", "must not be negative"));
    }
    if taken.iter().any(|row| row.id != own && row.precedence == precedence) {
        return Err(Error::invalid("precedence", "is taken by another policy of the application"));
    }
    Ok(())
}
