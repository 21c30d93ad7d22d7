use super::links::{Links, Place};
use super::{Put, get};
use crate::audited::Subject;
use crate::change::{Intent, Plan};
use crate::rpc::{Rpc, check_account, check_id, spec, wait};
use crate::store::{Tables, no_such_application};
use async_trait::async_trait;
use model::{ApplicationId, Error, Timestamp};
use proto::policy_evaluator::{
    Application, ApplicationSpec, UpdateApplicationRequest, UpdateApplicationResponse,
};

struct Update {
    id: String,
    account: String,
    spec: ApplicationSpec,
    /// None keeps the policies.
    links: Option<Links>,
}

#[async_trait]
impl Intent for Update {
    type Answer = Application;

    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, spec, links } = self;
        let before = tables.application(account, id).await?.ok_or_else(no_such_application)?;
        let mut plan = Plan::default();
        Put { id, account, aud: &before.aud, spec }.plan(&mut plan, tables, now).await?;
        if let Some(links) = links {
            let linked = tables.policies_of(id).await?;
            links.plan(&mut plan, tables, Place { account, application: id, now }, &linked).await?;
        }
        Ok(plan)
    }

    fn subject(&self) -> Subject {
        Subject::Application(self.id.clone())
    }

    async fn answer(&self, tables: &mut dyn Tables) -> Result<Application, Error> {
        get(tables, &self.account, &self.id).await
    }
}

impl Rpc {
    pub(in crate::rpc) async fn update_application(
        &self,
        request: UpdateApplicationRequest,
    ) -> Result<UpdateApplicationResponse, Error> {
        let UpdateApplicationRequest { account_id, id, spec: given, policies, wait: asked } = request;
        check_account(&account_id)?;
        check_id::<ApplicationId>(&id, "application")?;
        let intent = Update { id, account: account_id, spec: spec(given)?, links: policies.map(Links::new) };
        let (application, propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(UpdateApplicationResponse { application: Some(application), propagation: Some(propagation) })
    }
}
