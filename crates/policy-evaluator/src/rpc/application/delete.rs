use crate::audited::Subject;
use crate::change::{Intent, Object, Plan};
use crate::rpc::policy::forget;
use crate::rpc::{Rpc, check_account, check_id, wait};
use crate::store::{Tables, Write, no_such_application};
use async_trait::async_trait;
use model::{ApplicationId, Error, Timestamp};
use proto::policy_evaluator::{DeleteApplicationRequest, DeleteApplicationResponse};

struct Delete {
    id: String,
    account: String,
}

#[async_trait]
impl Intent for Delete {
    type Answer = ();

    async fn plan(&self, tables: &mut dyn Tables, _now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account } = self;
        tables.application(account, id).await?.ok_or_else(no_such_application)?;
        let mut plan = Plan::default();
        for row in tables.policies_of(id).await?.into_iter().filter(|row| !row.is_reusable()) {
            forget(&mut plan, &row.id, &row.spec()?);
        }
        plan.writes.push(Write::DeleteApplication { id: id.clone() });
        plan.touched.insert(Object::Application(id.clone()));
        Ok(plan)
    }

    fn subject(&self) -> Subject {
        Subject::Application(self.id.clone())
    }

    async fn answer(&self, _tables: &mut dyn Tables) -> Result<(), Error> {
        Ok(())
    }
}

impl Rpc {
    pub(in crate::rpc) async fn delete_application(
        &self,
        request: DeleteApplicationRequest,
    ) -> Result<DeleteApplicationResponse, Error> {
        let DeleteApplicationRequest { account_id, id, wait: asked } = request;
        check_account(&account_id)?;
        check_id::<ApplicationId>(&id, "application")?;
        let intent = Delete { id, account: account_id };
        let ((), propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(DeleteApplicationResponse { propagation: Some(propagation) })
    }
}
