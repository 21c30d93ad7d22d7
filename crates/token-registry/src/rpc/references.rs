use super::Rpc;
use crate::store::checked_token_ids;
use model::{AccountId, Error};
use proto::token_registry::{SetTokenReferencesRequest, SetTokenReferencesResponse};

impl Rpc {
    pub(super) async fn set_token_references(
        &self,
        request: SetTokenReferencesRequest,
    ) -> Result<SetTokenReferencesResponse, Error> {
        let SetTokenReferencesRequest { account_id, referrer, referrer_name, token_ids } = request;
        account_id.parse::<AccountId>()?;
        checked_referrer(&referrer)?;
        if referrer_name.chars().count() > 350 || referrer_name.chars().any(char::is_control) {
            let rule = "must have at most 350 characters, none of them a control character";
            return Err(Error::invalid("referrer_name", rule));
        }
        checked_token_ids(&token_ids)?;
        self.store.set_references(&account_id, &referrer, &referrer_name, &token_ids).await?;
        Ok(SetTokenReferencesResponse {})
    }
}

fn checked_referrer(referrer: &str) -> Result<(), Error> {
    let id = referrer.strip_prefix("policy/").or_else(|| referrer.strip_prefix("group/")).unwrap_or_default();
    if !(1..=64).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Error::invalid("referrer", "must be policy/<id> or group/<id>"));
    }
    Ok(())
}
