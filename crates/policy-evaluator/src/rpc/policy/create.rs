use super::super::{Rpc, check_account, check_id, spec, wait};
use super::{Put, check_precedence, find, groups_of, no_such_policy, set_links};
use crate::audited::Subject;
use crate::change::{Intent, Object, Plan};
use crate::store::{Tables, no_such_application};
use async_trait::async_trait;
use model::{ApplicationId, Error, PolicyId, Timestamp};
use proto::policy_evaluator::{CreatePolicyRequest, CreatePolicyResponse, Policy, PolicySpec};

struct Create {
    id: PolicyId,
    account: String,
    /// Empty: a reusable policy.
    application: String,
    spec: PolicySpec,
    precedence: Option<i32>,
}

#[async_trait]
impl Intent for Create {
    type Answer = Policy;

    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, application, spec, precedence } = self;
        let mut plan = Plan::default();
        let owner = (!application.is_empty()).then_some(application.as_str());
        let groups = groups_of(tables, account).await?;
        Put { id: *id, account, owner, before: None, spec, within: "" }.plan(&mut plan, &groups, now)?;
        let Some(application) = owner else { return Ok(plan) };
        tables.application(account, application).await?.ok_or_else(no_such_application)?;
        let others = tables.policies_of(application).await?;
        let precedence = match precedence {
            Some(precedence) => i64::from(*precedence),
            None => others.last().map_or(1, |last| last.precedence.saturating_add(1)),
        };
        check_precedence(precedence, &others, "")?;
        let mut links: Vec<_> = others.into_iter().map(|row| (row.id, row.precedence)).collect();
        links.push((id.to_string(), precedence));
        set_links(&mut plan, application, links);
        plan.touched.insert(Object::Application(application.to_owned()));
        Ok(plan)
    }

    fn subject(&self) -> Subject {
        Subject::Policy { application: self.application.clone(), id: self.id.to_string() }
    }

    async fn answer(&self, tables: &mut dyn Tables) -> Result<Policy, Error> {
        let row = find(tables, &self.account, &self.application, &self.id.to_string()).await?;
        row.ok_or_else(no_such_policy)?.into_wire()
    }
}

impl Rpc {
    pub(in crate::rpc) async fn create_policy(
        &self,
        request: CreatePolicyRequest,
    ) -> Result<CreatePolicyResponse, Error> {
        let CreatePolicyRequest { account_id, application_id, spec: given, precedence, wait: asked } =
            request;
        check_account(&account_id)?;
        if !application_id.is_empty() {
            check_id::<ApplicationId>(&application_id, "application")?;
        }
        let intent = Create {
            id: PolicyId::random(),
            account: account_id,
            application: application_id,
            spec: spec(given)?,
            precedence,
        };
        let (policy, propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(CreatePolicyResponse { policy: Some(policy), propagation: Some(propagation) })
    }
}
