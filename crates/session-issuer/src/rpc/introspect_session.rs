//! Whether a session is good now, and if not, why.

use super::{Rpc, fenced};
use crate::session;
use model::{AccountId, ApplicationId, Audience, Error, ErrorKind};
use proto::policy_evaluator::GetApplicationRequest;
use proto::session_issuer::{IntrospectSessionRequest, IntrospectSessionResponse};
use proto::token_registry::GetTokenRequest;
use revocation::{Refusal, TokenStatus};
use service_kit::status::from_status;
use session_token::{Claims, Rejection, Verified};

/// Why a session is not good.
struct Inactive(&'static str);

impl From<Rejection> for Inactive {
    fn from(rejection: Rejection) -> Self {
        Self(rejection.reason())
    }
}

impl From<Refusal> for Inactive {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.reason())
    }
}

/// The application is gone, and its sessions with it.
const APPLICATION_UNKNOWN: Inactive = Inactive("APPLICATION_UNKNOWN");

impl Rpc {
    pub(super) async fn introspect_session(
        &self,
        request: IntrospectSessionRequest,
    ) -> Result<IntrospectSessionResponse, Error> {
        let IntrospectSessionRequest { session_jwt, aud } = request;
        let wanted = if aud.is_empty() { None } else { Some(aud.parse::<Audience>()?) };
        self.following.until_live().await?;
        Ok(match self.judge(&session_jwt, wanted.as_ref()).await? {
            Ok(Verified { claims, kid }) => IntrospectSessionResponse {
                active: true,
                reason: String::new(),
                session: Some(session::to_wire(claims, kid)),
            },
            Err(Inactive(reason)) => {
                IntrospectSessionResponse { active: false, reason: reason.to_owned(), session: None }
            }
        })
    }

    /// The outer error: it could not be judged.
    async fn judge(
        &self,
        session_jwt: &str,
        wanted: Option<&Audience>,
    ) -> Result<Result<Verified, Inactive>, Error> {
        let account = match self.signed_for(session_jwt) {
            Ok(account) => account,
            Err(rejection) => return Ok(Err(rejection.into())),
        };
        let issuer = self.organization(account).await?.issuer;
        let verified = match self.following.view.verify(session_jwt, |_| Some(issuer), self.clock.now()) {
            Ok(verified) => verified,
            Err(rejection) => return Ok(Err(rejection.into())),
        };
        let claims = &verified.claims;
        if let Some(rejection) = wanted.and_then(|wanted| claims.check_audience(wanted).err()) {
            return Ok(Err(rejection.into()));
        }
        let Some(application) = self.find_application(claims).await? else {
            return Ok(Err(APPLICATION_UNKNOWN));
        };
        if let Err(refusal) = self.judge_token(claims).await? {
            return Ok(Err(refusal.into()));
        }
        // Nothing is awaited between this and the answer.
        let view = &self.following.view;
        let as_of = claims.as_of.session_issuer;
        let judged = view
            .judge_key(verified.kid)
            .and_then(|()| view.judge_session(&claims.session, &application, claims.token.as_ref(), as_of));
        if !self.following.is_live() {
            return Err(fenced());
        }
        Ok(judged.map(|()| verified).map_err(Inactive::from))
    }

    /// The account of the key that signed it. Only a right signature has anybody else asked about it.
    pub(super) fn signed_for(&self, session_jwt: &str) -> Result<AccountId, Rejection> {
        let mut account = None;
        let issuer_of = |of| {
            account = Some(of);
            // No session has an empty issuer: this ends in `IssuerWrong` at best.
            Some("")
        };
        let rejection = match self.following.view.verify(session_jwt, issuer_of, self.clock.now()) {
            Ok(_) => Rejection::IssuerWrong,
            Err(rejection) => rejection,
        };
        match (rejection, account) {
            (Rejection::IssuerWrong, Some(account)) => Ok(account),
            (rejection, _) => Err(rejection),
        }
    }

    async fn find_application(&self, claims: &Claims) -> Result<Option<ApplicationId>, Error> {
        let request =
            GetApplicationRequest { account_id: claims.account.to_string(), id: claims.audience.to_string() };
        let answer = self.policy_evaluator.clone().get_application(request).await.map_err(from_status);
        let application = found(answer)?.and_then(|answer| answer.into_inner().application);
        application.map(|application| application.id.parse().map_err(Error::internal)).transpose()
    }

    /// By the registry's own words, not a view of them.
    async fn judge_token(&self, claims: &Claims) -> Result<Result<(), Refusal>, Error> {
        let Some(token) = claims.token else { return Ok(Ok(())) };
        let request = GetTokenRequest { account_id: claims.account.to_string(), id: token.to_string() };
        let answer = self.token_registry.clone().get_token(request).await.map_err(from_status);
        let Some(token) = found(answer)?.and_then(|answer| answer.into_inner().token) else {
            return Ok(Err(Refusal::TokenDeleted));
        };
        let as_of = claims.as_of.token_registry;
        Ok(TokenStatus::from(&token).judge(claims.secret_version, as_of, self.clock.now()))
    }
}

fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
