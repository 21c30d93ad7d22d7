use super::{Rpc, checked_ids, wait};
use model::Error;
use proto::token_registry::{RotateTokenRequest, RotateTokenResponse};

impl Rpc {
    pub(super) async fn rotate_token(
        &self,
        request: RotateTokenRequest,
    ) -> Result<RotateTokenResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let now = self.clock.now();
        let overlap_until = request.previous_client_secret_expires_at_ms;
        let rotate = |token: &mut crate::token::Token, _| {
            token.rotate(token.next_version()?, overlap_until, &self.peppers, now)
        };
        let (secret, token, appended) =
            self.store.modify("rotate", &request.account_id, &request.id, rotate).await?;
        let propagation = self.feed.announce(appended, wait(request.wait)).await;
        let client_secret = secret.expose().to_owned();
        Ok(RotateTokenResponse { token: Some(token.into()), client_secret, propagation: Some(propagation) })
    }
}
