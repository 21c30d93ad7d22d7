use super::{Rpc, checked_ids, wait};
use change_feed::Wait;
use model::{Error, ErrorKind};
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
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(self.gone(wait, error).await?),
            deleted => deleted?,
        };
        tracing::info!(token_id = token.id, client_id = token.client_id, "token deleted");
        let propagation = self.feed.announce(appended, wait).await;
        Ok(DeleteTokenResponse { token: Some(token.into()), propagation: Some(propagation) })
    }

    /// Whoever asks again because the answer was lost hears that it is gone only once it is gone everywhere.
    async fn gone(&self, wait: Wait, error: Error) -> Result<Error, Error> {
        let propagation = self.feed.confirm_head(wait).await?;
        if propagation.not_confirmed.is_empty() {
            return Ok(error);
        }
        let waiting = propagation.not_confirmed.join(", ");
        Err(Error::unavailable("the enforcement points", format!("not confirmed by {waiting}")))
    }
}
