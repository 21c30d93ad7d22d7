use super::Rpc;
use crate::token::Token;
use model::{AccountId, Error};
use proto::token_registry::{CreateTokenRequest, CreateTokenResponse};

impl Rpc {
    pub(super) async fn create_token(
        &self,
        request: CreateTokenRequest,
    ) -> Result<CreateTokenResponse, Error> {
        request.account_id.parse::<AccountId>()?;
        let (token, secret) = Token::create(&request, &self.peppers, self.clock.now())?;
        self.store.insert(&token).await?;
        Ok(CreateTokenResponse { token: Some(token.into()), client_secret: secret.expose().to_owned() })
    }
}
