//! What a service session says: the contract's seven claims, and one private claim for the change feeds.

use crate::object::{Parsed, Text, object};
use crate::rejection::Rejection;
use crate::thumbprint::Thumbprint;
use model::{AccountId, Audience, SessionId, Timestamp, TokenId};
use serde::{Serialize, Serializer};

/// The feed positions, one per feed, at which whatever carries this was validated. Orders are logical:
/// what was validated before a revocation's position is dead, whatever the clocks say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub struct AsOf {
    pub token_registry: u64,
    pub policy_evaluator: u64,
    pub session_issuer: u64,
}

/// The claims of a service session.
///
/// On the wire: `type` (`app`), `aud`, `exp`, `iss`, `common_name`, `iat`, `sub` (empty), `cnf` if it is bound to a
/// certificate, and `sallyport` with the rest. Other validators ignore `sallyport`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The one application that the session opens.
    pub audience: Audience,
    /// Seconds since 1970, not negative. The first second at which the session is no longer valid.
    pub expires_at_s: i64,
    /// The account's issuer URL, which serves the key set.
    pub issuer: String,
    /// The Client ID; for a client certificate, its common name.
    pub common_name: String,
    /// Seconds since 1970, not negative.
    pub issued_at_s: i64,
    pub session: SessionId,
    pub account: AccountId,
    /// The service token that obtained the session; none if a certificate did.
    pub token: Option<TokenId>,
    /// The version of the secret that was presented; 0 without a token.
    pub secret_version: i64,
    /// The client certificate that was presented when the session was obtained: it is good together with that one alone
    /// (RFC 8705).
    pub certificate: Option<Thumbprint>,
    /// SHA-256 of the secret that was given beside the session: where an application asks for it, the session is good
    /// together with that one alone.
    pub binding: Option<Thumbprint>,
    pub as_of: AsOf,
}

impl Claims {
    /// The application's audience tag.
    pub fn aud(&self) -> &Audience {
        &self.audience
    }

    /// The session must have been issued for this application; compared whole and by case.
    pub fn check_audience(&self, application: &Audience) -> Result<(), Rejection> {
        if self.audience == *application { Ok(()) } else { Err(Rejection::AudienceWrong) }
    }

    /// The first instant at which the session is no longer valid.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at_s.saturating_mul(1000))
    }

    pub fn issued_at(&self) -> Timestamp {
        Timestamp::from_millis(self.issued_at_s.saturating_mul(1000))
    }

    /// Valid strictly before `exp`, no leeway: issuer and enforcement point are one system.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.as_seconds() >= self.expires_at_s
    }

    /// Everything that a service session says must be there, once and of its type. Claims that are not known
    /// are skipped, unless their name comes twice.
    pub(crate) fn parse(json: &str) -> Result<Self, Rejection> {
        serde_json::from_str::<Wire>(json).ok().and_then(Wire::into_claims).ok_or(Rejection::Malformed)
    }
}

object! {
    struct Wire<'de> {
        kind: Text<'de> = "type",
        aud: [Parsed<Audience>; 1] = "aud",
        exp: i64 = "exp",
        iss: Text<'de> = "iss",
        common_name: Text<'de> = "common_name",
        iat: i64 = "iat",
        sub: Text<'de> = "sub",
        cnf: Confirmation = "cnf",
        private: Private = "sallyport",
    }
}

object! {
    struct Confirmation {
        thumbprint: Parsed<Thumbprint> = "x5t#S256",
    }
}

object! {
    struct Private {
        sid: Parsed<SessionId> = "sid",
        account: Parsed<AccountId> = "account",
        token: Parsed<TokenId> = "token",
        version: i64 = "version",
        binding: Parsed<Thumbprint> = "binding",
        as_of: Positions = "as_of",
    }
}

object! {
    struct Positions {
        token_registry: u64 = "token_registry",
        policy_evaluator: u64 = "policy_evaluator",
        session_issuer: u64 = "session_issuer",
    }
}

impl Wire<'_> {
    fn into_claims(self) -> Option<Claims> {
        let Self { kind, aud, exp, iss, common_name, iat, sub, cnf, private } = self;
        let Private { sid, account, token, version, binding, as_of } = private?;
        let Positions { token_registry, policy_evaluator, session_issuer } = as_of?;
        let [Parsed(audience)] = aud?;
        // What it is bound to otherwise is not understood, and cannot be checked.
        let certificate = match cnf {
            Some(Confirmation { thumbprint: Some(Parsed(thumbprint)) }) => Some(thumbprint),
            Some(Confirmation { thumbprint: None }) => return None,
            None => None,
        };
        // A subject would be a user's session, whose claims differ.
        let is_service_session = kind?.0 == "app" && sub?.0.is_empty();
        let claims = Claims {
            audience,
            expires_at_s: exp.filter(is_date)?,
            issuer: iss?.0.into_owned(),
            common_name: common_name?.0.into_owned(),
            issued_at_s: iat.filter(is_date)?,
            session: sid?.0,
            account: account?.0,
            token: token.map(|Parsed(token)| token),
            secret_version: version.filter(|version| *version >= 0)?,
            certificate,
            binding: binding.map(|Parsed(binding)| binding),
            as_of: AsOf {
                token_registry: token_registry?,
                policy_evaluator: policy_evaluator?,
                session_issuer: session_issuer?,
            },
        };
        is_service_session.then_some(claims)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that Option::filter wants")]
fn is_date(seconds: &i64) -> bool {
    (0..=Timestamp::FAR_FUTURE.as_seconds()).contains(seconds)
}

/// What is written, in the contract's order.
#[derive(Serialize)]
struct Written<'a> {
    r#type: &'static str,
    aud: [&'a str; 1],
    exp: i64,
    iss: &'a str,
    common_name: &'a str,
    iat: i64,
    sub: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<WrittenConfirmation>,
    sallyport: WrittenPrivate,
}

#[derive(Serialize)]
struct WrittenConfirmation {
    #[serde(rename = "x5t#S256")]
    thumbprint: String,
}

#[derive(Serialize)]
struct WrittenPrivate {
    sid: String,
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<String>,
    as_of: AsOf,
}

impl Serialize for Claims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            audience,
            expires_at_s,
            issuer,
            common_name,
            issued_at_s,
            session,
            account,
            token,
            secret_version,
            certificate,
            binding,
            as_of,
        } = self;
        let sallyport = WrittenPrivate {
            sid: session.to_string(),
            account: account.to_string(),
            token: token.map(|token| token.to_string()),
            version: *secret_version,
            binding: binding.map(|it| it.to_string()),
            as_of: *as_of,
        };
        Written {
            r#type: "app",
            aud: [audience.as_str()],
            exp: *expires_at_s,
            iss: issuer,
            common_name,
            iat: *issued_at_s,
            sub: "",
            cnf: certificate.map(|it| WrittenConfirmation { thumbprint: it.to_string() }),
            sallyport,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
