//! The ordered policies of an application that is created or replaced.

use crate::change::Plan;
use crate::domain::{Broken, check_precedences};
use crate::rpc::policy::{Put, forget, groups_of};
use crate::store::{PolicyRow, Tables, Write};
use model::{Error, PolicyId, Timestamp};
use proto::policy_evaluator::policy_link::Policy;
use proto::policy_evaluator::{PolicyLink, PolicyLinks, PolicySpec};
use std::collections::HashSet;

/// The links that were asked for, each with an id for the policy that it may create.
pub struct Links {
    asked: Vec<(PolicyLink, PolicyId)>,
}

/// Most policies of one application.
const MAX_POLICIES: usize = 1_000;

impl Links {
    pub fn new(links: PolicyLinks) -> Self {
        Self { asked: links.links.into_iter().map(|link| (link, PolicyId::random())).collect() }
    }

    /// Checks them and adds what they write. `before` is what the application links now.
    pub async fn plan(
        &self,
        plan: &mut Plan,
        tables: &mut dyn Tables,
        place: Place<'_>,
        before: &[PolicyRow],
    ) -> Result<(), Error> {
        if self.asked.len() > MAX_POLICIES {
            return Err(Error::invalid(
                "policies",
                format!("must not have more than {MAX_POLICIES} entries"),
            ));
        }
        let precedences = self.asked.iter().enumerate();
        let precedences: Vec<_> = precedences
            .map(|(at, (link, _))| (link.precedence, format!("policies/{at}/precedence")))
            .collect();
        let precedences = check_precedences(&precedences)?;
        let groups = groups_of(tables, place.account).await?;
        let own: Vec<&PolicyRow> = before.iter().filter(|row| !row.is_reusable()).collect();
        let (mut broken, mut taken, mut links) = (Broken::default(), HashSet::new(), Vec::new());
        for (at, (link, fresh)) in self.asked.iter().enumerate() {
            let field = format!("policies/{at}");
            let id = match &link.policy {
                Some(Policy::Id(id)) => broken.check(link_existing(tables, place, &own, id, &field).await),
                Some(Policy::Inline(spec)) => {
                    let outcome = replaced(&own, &link.inline_id, *fresh, &field).and_then(|(id, before)| {
                        let owner = Some(place.application);
                        let (account, before, within) = (place.account, before.as_ref(), field.as_str());
                        Put { id, account, owner, before, spec, within }.plan(plan, &groups, place.now)?;
                        Ok(id.to_string())
                    });
                    broken.check(outcome)
                }
                None => broken.check(Err(Error::invalid(&field, "must be a policy's id or a policy"))),
            };
            let Some(id) = id else { continue };
            if !taken.insert(id.clone()) {
                broken.check::<()>(Err(Error::invalid(&field, "is named twice")));
            }
            links.extend(precedences.get(at).map(|precedence| (id, *precedence)));
        }
        broken.refuse()?;
        plan.writes.push(Write::SetLinks { application: place.application.to_owned(), links });
        for row in own.into_iter().filter(|row| !taken.contains(&row.id)) {
            forget(plan, &row.id, &row.spec()?);
            plan.writes.push(Write::DeletePolicy { id: row.id.clone() });
        }
        Ok(())
    }
}

/// Whose links, and when.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub account: &'a str,
    pub application: &'a str,
    pub now: Timestamp,
}

/// A reusable policy of the account, or one that belongs to this application.
async fn link_existing(
    tables: &mut dyn Tables,
    place: Place<'_>,
    own: &[&PolicyRow],
    id: &str,
    field: &str,
) -> Result<String, Error> {
    let unknown = || Error::invalid(field, "no such policy");
    if own.iter().any(|row| row.id == id) {
        return Ok(id.to_owned());
    }
    id.parse::<PolicyId>().map_err(|_| unknown())?;
    let found = tables.policy(place.account, id).await?.filter(PolicyRow::is_reusable);
    found.map(|row| row.id).ok_or_else(unknown)
}

/// The id of a policy that is given in full, and what it replaces.
fn replaced(
    own: &[&PolicyRow],
    inline_id: &str,
    fresh: PolicyId,
    field: &str,
) -> Result<(PolicyId, Option<PolicySpec>), Error> {
    if inline_id.is_empty() {
        return Ok((fresh, None));
    }
    let row = own.iter().find(|row| row.id == inline_id);
    let row =
        row.ok_or_else(|| Error::invalid(format!("{field}/id"), "no such policy of this application"))?;
    Ok((row.id.parse()?, Some(row.spec()?)))
}
