use super::{Rpc, checked_ids, wait};
use model::Error;
use proto::token_registry::{RefreshTokenRequest, RefreshTokenResponse};

impl Rpc {
    pub(super) async fn refresh_token(
        &self,
        request: RefreshTokenRequest,
    ) -> Result<RefreshTokenResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let now = self.clock.now();
        let refresh = |token: &mut crate::token::Token, _| {
            token.refresh(now);
            Ok(())
        };
        let ((), token, appended) =
            self.store.modify("refresh", &request.account_id, &request.id, refresh).await?;
        let propagation = self.feed.announce(appended, wait(request.wait)).await;
        Ok(RefreshTokenResponse { token: Some(token.into()), propagation: Some(propagation) })
    }
}
