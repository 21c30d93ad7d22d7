use super::Rpc;
use model::{AccountId, Error};
use proto::session_issuer::{GetKeySetRequest, GetKeySetResponse, SigningKey};

impl Rpc {
    pub(super) async fn get_key_set(&self, request: GetKeySetRequest) -> Result<GetKeySetResponse, Error> {
        let account: AccountId = request.account_id.parse()?;
        let keys = self.keys.ensure(account, self.team_domain(account)).await?;
        Ok(GetKeySetResponse { keys: keys.into_iter().map(SigningKey::from).collect() })
    }
}
