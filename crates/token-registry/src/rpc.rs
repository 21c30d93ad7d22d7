//! The calls, one file each.

mod api_tokens;
mod authenticate;
mod create;
mod delete;
mod inactivity;
mod list;
mod references;
mod refresh;
mod rotate;
mod rotation;
mod secrets;
mod update;

pub use api_tokens::ApiTokensRpc;

use crate::failures::Failures;
use crate::pepper::Peppers;
use crate::store::Store;
use crate::usage::Usage;
use crate::validated::Validated;
use change_feed::{Feed, Wait};
use model::{AccountId, Clock, Error, TokenId};
use proto::token_registry as wire;
use proto::token_registry::token_registry_server::TokenRegistry;
use service_kit::actor;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// What every call may use.
pub struct Rpc {
    pub store: Arc<Store>,
    pub feed: Arc<Feed>,
    pub validated: Validated,
    pub peppers: Arc<Peppers>,
    pub usage: Arc<Usage>,
    pub failures: Arc<Failures>,
    pub clock: Arc<dyn Clock>,
}

/// Both ids in their canonical form; an id that cannot be one is simply not there.
fn checked_ids(account_id: &str, id: &str) -> Result<(), Error> {
    account_id.parse::<AccountId>()?;
    id.parse::<TokenId>().map(drop).map_err(|_| Error::not_found("service token"))
}

fn wait(wait: i32) -> Wait {
    proto::change_feed::Wait::try_from(wait).unwrap_or_default().into()
}

macro_rules! calls {
    ($($name:ident($request:ident) -> $response:ident),+ $(,)?) => {
        #[tonic::async_trait]
        impl TokenRegistry for Rpc {$(
            async fn $name(&self, request: Request<wire::$request>) -> Result<Response<wire::$response>, Status> {
                actor::answer(request, |request| self.$name(request)).await
            }
        )+}
    };
}

calls! {
    create_token(CreateTokenRequest) -> CreateTokenResponse,
    authenticate_token(AuthenticateTokenRequest) -> AuthenticateTokenResponse,
    get_token(GetTokenRequest) -> GetTokenResponse,
    list_tokens(ListTokensRequest) -> ListTokensResponse,
    update_token(UpdateTokenRequest) -> UpdateTokenResponse,
    refresh_token(RefreshTokenRequest) -> RefreshTokenResponse,
    rotate_token(RotateTokenRequest) -> RotateTokenResponse,
    list_token_secrets(ListTokenSecretsRequest) -> ListTokenSecretsResponse,
    finish_rotation(FinishRotationRequest) -> FinishRotationResponse,
    undo_rotation(UndoRotationRequest) -> UndoRotationResponse,
    delete_token(DeleteTokenRequest) -> DeleteTokenResponse,
    list_expiring_tokens(ListExpiringTokensRequest) -> ListExpiringTokensResponse,
    list_ended_tokens(ListEndedTokensRequest) -> ListEndedTokensResponse,
    list_unused_tokens(ListUnusedTokensRequest) -> ListUnusedTokensResponse,
    set_token_references(SetTokenReferencesRequest) -> SetTokenReferencesResponse,
    end_inactive_tokens(EndInactiveTokensRequest) -> EndInactiveTokensResponse,
}
