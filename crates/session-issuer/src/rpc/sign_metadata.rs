//! What a client without a session is told of an application.

use super::Rpc;
use model::{AccountId, ApplicationId, Audience, Error};
use policy::DomainPattern;
use proto::policy_evaluator::{ApplicationSpec, GetApplicationRequest};
use proto::session_issuer::{SignMetadataRequest, SignMetadataResponse};
use service_kit::status::from_status;
use session_token::Metadata;

impl Rpc {
    /// Nothing is signed but what is stored: the caller chooses the host alone, and among the application's.
    pub(super) async fn sign_metadata(
        &self,
        request: SignMetadataRequest,
    ) -> Result<SignMetadataResponse, Error> {
        let SignMetadataRequest { account_id, application_id, hostname } = request;
        let account = account_id.parse::<AccountId>()?;
        application_id.parse::<ApplicationId>()?;
        let question = GetApplicationRequest { account_id, id: application_id };
        let answer = self.policy_evaluator.clone().get_application(question).await.map_err(from_status)?;
        let application = answer.into_inner().application.ok_or_else(|| Error::not_found("application"))?;
        let spec = application.spec.ok_or_else(|| Error::not_found("application"))?;
        if !is_canonical(&hostname) || !covers(&spec, &hostname) {
            return Err(Error::invalid("hostname", "is not the application's"));
        }
        let auth_domain = self.team_domain(account).await?;
        let signer = self.keys.signer(account, async { Ok(auth_domain.clone()) }).await?;
        let audience: Audience = application.aud.parse().map_err(Error::internal)?;
        let metadata_jwt = signer.sign_metadata(&Metadata {
            hostname: &hostname,
            auth_domain: &auth_domain,
            audience: &audience,
            app_hostname: &spec.domain,
            issued_at_s: self.clock.now().as_seconds(),
        })?;
        let kid = signer.kid().to_string();
        Ok(SignMetadataResponse { metadata_jwt, auth_domain, app_hostname: spec.domain, kid })
    }
}

/// One host has one statement.
fn is_canonical(hostname: &str) -> bool {
    !hostname.ends_with('.') && !hostname.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// A domain that this version cannot read covers nothing.
fn covers(spec: &ApplicationSpec, hostname: &str) -> bool {
    let domains = spec.destinations.iter().chain([&spec.domain]);
    domains.filter_map(|domain| DomainPattern::parse(domain).ok()).any(|it| it.covers_host(hostname))
}
