//! Ends sessions: of an application, of a service token, or one.

use super::{Rpc, wait};
use crate::store::Revoked;
use model::{AccountId, ApplicationId, Error, SessionId, TokenId};
use proto::change_feed::Propagation;
use proto::policy_evaluator::GetApplicationRequest;
use proto::session_issuer::{
    RevokeApplicationSessionsRequest, RevokeApplicationSessionsResponse, RevokeSessionRequest,
    RevokeSessionResponse, RevokeTokenSessionsRequest, RevokeTokenSessionsResponse,
};
use proto::token_registry::GetTokenRequest;
use service_kit::status::from_status;

impl Rpc {
    pub(super) async fn revoke_application_sessions(
        &self,
        request: RevokeApplicationSessionsRequest,
    ) -> Result<RevokeApplicationSessionsResponse, Error> {
        let account = request.account_id.parse::<AccountId>()?;
        // An id that cannot be one is simply not there.
        let application =
            request.application_id.parse::<ApplicationId>().map_err(|_| Error::not_found("application"))?;
        let exists = GetApplicationRequest { account_id: request.account_id, id: request.application_id };
        self.policy_evaluator.clone().get_application(exists).await.map_err(from_status)?;
        let propagation = self.revoke(account, Revoked::Application(application), request.wait).await?;
        Ok(RevokeApplicationSessionsResponse { propagation: Some(propagation) })
    }

    pub(super) async fn revoke_token_sessions(
        &self,
        request: RevokeTokenSessionsRequest,
    ) -> Result<RevokeTokenSessionsResponse, Error> {
        let account = request.account_id.parse::<AccountId>()?;
        let token = request.token_id.parse::<TokenId>().map_err(|_| Error::not_found("service token"))?;
        let exists = GetTokenRequest { account_id: request.account_id, id: request.token_id };
        self.token_registry.clone().get_token(exists).await.map_err(from_status)?;
        let propagation = self.revoke(account, Revoked::Token(token), request.wait).await?;
        Ok(RevokeTokenSessionsResponse { propagation: Some(propagation) })
    }

    /// Sessions are stored nowhere: one that never was is revoked as well.
    pub(super) async fn revoke_session(
        &self,
        request: RevokeSessionRequest,
    ) -> Result<RevokeSessionResponse, Error> {
        let account = request.account_id.parse::<AccountId>()?;
        let session = request.session_id.parse::<SessionId>()?;
        let propagation = self.revoke(account, Revoked::Session(session), request.wait).await?;
        Ok(RevokeSessionResponse { propagation: Some(propagation) })
    }

    async fn revoke(&self, account: AccountId, revoked: Revoked, wanted: i32) -> Result<Propagation, Error> {
        let appended = self.store.revoke(account, revoked, self.feed.keep_revocation_until()).await?;
        let propagation = self.feed.announce(appended, wait(wanted)).await;
        tracing::info!(%revoked, position = propagation.position, "sessions revoked");
        Ok(propagation)
    }
}
