//! A credential for a session.

use super::Rpc;
use crate::session;
use model::{AccountId, AddressClass, ApplicationId, Error, ErrorKind, SessionId, Timestamp, TokenId};
use proto::policy_evaluator::{EvaluateRequest, EvaluateResponse, Facts, Outcome, SessionSignature, facts};
use proto::session_issuer::{ExchangeRequest, ExchangeResponse};
use proto::token_registry::{AuthenticateTokenRequest, AuthenticateTokenResponse};
use service_kit::status::from_status;
use session_token::{Algorithm, AsOf, Claims, Thumbprint};

impl Rpc {
    pub(super) async fn exchange(&self, request: ExchangeRequest) -> Result<ExchangeResponse, Error> {
        let ExchangeRequest { application_id, service_token, facts, at_least, gateway, binding_sha256 } =
            request;
        let at_least = at_least.unwrap_or_default();
        application_id.parse::<ApplicationId>()?;
        // Before anything is judged: a revocation that commits meanwhile ends what is issued here.
        let issuer_as_of = self.position(at_least.session_issuer).await?;
        let token = match service_token {
            Some(credential) => {
                let address = facts.as_ref().and_then(|facts| facts.ip.parse().ok());
                let request = AuthenticateTokenRequest {
                    client_id: credential.client_id,
                    client_secret: credential.client_secret,
                    at_least: at_least.token_registry,
                    gateway,
                    source: AddressClass::of(address).number().into(),
                };
                Some(self.authenticate(request).await?)
            }
            None => None,
        };
        let facts = Facts {
            service_token: token.as_ref().map(|token| facts::ServiceToken { id: token.token_id.clone() }),
            ..facts.unwrap_or_default()
        };
        let certificate = facts.certificate.as_ref().map(|it| it.sha256.as_slice()).unwrap_or_default();
        let named = Named {
            common_name: common_name(token.as_ref(), &facts),
            certificate: thumbprint("facts.certificate.sha256", certificate)?,
            binding: thumbprint("binding_sha256", &binding_sha256)?,
        };
        let question = EvaluateRequest {
            application_id,
            facts: Some(facts),
            explain: false,
            at_least: at_least.policy_evaluator,
        };
        let verdict =
            self.policy_evaluator.clone().evaluate(question).await.map_err(from_status)?.into_inner();
        if token.as_ref().is_some_and(|token| token.account_id != verdict.account_id) {
            return Err(unknown_token());
        }
        match verdict.outcome() {
            Outcome::ServiceAuth | Outcome::Allow => {
                self.issue(verdict, token.as_ref(), named, issuer_as_of).await
            }
            Outcome::Bypass => Ok(ExchangeResponse {
                outcome: verdict.outcome,
                policy_id: verdict.policy_id,
                ..ExchangeResponse::default()
            }),
            Outcome::Deny => Err(refused("POLICY_DENIED", "a policy of this application blocks the request")),
            Outcome::NoMatch => {
                Err(refused("POLICY_NO_MATCH", "no policy of this application admits the request"))
            }
            Outcome::Unspecified => Err(Error::internal("the policies were not judged")),
        }
    }

    /// A position of the issuer's feed, no older than what the caller has seen: a session of an older one would be refused
    /// for a revocation that came before it was asked for.
    async fn position(&self, at_least: u64) -> Result<u64, Error> {
        let applied = self.following.gate.applied();
        if self.following.is_live() && applied >= at_least {
            return Ok(applied);
        }
        self.store.position().await
    }

    async fn authenticate(
        &self,
        request: AuthenticateTokenRequest,
    ) -> Result<AuthenticateTokenResponse, Error> {
        let answer = self.token_registry.clone().authenticate_token(request).await.map_err(from_status)?;
        Ok(answer.into_inner())
    }

    async fn issue(
        &self,
        verdict: EvaluateResponse,
        token: Option<&AuthenticateTokenResponse>,
        named: Named,
        issuer_as_of: u64,
    ) -> Result<ExchangeResponse, Error> {
        if verdict.issuer.is_empty() {
            let message = "the account has no organization yet";
            return Err(Error::new(ErrorKind::NotReady, "ORGANIZATION_MISSING", message));
        }
        let account: AccountId = verdict.account_id.parse().map_err(Error::internal)?;
        let algorithm = algorithm(verdict.session_signature)?;
        let signer = self.keys.signer_of(algorithm, account, self.team_domain(account)).await?;
        let now = self.clock.now();
        let until = token.map(|token| Timestamp::from_millis(token.valid_until_ms));
        let expires_at_s =
            session::expiry(now, verdict.session_duration_s, until).ok_or_else(expired_token)?;
        self.keys.keep_for(signer.kid(), session::life(now, expires_at_s)).await?;
        let token_id = token.map(|token| token.token_id.parse::<TokenId>().map_err(Error::internal));
        let claims = Claims {
            audience: verdict.aud.parse().map_err(Error::internal)?,
            expires_at_s,
            issuer: verdict.issuer,
            common_name: named.common_name,
            issued_at_s: now.as_seconds(),
            session: SessionId::random(),
            account,
            token: token_id.transpose()?,
            secret_version: token.map_or(0, |token| token.client_secret_version),
            certificate: named.certificate,
            binding: named.binding,
            as_of: AsOf {
                token_registry: token.map_or(0, |token| token.as_of),
                policy_evaluator: verdict.as_of,
                session_issuer: issuer_as_of,
            },
        };
        // A quarter of a millisecond at most: not worth another thread.
        let session_jwt = signer.sign(&claims)?;
        Ok(ExchangeResponse {
            session_jwt,
            session: Some(session::to_wire(claims, signer.kid())),
            outcome: verdict.outcome,
            policy_id: verdict.policy_id,
        })
    }
}

fn algorithm(session_signature: i32) -> Result<Algorithm, Error> {
    match SessionSignature::try_from(session_signature) {
        Ok(SessionSignature::Unspecified | SessionSignature::Rs256) => Ok(Algorithm::Rs256),
        Ok(SessionSignature::Es256) => Ok(Algorithm::Es256),
        Err(_) => {
            Err(Error::internal("the application asks for a signature that this version does not know"))
        }
    }
}

/// Whom the session names, and what it is bound to.
struct Named {
    common_name: String,
    certificate: Option<Thumbprint>,
    binding: Option<Thumbprint>,
}

/// Of nothing there is none.
fn thumbprint(field: &str, sha256: &[u8]) -> Result<Option<Thumbprint>, Error> {
    if sha256.is_empty() {
        return Ok(None);
    }
    let bytes = <[u8; 32]>::try_from(sha256).map_err(|_| Error::invalid(field, "is not 32 bytes"))?;
    Ok(Some(Thumbprint(bytes)))
}

/// Whom the session names: the token's Client ID, else the certificate's common name, else nobody.
fn common_name(token: Option<&AuthenticateTokenResponse>, facts: &Facts) -> String {
    match (token, &facts.certificate) {
        (Some(token), _) => token.client_id.clone(),
        (None, Some(certificate)) => certificate.common_name.clone(),
        (None, None) => String::new(),
    }
}

/// Another account's token is as good as none, and the answer is the registry's own.
fn unknown_token() -> Error {
    let message = "no service token has this Client ID and Client Secret";
    Error::new(ErrorKind::Unauthenticated, "TOKEN_UNKNOWN", message)
}

fn expired_token() -> Error {
    Error::new(ErrorKind::Unauthenticated, "TOKEN_EXPIRED", "the service token has expired")
}

fn refused(reason: &'static str, message: &str) -> Error {
    Error::new(ErrorKind::Denied, reason, message)
}
