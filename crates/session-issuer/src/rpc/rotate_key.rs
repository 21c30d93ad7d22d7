use super::{Rpc, wait};
use model::{AccountId, Error};
use proto::session_issuer::{RotateKeyRequest, RotateKeyResponse};

impl Rpc {
    pub(super) async fn rotate_key(&self, request: RotateKeyRequest) -> Result<RotateKeyResponse, Error> {
        let account: AccountId = request.account_id.parse()?;
        self.keys.ensure(account, self.team_domain(account)).await?;
        let propagation = self.keys.rotate(account, request.force, wait(request.wait)).await?;
        let settings = self.keys.settings(account).await?;
        Ok(RotateKeyResponse { settings: Some(settings.into()), propagation: Some(propagation) })
    }
}
