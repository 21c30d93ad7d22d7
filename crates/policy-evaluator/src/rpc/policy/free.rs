//! A policy of one application becomes a reusable one.

use super::super::{Rpc, check_account, check_id, wait};
use super::{find, linking, no_such_policy};
use crate::audited::Subject;
use crate::change::{Intent, Plan};
use crate::store::{Tables, Write};
use async_trait::async_trait;
use model::{ApplicationId, Error, PolicyId, Timestamp};
use proto::policy_evaluator::{MakePolicyReusableRequest, MakePolicyReusableResponse, Policy};

struct Free {
    id: String,
    account: String,
    application: String,
}

#[async_trait]
impl Intent for Free {
    type Answer = Policy;

    /// One that is reusable already stays as it is.
    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, application } = self;
        let row = find(tables, account, application, id).await?.ok_or_else(no_such_policy)?;
        if row.is_reusable() {
            return Ok(Plan::default());
        }
        let write = Write::FreePolicy { id: id.clone(), at_ms: now.as_millis() };
        Ok(Plan { writes: vec![write], touched: linking(tables, id).await?, ..Plan::default() })
    }

    fn subject(&self) -> Subject {
        Subject::Policy { application: self.application.clone(), id: self.id.clone() }
    }

    async fn answer(&self, tables: &mut dyn Tables) -> Result<Policy, Error> {
        let row = find(tables, &self.account, &self.application, &self.id).await?;
        row.ok_or_else(no_such_policy)?.into_wire()
    }
}

impl Rpc {
    pub(in crate::rpc) async fn make_policy_reusable(
        &self,
        request: MakePolicyReusableRequest,
    ) -> Result<MakePolicyReusableResponse, Error> {
        let MakePolicyReusableRequest { account_id, application_id, id, wait: asked } = request;
        check_account(&account_id)?;
        check_id::<ApplicationId>(&application_id, "application")?;
        check_id::<PolicyId>(&id, "policy")?;
        let intent = Free { id, account: account_id, application: application_id };
        let (policy, propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(MakePolicyReusableResponse { policy: Some(policy), propagation: Some(propagation) })
    }
}
