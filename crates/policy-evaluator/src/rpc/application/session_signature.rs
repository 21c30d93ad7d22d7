use crate::audited::Subject;
use crate::change::{Intent, Object, Plan};
use crate::rpc::{Rpc, check_account, check_id, read, wait};
use crate::store::{Tables, Write, no_such_application};
use async_trait::async_trait;
use model::{ApplicationId, Error, Timestamp};
use proto::policy_evaluator::{
    GetSessionSignatureRequest, GetSessionSignatureResponse, SessionSignature, SetSessionSignatureRequest,
    SetSessionSignatureResponse,
};

struct Set {
    id: String,
    account: String,
    algorithm: &'static str,
}

#[async_trait]
impl Intent for Set {
    type Answer = ();

    async fn plan(&self, tables: &mut dyn Tables, _now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, algorithm } = self;
        tables.application(account, id).await?.ok_or_else(no_such_application)?;
        let write = Write::SetSessionSignature { application: id.clone(), algorithm };
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
    pub(in crate::rpc) async fn get_session_signature(
        &self,
        request: GetSessionSignatureRequest,
    ) -> Result<GetSessionSignatureResponse, Error> {
        let GetSessionSignatureRequest { account_id, application_id } = request;
        check_account(&account_id)?;
        let row = read!(&self.database, |tables| tables.application(&account_id, &application_id).await?);
        let chosen = match row.ok_or_else(no_such_application)?.session_signature()? {
            SessionSignature::Es256 => SessionSignature::Es256,
            SessionSignature::Rs256 | SessionSignature::Unspecified => SessionSignature::Rs256,
        };
        Ok(GetSessionSignatureResponse { session_signature: chosen.into() })
    }

    pub(in crate::rpc) async fn set_session_signature(
        &self,
        request: SetSessionSignatureRequest,
    ) -> Result<SetSessionSignatureResponse, Error> {
        let SetSessionSignatureRequest { account_id, application_id, session_signature, wait: asked } =
            request;
        check_account(&account_id)?;
        check_id::<ApplicationId>(&application_id, "application")?;
        let algorithm = match SessionSignature::try_from(session_signature) {
            Ok(SessionSignature::Rs256) => "RS256",
            Ok(SessionSignature::Es256) => "ES256",
            Ok(SessionSignature::Unspecified) | Err(_) => {
                return Err(Error::invalid("algorithm", "must be RS256 or ES256"));
            }
        };
        let intent = Set { id: application_id, account: account_id, algorithm };
        let ((), propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(SetSessionSignatureResponse { session_signature, propagation: Some(propagation) })
    }
}
