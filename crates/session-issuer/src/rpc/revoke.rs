//! Ends sessions: of an application, of a service token, or one.

use super::{Rpc, wait};
use crate::store::Revoked;
use model::{AccountId, ApplicationId, Error, SessionId, Timestamp, TokenId};
use proto::change_feed::Propagation;
use proto::policy_evaluator::GetApplicationRequest;
use proto::session_issuer::{
    RevokeApplicationSessionsRequest, RevokeApplicationSessionsResponse, RevokeSessionRequest,
    RevokeSessionResponse, RevokeTokenSessionsRequest, RevokeTokenSessionsResponse,
};
use proto::token_registry::GetTokenRequest;
use service_kit::status::from_status;
use session_token::Rejection;
use std::time::Duration;

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

    /// Sessions are stored nowhere: one that never was is revoked as well. It calls no other service.
    pub(super) async fn revoke_session(
        &self,
        request: RevokeSessionRequest,
    ) -> Result<RevokeSessionResponse, Error> {
        let RevokeSessionRequest { account_id, session_id, session_jwt, wait } = request;
        let account = account_id.parse::<AccountId>()?;
        let (session, keep_until) = match (session_id.as_str(), session_jwt.as_str()) {
            (id, "") => (id.parse::<SessionId>()?, self.feed.keep_revocation_until()),
            ("", session_jwt) => self.session_of(account, session_jwt).await?,
            _ => return Err(Error::invalid("session_jwt", "must not be given together with session_id")),
        };
        let propagation = self.revoke_until(account, Revoked::Session(session), wait, keep_until).await?;
        Ok(RevokeSessionResponse { propagation: Some(propagation), session_id: session.to_string() })
    }

    /// The id of a session that a key of the account has signed, and until when its end must be remembered.
    async fn session_of(
        &self,
        account: AccountId,
        session_jwt: &str,
    ) -> Result<(SessionId, Timestamp), Error> {
        let not_ours =
            |why: &str| Error::invalid("session_jwt", format!("must be a session of this account ({why})"));
        self.following.until_live().await?;
        let signed_for = self.signed_for(session_jwt).map_err(|rejection| not_ours(rejection.reason()))?;
        let claims =
            session_token::read_again(session_jwt).ok_or_else(|| not_ours(Rejection::Malformed.reason()))?;
        if signed_for != account || claims.account != account {
            return Err(not_ours(Rejection::IssuerWrong.reason()));
        }
        // Remembered for a day more than it can live: clocks differ.
        let longest = self.feed.keep_revocation_until();
        let keep_until = claims.expires_at().max(self.clock.now()).after(Duration::from_hours(24));
        Ok((claims.session, keep_until.min(longest)))
    }

    async fn revoke(&self, account: AccountId, revoked: Revoked, wanted: i32) -> Result<Propagation, Error> {
        self.revoke_until(account, revoked, wanted, self.feed.keep_revocation_until()).await
    }

    async fn revoke_until(
        &self,
        account: AccountId,
        revoked: Revoked,
        wanted: i32,
        keep_until: Timestamp,
    ) -> Result<Propagation, Error> {
        let appended = self.store.revoke(account, revoked, keep_until).await?;
        let propagation = self.feed.announce(appended, wait(wanted)).await;
        tracing::info!(%revoked, position = propagation.position, "sessions revoked");
        Ok(propagation)
    }
}
