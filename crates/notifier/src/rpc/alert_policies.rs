use super::{Rpc, convert, new_id};
use crate::alert_policy::{AlertPolicy, check_account};
use model::Error;
use proto::notifier as pb;

impl Rpc {
    pub(super) async fn create_alert_policy(
        &self,
        request: pb::CreateAlertPolicyRequest,
    ) -> Result<pb::CreateAlertPolicyResponse, Error> {
        let pb::CreateAlertPolicyRequest { account_id, spec } = request;
        check_account(&account_id)?;
        let spec = convert::spec(spec.unwrap_or_default()).checked()?;
        let now = self.clock.now().as_millis();
        let policy = AlertPolicy { id: new_id(), account_id, spec, created_at_ms: now, modified_at_ms: now };
        self.store.create_policy(&policy).await?;
        self.worker.rescan();
        Ok(pb::CreateAlertPolicyResponse { policy: Some(convert::policy(policy)) })
    }

    pub(super) async fn get_alert_policy(
        &self,
        request: pb::GetAlertPolicyRequest,
    ) -> Result<pb::GetAlertPolicyResponse, Error> {
        let pb::GetAlertPolicyRequest { account_id, id } = request;
        let policy = self.store.get_policy(&account_id, &id).await?;
        Ok(pb::GetAlertPolicyResponse { policy: Some(convert::policy(policy)) })
    }

    pub(super) async fn list_alert_policies(
        &self,
        request: pb::ListAlertPoliciesRequest,
    ) -> Result<pb::ListAlertPoliciesResponse, Error> {
        let pb::ListAlertPoliciesRequest { account_id } = request;
        check_account(&account_id)?;
        let policies = self.store.list_policies(&account_id).await?;
        Ok(pb::ListAlertPoliciesResponse { policies: policies.into_iter().map(convert::policy).collect() })
    }

    pub(super) async fn update_alert_policy(
        &self,
        request: pb::UpdateAlertPolicyRequest,
    ) -> Result<pb::UpdateAlertPolicyResponse, Error> {
        let (account_id, id) = (request.account_id.clone(), request.id.clone());
        let change = |stored| convert::updated(stored, request).checked();
        let policy = self.store.update_policy(&account_id, &id, self.clock.now(), change).await?;
        self.worker.rescan();
        Ok(pb::UpdateAlertPolicyResponse { policy: Some(convert::policy(policy)) })
    }

    pub(super) async fn delete_alert_policy(
        &self,
        request: pb::DeleteAlertPolicyRequest,
    ) -> Result<pb::DeleteAlertPolicyResponse, Error> {
        let pb::DeleteAlertPolicyRequest { account_id, id } = request;
        self.store.delete_policy(&account_id, &id, self.clock.now()).await?;
        Ok(pb::DeleteAlertPolicyResponse {})
    }
}
