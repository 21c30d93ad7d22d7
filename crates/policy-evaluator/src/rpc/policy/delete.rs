use super::super::{Rpc, check_account, check_id, wait};
use super::{find, forget, no_such_policy, set_links};
use crate::audited::Subject;
use crate::change::{Intent, Object, Plan};
use crate::store::{Tables, Write};
use async_trait::async_trait;
use model::{Error, ErrorKind, PolicyId, Timestamp};
use proto::policy_evaluator::{DeletePolicyRequest, DeletePolicyResponse};

struct Delete {
    id: String,
    account: String,
    /// Empty: a reusable policy.
    application: String,
}

#[async_trait]
impl Intent for Delete {
    type Answer = ();

    async fn plan(&self, tables: &mut dyn Tables, _now: Timestamp) -> Result<Plan, Error> {
        let Self { id, account, application } = self;
        let row = find(tables, account, application, id).await?.ok_or_else(no_such_policy)?;
        let mut plan = Plan::default();
        if application.is_empty() {
            refuse_if_linked(&tables.applications_linking(id).await?)?;
        } else {
            let others = tables.policies_of(application).await?.into_iter().filter(|it| it.id != *id);
            set_links(&mut plan, application, others.map(|it| (it.id, it.precedence)).collect());
            plan.touched.insert(Object::Application(application.clone()));
            if row.is_reusable() {
                return Ok(plan);
            }
        }
        forget(&mut plan, id, &row.spec()?);
        plan.writes.push(Write::DeletePolicy { id: id.clone() });
        Ok(plan)
    }

    fn subject(&self) -> Subject {
        Subject::Policy { application: self.application.clone(), id: self.id.clone() }
    }

    async fn answer(&self, _tables: &mut dyn Tables) -> Result<(), Error> {
        Ok(())
    }
}

/// Names the applications.
fn refuse_if_linked(applications: &[(String, String)]) -> Result<(), Error> {
    if applications.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = applications.iter().map(|(id, name)| format!("{name} (application/{id})")).collect();
    let message = format!("the policy is used by {}; remove it there first", names.join(", "));
    Err(Error::new(ErrorKind::NotReady, "POLICY_IN_USE", message))
}

impl Rpc {
    pub(in crate::rpc) async fn delete_policy(
        &self,
        request: DeletePolicyRequest,
    ) -> Result<DeletePolicyResponse, Error> {
        let DeletePolicyRequest { account_id, application_id, id, wait: asked } = request;
        check_account(&account_id)?;
        check_id::<PolicyId>(&id, "policy")?;
        let intent = Delete { id, account: account_id, application: application_id };
        let ((), propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(DeletePolicyResponse { propagation: Some(propagation) })
    }
}
