//! An account's organization.

use model::{AccountId, Error};
use proto::policy_evaluator as wire;

/// An account's team domain and the switches that concern requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub account: AccountId,
    pub name: String,
    /// Host of the team domain, with a port where it is not the scheme's own.
    pub auth_domain: String,
    /// Scheme and authority: the `iss` of every session.
    pub issuer: String,
    /// Only Service Auth and Bypass admit a token; sessions are neither set nor read beside it.
    pub strict_service_token_auth: bool,
    /// Requests that no application matches are refused.
    pub deny_unmatched_requests: bool,
}

impl Organization {
    pub fn read(state: &wire::Organization) -> Result<Self, Error> {
        Ok(Self {
            account: state.account_id.parse()?,
            name: state.name.clone(),
            auth_domain: state.auth_domain.clone(),
            issuer: state.issuer.clone(),
            strict_service_token_auth: state.strict_service_token_auth,
            deny_unmatched_requests: state.deny_unmatched_requests,
        })
    }

    /// The same, with every switch on the strict side.
    #[must_use]
    pub fn closed(&self) -> Self {
        Self { strict_service_token_auth: true, deny_unmatched_requests: true, ..self.clone() }
    }

    /// The host of the team domain: lower case, without port.
    pub fn team_host(&self) -> String {
        without_port(&self.auth_domain).to_ascii_lowercase()
    }
}

/// An authority without its port. An address in brackets keeps them.
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}
