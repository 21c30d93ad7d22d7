use super::Rpc;
use crate::store::checked_token_ids;
use metrics::counter;
use model::{AccountId, Error};
use proto::token_registry::{SetTokenReferencesRequest, SetTokenReferencesResponse};

impl Rpc {
    pub(super) async fn set_token_references(
        &self,
        request: SetTokenReferencesRequest,
    ) -> Result<SetTokenReferencesResponse, Error> {
        let SetTokenReferencesRequest { account_id, referrer, referrer_name, token_ids, required } = request;
        account_id.parse::<AccountId>()?;
        checked_referrer(&referrer)?;
        if referrer_name.chars().count() > 350 || referrer_name.chars().any(char::is_control) {
            let rule = "must have at most 350 characters, none of them a control character";
            return Err(Error::invalid("referrer_name", rule));
        }
        let required = required.map_or(token_ids.len(), |number| number as usize).min(token_ids.len());
        checked_token_ids(token_ids.get(..required).unwrap_or(&token_ids))?;
        let set = self.store.set_references(&account_id, &referrer, &referrer_name, &token_ids, required);
        let missing_token_ids = set.await?;
        if !missing_token_ids.is_empty() {
            let number = u64::try_from(missing_token_ids.len()).unwrap_or(u64::MAX);
            counter!("sallyport_token_references_missing_total").increment(number);
            let missing: Vec<&str> =
                missing_token_ids.iter().map(|id| id.get(..36).unwrap_or(id)).take(20).collect();
            tracing::warn!(account_id, referrer, ?missing, number, "tokens are named that do not exist");
        }
        Ok(SetTokenReferencesResponse { missing_token_ids })
    }
}

fn checked_referrer(referrer: &str) -> Result<(), Error> {
    let id = referrer.strip_prefix("policy/").or_else(|| referrer.strip_prefix("group/")).unwrap_or_default();
    if !(1..=64).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Error::invalid("referrer", "must be policy/<id> or group/<id>"));
    }
    Ok(())
}
