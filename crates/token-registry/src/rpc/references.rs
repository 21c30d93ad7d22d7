use super::Rpc;
use model::{AccountId, Error};
use proto::token_registry::{SetTokenReferencesRequest, SetTokenReferencesResponse};

impl Rpc {
    pub(super) async fn set_token_references(
        &self,
        request: SetTokenReferencesRequest,
    ) -> Result<SetTokenReferencesResponse, Error> {
        let SetTokenReferencesRequest { account_id, referrer, referrer_name, token_ids } = request;
        account_id.parse::<AccountId>()?;
        if !(referrer.starts_with("policy/") || referrer.starts_with("group/")) {
            return Err(Error::invalid("referrer", "must be policy/<id> or group/<id>"));
        }
        self.store.set_references(&account_id, &referrer, &referrer_name, &token_ids).await?;
        Ok(SetTokenReferencesResponse {})
    }
}
