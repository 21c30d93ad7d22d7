use crate::audited::Subject;
use crate::change::{Intent, Object, Plan};
use crate::rpc::{Rpc, check_account, check_id, read, wait};
use crate::store::{Tables, Write, no_such_application};
use async_trait::async_trait;
use model::{ApplicationId, Error, Timestamp};
use prost::Message as _;
use proto::policy_evaluator::failure_mode::Mode;
use proto::policy_evaluator::{
    Empty, FailureMode, GetFailureModeRequest, GetFailureModeResponse, SetFailureModeRequest,
    SetFailureModeResponse,
};

struct Set {
    id: String,
    account: String,
    mode: FailureMode,
}

#[async_trait]
impl Intent for Set {
    type Answer = ();

    async fn plan(&self, tables: &mut dyn Tables, _now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, mode } = self;
        tables.application(account, id).await?.ok_or_else(no_such_application)?;
        let write = Write::SetFailureMode { application: id.clone(), mode: mode.encode_to_vec() };
        let touched = [Object::Application(id.clone())].into();
        Ok(Plan { writes: vec![write], touched, ..Plan::default() })
    }

    fn subject(&self) -> Subject {
        Subject::Application(self.id.clone())
    }

    async fn answer(&self, _tables: &mut dyn Tables) -> Result<(), Error> {
        Ok(())
    }
}

impl Rpc {
    pub(in crate::rpc) async fn get_failure_mode(
        &self,
        request: GetFailureModeRequest,
    ) -> Result<GetFailureModeResponse, Error> {
        let GetFailureModeRequest { account_id, application_id } = request;
        check_account(&account_id)?;
        let row = read!(&self.database, |tables| tables.application(&account_id, &application_id).await?);
        let written = row.ok_or_else(no_such_application)?.failure_mode()?;
        let closed = || FailureMode { mode: Some(Mode::Closed(Empty {})) };
        Ok(GetFailureModeResponse { failure_mode: Some(written.unwrap_or_else(closed)) })
    }

    pub(in crate::rpc) async fn set_failure_mode(
        &self,
        request: SetFailureModeRequest,
    ) -> Result<SetFailureModeResponse, Error> {
        let SetFailureModeRequest { account_id, application_id, failure_mode, wait: asked } = request;
        check_account(&account_id)?;
        check_id::<ApplicationId>(&application_id, "application")?;
        let mode = failure_mode.unwrap_or_default();
        directory::FailureMode::read(&mode)?;
        let intent = Set { id: application_id, account: account_id, mode };
        let ((), propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(SetFailureModeResponse { failure_mode: Some(intent.mode), propagation: Some(propagation) })
    }
}
