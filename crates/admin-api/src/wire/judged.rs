//! What an application's policies say of a request that nobody has made: what is asked, and the one judgement that
//! [`super::policy_test`] and [`super::policy_check`] show.

use model::{Error, Timestamp};
use proto::policy_evaluator::facts::{Certificate, ServiceToken};
use proto::policy_evaluator::{Application, EvaluateResponse, Facts, Outcome};
use proto::token_registry::Token;
use std::net::IpAddr;

/// A request that nobody has made.
#[derive(Debug, PartialEq)]
pub struct Asked {
    /// `None`: it carries no service token.
    pub token_id: Option<String>,
    /// What else is known of it.
    facts: Facts,
}

/// A text, and the field that it came in. Empty: not known.
pub struct Given {
    pub field: &'static str,
    pub text: String,
}

impl Asked {
    /// # Errors
    /// `Invalid`, by the name of the field: what cannot be read would be judged as if it were unknown.
    pub fn new(
        token_id: Option<String>,
        address: Given,
        country: Given,
        common_name: Option<String>,
    ) -> Result<Self, Error> {
        if !address.text.is_empty() && address.text.parse::<IpAddr>().is_err() {
            return Err(Error::invalid(address.field, "must be an IP address"));
        }
        let Given { field, text: mut country_code } = country;
        country_code.make_ascii_uppercase();
        let is_code = country_code.len() == 2 && country_code.bytes().all(|byte| byte.is_ascii_uppercase());
        if !(country_code.is_empty() || is_code) {
            return Err(Error::invalid(field, "must be two letters (ISO 3166-1 alpha-2)"));
        }
        let certificate =
            common_name.map(|common_name| Certificate { common_name, ..Certificate::default() });
        let facts = Facts { ip: address.text, country_code, certificate, ..Facts::default() };
        Ok(Self { token_id, facts })
    }

    /// With the token that it carries.
    pub fn facts(self, token: Option<&Token>) -> Facts {
        Facts { service_token: token.map(|token| ServiceToken { id: token.id.clone() }), ..self.facts }
    }
}

/// What became of it.
#[derive(Debug)]
pub struct Judged {
    pub application: Application,
    pub token: Option<Token>,
    /// With its explanation.
    pub verdict: EvaluateResponse,
    pub at: Timestamp,
}

impl Judged {
    /// Why it would not get in. A token that is disabled or expired gets in nowhere: its credentials are judged before any
    /// policy.
    pub fn refusal(&self) -> Option<&'static str> {
        let by_policies = match self.verdict.outcome() {
            Outcome::Bypass | Outcome::ServiceAuth | Outcome::Allow => None,
            Outcome::Deny => Some("POLICY_DENIED"),
            Outcome::NoMatch | Outcome::Unspecified => Some("POLICY_NO_MATCH"),
        };
        self.unusable().or(by_policies)
    }

    /// Why its token is no good.
    pub fn unusable(&self) -> Option<&'static str> {
        unusable(self.token.as_ref()?, self.at)
    }
}

/// Why a token is no good at a time.
pub fn unusable(token: &Token, at: Timestamp) -> Option<&'static str> {
    if !token.enabled {
        Some("TOKEN_DISABLED")
    } else if token.expires_at_ms <= at.as_millis() {
        Some("TOKEN_EXPIRED")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(outcome: Outcome, token: Option<(bool, i64)>) -> Option<&'static str> {
        let token =
            token.map(|(enabled, expires_at_ms)| Token { enabled, expires_at_ms, ..Token::default() });
        let verdict = EvaluateResponse { outcome: outcome.into(), ..EvaluateResponse::default() };
        let (application, at) = (Application::default(), Timestamp::from_millis(1_000));
        Judged { application, token, verdict, at }.refusal()
    }

    #[test]
    fn a_token_that_is_no_good_is_refused_whatever_the_policies_say() {
        assert_eq!(judged(Outcome::ServiceAuth, Some((true, 1_001))), None);
        assert_eq!(judged(Outcome::ServiceAuth, Some((false, 1_001))), Some("TOKEN_DISABLED"));
        assert_eq!(judged(Outcome::ServiceAuth, Some((true, 1_000))), Some("TOKEN_EXPIRED"));
    }

    #[test]
    fn no_policy_is_no_admission() {
        assert_eq!(judged(Outcome::NoMatch, None), Some("POLICY_NO_MATCH"));
        assert_eq!(judged(Outcome::Unspecified, None), Some("POLICY_NO_MATCH"));
        assert_eq!(judged(Outcome::Deny, Some((true, 1_001))), Some("POLICY_DENIED"));
        assert_eq!(judged(Outcome::Bypass, None), None);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let of = |ip: &str, country: &str| {
            let given = |field, text: &str| Given { field, text: text.to_owned() };
            Asked::new(None, given("ip", ip), given("country", country), None)
        };
        assert_eq!(of("10.0.0.1", "pt").unwrap().facts(None).country_code, "PT");
        for (ip, country, field) in [("ten", "", "ip"), ("", "PRT", "country"), ("", "1a", "country")] {
            assert_eq!(of(ip, country).unwrap_err().violations()[0].field, field);
        }
    }
}
