//! Why a session is not accepted.

use model::{Error, ErrorKind};
use std::fmt;

/// Why a session is not accepted. The reasons are for machines and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// Not a compact JWS with a service session's claims, or too long.
    Malformed,
    /// `alg` is neither RS256 nor ES256, or not the one of the key that `kid` names.
    AlgorithmNotAllowed,
    /// `typ` is neither absent nor `JWT`.
    TypeWrong,
    /// The header demands an extension (`crit`, `b64`); none is understood.
    ExtensionNotSupported,
    /// `kid` is absent or names none of the keys.
    KeyUnknown,
    /// The key that `kid` names was revoked, and everything under it with it.
    KeyRevoked,
    SignatureInvalid,
    /// `iss` or the account is not the one that the key signs for.
    IssuerWrong,
    /// Another application's session.
    AudienceWrong,
    Expired,
    /// `iat` lies in the future, by more than clocks may differ.
    IssuedInFuture,
}

impl Rejection {
    /// `UPPER_SNAKE`, stable.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "SESSION_MALFORMED",
            Self::AlgorithmNotAllowed => "SESSION_ALGORITHM_NOT_ALLOWED",
            Self::TypeWrong => "SESSION_TYPE_WRONG",
            Self::ExtensionNotSupported => "SESSION_EXTENSION_NOT_SUPPORTED",
            Self::KeyUnknown => "SESSION_KEY_UNKNOWN",
            Self::KeyRevoked => "SESSION_KEY_REVOKED",
            Self::SignatureInvalid => "SESSION_SIGNATURE_INVALID",
            Self::IssuerWrong => "SESSION_ISSUER_WRONG",
            Self::AudienceWrong => "SESSION_AUDIENCE_WRONG",
            Self::Expired => "SESSION_EXPIRED",
            Self::IssuedInFuture => "SESSION_ISSUED_IN_FUTURE",
        }
    }

    /// For people; says nothing about what was presented.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Malformed => "the session is not a well-formed session token",
            Self::AlgorithmNotAllowed => "the session's algorithm is not allowed, or is not its key's",
            Self::TypeWrong => "the token is not a session",
            Self::ExtensionNotSupported => "the session demands an extension that is not supported",
            Self::KeyUnknown => "the session is signed with a key that is not, or no longer, in the key set",
            Self::KeyRevoked => "the session is signed with a key that was revoked",
            Self::SignatureInvalid => "the session's signature is wrong",
            Self::IssuerWrong => "the session was issued by someone else",
            Self::AudienceWrong => "the session was issued for another application",
            Self::Expired => "the session has expired",
            Self::IssuedInFuture => "the session is dated in the future",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Rejection {}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::new(ErrorKind::Unauthenticated, rejection.reason(), rejection.message())
    }
}
