use super::{Rpc, check_id, read};
use crate::store::{find_application_state, no_such_application};
use change_feed::Gate;
use directory::{Application, Directory, convert};
use model::{ApplicationId, Clock, Error, GroupId};
use policy::{Facts, Group};
use proto::policy_evaluator::{EvaluateRequest, EvaluateResponse, Organization};
use std::collections::HashMap;
use std::sync::Arc;

/// This process's own view of the feed.
pub struct Local {
    pub view: Arc<Directory>,
    pub gate: Arc<Gate>,
    pub clock: Arc<dyn Clock>,
}

impl Local {
    /// Nothing here waits. The answer stands only if the lease taken first still covers it.
    fn evaluate(
        &self,
        id: &ApplicationId,
        facts: &Facts<'_>,
        explain: bool,
        at_least: u64,
    ) -> Option<EvaluateResponse> {
        let lease = self.gate.lease();
        // Before the snapshot: it shows this position or a later one.
        let as_of = self.gate.applied();
        if as_of < at_least {
            return None;
        }
        let snapshot = self.view.snapshot();
        let application = snapshot.application(id)?;
        let organization = snapshot.organization(&application.account);
        let issuer = organization.map(|it| it.issuer.clone()).unwrap_or_default();
        let answer = judge(application, facts, explain, as_of, issuer);
        lease.covers(self.clock.boot()).then_some(answer)
    }
}

fn judge(
    application: &Application,
    facts: &Facts<'_>,
    explain: bool,
    as_of: u64,
    issuer: String,
) -> EvaluateResponse {
    let (verdict, traces) = if explain {
        application.policies.explain(facts)
    } else {
        (application.policies.evaluate(facts), Vec::new())
    };
    let policy = verdict.policy.and_then(|decided| application.policy(decided));
    let duration = verdict.policy.map(|decided| application.session_duration(decided)).unwrap_or_default();
    EvaluateResponse {
        outcome: convert::outcome_to_wire(verdict.outcome).into(),
        policy_id: policy.map(|it| it.id.to_string()).unwrap_or_default(),
        policy_name: policy.map(|it| it.name.clone()).unwrap_or_default(),
        aud: application.aud.to_string(),
        account_id: application.account.to_string(),
        session_duration_s: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        as_of,
        issuer,
        explanation: traces.into_iter().map(convert::trace_to_wire).collect(),
        session_signature: application.session_signature().into(),
    }
}

impl Rpc {
    pub(super) async fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluateResponse, Error> {
        let EvaluateRequest { application_id, facts, explain, at_least } = request;
        let id = check_id(&application_id, "application")?;
        let given = facts.unwrap_or_default();
        let facts = convert::facts(&given)?;
        match self.local.evaluate(&id, &facts, explain, at_least) {
            Some(answer) => Ok(answer),
            None => self.evaluate_stored(&application_id, &facts, explain).await,
        }
    }

    /// Without a live lease, for an application that the view does not know yet, or for a caller who has seen more: what
    /// the database says.
    async fn evaluate_stored(
        &self,
        id: &str,
        facts: &Facts<'_>,
        explain: bool,
    ) -> Result<EvaluateResponse, Error> {
        // Before everything else: what is read afterwards is of this position or a later one.
        let as_of = change_feed::log::head(&self.database).await?.position;
        let (application, groups, organization) = read!(&self.database, |tables| {
            let found = find_application_state(tables, "", id).await?.ok_or_else(no_such_application)?;
            let account = found.application.as_ref().map(|it| it.account_id.as_str()).unwrap_or_default();
            let groups = tables.all_groups(account).await?;
            let organization = tables.organization(account).await?;
            (found, groups, organization)
        });
        // A group that cannot be read counts as missing: rules that name it are in doubt.
        let groups: HashMap<GroupId, Group> = groups
            .into_iter()
            .filter_map(|row| row.into_wire().and_then(|group| convert::group(&group)).ok())
            .map(|group| (group.id, group))
            .collect();
        let application = Application::read(&application, |id| groups.get(&id))?;
        let organization = organization.map(crate::store::OrganizationRow::into_wire).transpose()?;
        let issuer = organization.map(|Organization { issuer, .. }| issuer).unwrap_or_default();
        Ok(judge(&application, facts, explain, as_of, issuer))
    }
}
