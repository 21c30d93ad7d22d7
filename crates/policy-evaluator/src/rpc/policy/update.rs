use super::super::{Rpc, check_account, check_id, spec, wait};
use super::{Put, check_precedence, find, groups_of, linking, no_such_policy, set_links};
use crate::audited::Subject;
use crate::change::{Intent, Plan};
use crate::store::Tables;
use async_trait::async_trait;
use model::{Error, PolicyId, Timestamp};
use proto::policy_evaluator::{Policy, PolicySpec, UpdatePolicyRequest, UpdatePolicyResponse};

struct Update {
    id: PolicyId,
    account: String,
    /// Empty: a reusable policy.
    application: String,
    spec: PolicySpec,
    precedence: Option<i32>,
}

#[async_trait]
impl Intent for Update {
    type Answer = Policy;

    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, application, spec, precedence } = self;
        let policy_id = id.to_string();
        let row = find(tables, account, application, &policy_id).await?.ok_or_else(no_such_policy)?;
        if !application.is_empty() && row.is_reusable() {
            let rule = "is a reusable policy: change it as such, for every application that links it";
            return Err(Error::invalid("policy_id", rule));
        }
        let mut plan = Plan { touched: linking(tables, &policy_id).await?, ..Plan::default() };
        let (groups, before) = (groups_of(tables, account).await?, row.spec()?);
        let owner = row.application_id.as_deref();
        Put { id: *id, account, owner, before: Some(&before), spec, within: "" }
            .plan(&mut plan, &groups, now)?;
        if let (Some(precedence), Some(application)) = (precedence, owner) {
            let precedence = i64::from(*precedence);
            let all = tables.policies_of(application).await?;
            check_precedence(precedence, &all, &policy_id)?;
            let links = all.into_iter().map(|row| {
                let precedence = if row.id == policy_id { precedence } else { row.precedence };
                (row.id, precedence)
            });
            set_links(&mut plan, application, links.collect());
        }
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
    pub(in crate::rpc) async fn update_policy(
        &self,
        request: UpdatePolicyRequest,
    ) -> Result<UpdatePolicyResponse, Error> {
        let UpdatePolicyRequest { account_id, application_id, id, spec: given, precedence, wait: asked } =
            request;
        check_account(&account_id)?;
        let intent = Update {
            id: check_id(&id, "policy")?,
            account: account_id,
            application: application_id,
            spec: spec(given)?,
            precedence,
        };
        let (policy, propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(UpdatePolicyResponse { policy: Some(policy), propagation: Some(propagation) })
    }
}
