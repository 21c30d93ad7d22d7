use super::Rpc;
use crate::failures::Failure;
use crate::store::Found;
use crate::usage::Place;
use model::{ClientId, ClientSecret, Error, ErrorKind};
use proto::token_registry::{AuthenticateTokenRequest, AuthenticateTokenResponse};

/// An unknown Client ID and a wrong secret say the same.
fn unknown() -> Error {
    let message = "no service token has this Client ID and Client Secret";
    Error::new(ErrorKind::Unauthenticated, "TOKEN_UNKNOWN", message)
}

impl Rpc {
    pub(super) async fn authenticate_token(
        &self,
        request: AuthenticateTokenRequest,
    ) -> Result<AuthenticateTokenResponse, Error> {
        // Junk goes before anything is asked of anybody.
        let secret = ClientSecret::parse(&request.client_secret)?;
        let client_id = ClientId::parse(&request.client_id).ok_or_else(unknown)?;
        let answer = match self.validated.find(&client_id, &secret, request.at_least).await {
            Some(answer) => answer,
            None => self.validate(&client_id, &secret).await?,
        };
        let place = Place::new(&request.gateway, request.source);
        self.usage.count(&answer.token_id, answer.client_secret_version, place, &*self.clock);
        Ok(answer)
    }

    async fn validate(
        &self,
        client_id: &ClientId,
        secret: &ClientSecret,
    ) -> Result<AuthenticateTokenResponse, Error> {
        // A Client ID that does not exist is judged like one that does, so that it takes as long.
        let found = self.store.look_up(client_id.as_str(), self.peppers.current_id()).await?;
        let answer = self.judge(&found, secret)?;
        self.validated.remember(client_id, secret, &answer).await;
        Ok(answer)
    }

    /// The secret first: only who holds it learns that the token is disabled or expired.
    fn judge(&self, found: &Found, secret: &ClientSecret) -> Result<AuthenticateTokenResponse, Error> {
        let now = self.clock.now();
        let Found { token, as_of, exists } = found;
        let Some(presented) = token.presented(secret, &self.peppers, now).filter(|_| *exists) else {
            let (client_id, token_id) = (token.client_id.clone(), token.id.clone());
            self.failures.report(Failure { client_id, token_id, exists: *exists });
            return Err(unknown());
        };
        if !token.enabled {
            tracing::info!(client_id = token.client_id, token_id = token.id, "disabled token presented");
            return Err(Error::new(
                ErrorKind::Unauthenticated,
                "TOKEN_DISABLED",
                "the service token is disabled",
            ));
        }
        if now >= token.expires_at() {
            tracing::info!(client_id = token.client_id, token_id = token.id, "expired token presented");
            let message = format!("the service token expired at {}", token.expires_at());
            return Err(Error::new(ErrorKind::Unauthenticated, "TOKEN_EXPIRED", message));
        }
        Ok(AuthenticateTokenResponse {
            token_id: token.id.clone(),
            account_id: token.account_id.clone(),
            client_id: token.client_id.clone(),
            name: token.name.clone(),
            client_secret_version: presented.version,
            valid_until_ms: presented.valid_until.as_millis(),
            as_of: *as_of,
        })
    }
}
