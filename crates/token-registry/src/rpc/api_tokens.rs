//! The calls about API tokens.

use crate::api_token::ApiToken;
use crate::pepper::Peppers;
use crate::store::Store;
use crate::store::api_tokens::Acting;
use crate::usage::ApiTokenUsage;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use model::{AccountId, ApiTokenId, ApiTokenValue, Clock, Error};
use proto::token_registry as wire;
use proto::token_registry::api_tokens_server::ApiTokens;
use proto::token_registry::verify_api_token_response::Standing;
use service_kit::actor;
use std::sync::Arc;
use tonic::{Request, Response, Status};

const PAGE: u32 = 1_000;

/// What every call may use.
pub struct ApiTokensRpc {
    pub store: Arc<Store>,
    pub peppers: Arc<Peppers>,
    pub usage: Arc<ApiTokenUsage>,
    pub clock: Arc<dyn Clock>,
}

/// An id that cannot be one is simply not there.
fn checked_ids(account_id: &str, id: &str) -> Result<(), Error> {
    account_id.parse::<AccountId>()?;
    id.parse::<ApiTokenId>().map(drop).map_err(|_| Error::not_found("API token"))
}

impl ApiTokensRpc {
    async fn create(
        &self,
        request: wire::CreateApiTokenRequest,
    ) -> Result<wire::CreateApiTokenResponse, Error> {
        request.account_id.parse::<AccountId>()?;
        let (token, value) = ApiToken::create(&request, &self.peppers, self.clock.now())?;
        let acting = Acting { account_id: &request.account_id, id: &request.acting_id };
        self.store.insert_api_token(&token, acting).await?;
        tracing::info!(api_token_id = token.id, scopes = token.scopes, "API token created");
        Ok(wire::CreateApiTokenResponse { token: Some(token.into()), value: value.expose().to_owned() })
    }

    /// Junk is told by its checksum, before anything is read.
    async fn verify(
        &self,
        request: wire::VerifyApiTokenRequest,
    ) -> Result<wire::VerifyApiTokenResponse, Error> {
        let unknown = wire::VerifyApiTokenResponse { standing: Standing::Unknown.into(), token: None };
        let Some(value) = ApiTokenValue::parse(&request.value) else { return Ok(unknown) };
        let digests = self.peppers.digests_of_api_token(&value);
        let Some(token) = self.store.find_api_token(&digests).await? else { return Ok(unknown) };
        if !digests.iter().any(|digest| verify_slices_are_equal(digest, &token.digest).is_ok()) {
            return Ok(unknown);
        }
        let now = self.clock.now();
        let standing = token.standing(now);
        if standing == Standing::Active {
            self.usage.note(&token.id, now);
        }
        Ok(wire::VerifyApiTokenResponse { standing: standing.into(), token: Some(token.into()) })
    }

    async fn get(&self, request: wire::GetApiTokenRequest) -> Result<wire::GetApiTokenResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let token = self.store.get_api_token(&request.account_id, &request.id).await?;
        Ok(wire::GetApiTokenResponse { token: Some(token.into()) })
    }

    async fn list(&self, request: wire::ListApiTokensRequest) -> Result<wire::ListApiTokensResponse, Error> {
        let wire::ListApiTokensRequest { account_id, page, per_page } = request;
        account_id.parse::<AccountId>()?;
        let limit = i64::from(if per_page == 0 { PAGE } else { per_page.min(PAGE) });
        let offset = i64::from(page.max(1) - 1) * limit;
        let (tokens, total_count) = self.store.list_api_tokens(&account_id, limit, offset).await?;
        Ok(wire::ListApiTokensResponse { tokens: tokens.into_iter().map(Into::into).collect(), total_count })
    }

    async fn update(
        &self,
        request: wire::UpdateApiTokenRequest,
    ) -> Result<wire::UpdateApiTokenResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let acting = Acting { account_id: &request.account_id, id: &request.acting_id };
        let update = |token: &mut ApiToken, now| token.update(&request, now);
        let ((), token) = self.store.modify_api_token("update", acting, &request.id, update).await?;
        tracing::info!(
            api_token_id = token.id,
            scopes = token.scopes,
            enabled = token.enabled,
            "API token changed"
        );
        Ok(wire::UpdateApiTokenResponse { token: Some(token.into()) })
    }

    async fn roll(&self, request: wire::RollApiTokenRequest) -> Result<wire::RollApiTokenResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let acting = Acting { account_id: &request.account_id, id: &request.acting_id };
        let roll = |token: &mut ApiToken, now| token.roll(&self.peppers, now);
        let (value, token) = self.store.modify_api_token("roll", acting, &request.id, roll).await?;
        tracing::info!(api_token_id = token.id, "API token has a new value");
        Ok(wire::RollApiTokenResponse { token: Some(token.into()), value: value.expose().to_owned() })
    }

    async fn delete(
        &self,
        request: wire::DeleteApiTokenRequest,
    ) -> Result<wire::DeleteApiTokenResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let acting = Acting { account_id: &request.account_id, id: &request.acting_id };
        let token = self.store.delete_api_token(acting, &request.id).await?;
        tracing::info!(api_token_id = token.id, "API token deleted");
        Ok(wire::DeleteApiTokenResponse { token: Some(token.into()) })
    }
}

macro_rules! calls {
    ($($call:ident = $name:ident($request:ident) -> $response:ident),+ $(,)?) => {
        #[tonic::async_trait]
        impl ApiTokens for ApiTokensRpc {$(
            async fn $call(&self, request: Request<wire::$request>) -> Result<Response<wire::$response>, Status> {
                actor::answer(request, |request| self.$name(request)).await
            }
        )+}
    };
}

calls! {
    create_api_token = create(CreateApiTokenRequest) -> CreateApiTokenResponse,
    verify_api_token = verify(VerifyApiTokenRequest) -> VerifyApiTokenResponse,
    get_api_token = get(GetApiTokenRequest) -> GetApiTokenResponse,
    list_api_tokens = list(ListApiTokensRequest) -> ListApiTokensResponse,
    update_api_token = update(UpdateApiTokenRequest) -> UpdateApiTokenResponse,
    roll_api_token = roll(RollApiTokenRequest) -> RollApiTokenResponse,
    delete_api_token = delete(DeleteApiTokenRequest) -> DeleteApiTokenResponse,
}
