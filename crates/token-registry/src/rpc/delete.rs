use super::{Rpc, checked_ids, wait};
use model::Error;
use proto::token_registry::{DeleteTokenRequest, DeleteTokenResponse};

impl Rpc {
    pub(super) async fn delete_token(
        &self,
        request: DeleteTokenRequest,
    ) -> Result<DeleteTokenResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let (token, appended) = self.store.delete(&request.account_id, &request.id).await?;
        tracing::info!(token_id = token.id, client_id = token.client_id, "token deleted");
        let propagation = self.feed.announce(appended, wait(request.wait)).await;
        Ok(DeleteTokenResponse { token: Some(token.into()), propagation: Some(propagation) })
    }
}
