use super::{Rpc, checked_ids, wait};
use model::Error;
use proto::token_registry::{DeleteTokenRequest, DeleteTokenResponse};

impl Rpc {
    pub(super) async fn delete_token(
        &self,
        request: DeleteTokenRequest,
    ) -> Result<DeleteTokenResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let wait = wait(request.wait);
        let deleted = self.store.delete(&request.account_id, &request.id).await;
        let (token, appended) = match deleted {
            Err(error) => return Err(self.feed.gone(wait, error).await),
            Ok(deleted) => deleted,
        };
        tracing::info!(token_id = token.id, client_id = token.client_id, "token deleted");
        let propagation = self.feed.announce(appended, wait).await;
        Ok(DeleteTokenResponse { token: Some(token.into()), propagation: Some(propagation) })
    }
}
