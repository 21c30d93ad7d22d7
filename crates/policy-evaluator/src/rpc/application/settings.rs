//! A few settings of an application, changed without the rest.

use super::{Put, get};
use crate::audited::Subject;
use crate::change::{Intent, Plan};
use crate::domain::check_settings;
use crate::rpc::{Rpc, check_account, check_id, wait};
use crate::store::{Tables, no_such_application};
use async_trait::async_trait;
use model::{ApplicationId, Error, Timestamp};
use proto::policy_evaluator::{
    Application, MergeApplicationSettingsRequest, MergeApplicationSettingsResponse,
};
use serde_json::{Map, Value};

struct Merge {
    id: String,
    account: String,
    changes: Map<String, Value>,
}

#[async_trait]
impl Intent for Merge {
    type Answer = Application;

    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, changes } = self;
        let before = tables.application(account, id).await?.ok_or_else(no_such_application)?;
        let mut spec = before.spec()?;
        let mut settings = check_settings(&spec.settings_json)?;
        settings.extend(changes.clone());
        spec.settings_json = Value::Object(settings).to_string();
        let mut plan = Plan::default();
        Put { id, account, aud: &before.aud, spec: &spec }.plan(&mut plan, tables, now).await?;
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
    pub(in crate::rpc) async fn merge_application_settings(
        &self,
        request: MergeApplicationSettingsRequest,
    ) -> Result<MergeApplicationSettingsResponse, Error> {
        let MergeApplicationSettingsRequest { account_id, id, settings_json, wait: asked } = request;
        check_account(&account_id)?;
        check_id::<ApplicationId>(&id, "application")?;
        let intent = Merge { id, account: account_id, changes: check_settings(&settings_json)? };
        let (application, propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(MergeApplicationSettingsResponse {
            application: Some(application),
            propagation: Some(propagation),
        })
    }
}
