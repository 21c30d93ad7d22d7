use super::links::{Links, Place};
use super::{Put, get};
use crate::audited::Subject;
use crate::change::{Intent, Plan};
use crate::rpc::{Rpc, check_account, spec, wait};
use crate::store::Tables;
use async_trait::async_trait;
use model::{ApplicationId, Audience, Error, Timestamp};
use proto::policy_evaluator::{
    Application, ApplicationSpec, CreateApplicationRequest, CreateApplicationResponse,
};

struct Create {
    id: String,
    account: String,
    aud: Audience,
    spec: ApplicationSpec,
    links: Links,
}

#[async_trait]
impl Intent for Create {
    type Answer = Application;

    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, aud, spec, links } = self;
        let mut plan = Plan::default();
        Put { id, account, aud: aud.as_str(), spec }.plan(&mut plan, tables, now).await?;
        links.plan(&mut plan, tables, Place { account, application: id, now }, &[]).await?;
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
    pub(in crate::rpc) async fn create_application(
        &self,
        request: CreateApplicationRequest,
    ) -> Result<CreateApplicationResponse, Error> {
        let CreateApplicationRequest { account_id, spec: given, policies, wait: asked } = request;
        check_account(&account_id)?;
        let intent = Create {
            id: ApplicationId::random().to_string(),
            account: account_id,
            aud: Audience::random(),
            spec: spec(given)?,
            links: Links::new(policies.unwrap_or_default()),
        };
        let (application, propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(CreateApplicationResponse { application: Some(application), propagation: Some(propagation) })
    }
}
