//! Why a session that verifies is not honoured.

use model::{Error, ErrorKind};
use std::fmt;

/// Why a session that verifies is not honoured. The reasons are for machines and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The service token that obtained the session was deleted.
    TokenDeleted,
    TokenDisabled,
    TokenExpired,
    /// The secret that obtained the session was rotated, and its overlap is over.
    TokenSecretExpired,
    /// The session, its application's sessions or its token's sessions were ended.
    SessionRevoked,
    /// The key that signed the session is no longer in the key set.
    SessionKeyUnknown,
    /// The key that signed the session was revoked, and everything under it with it.
    SessionKeyRevoked,
}

impl Refusal {
    /// `UPPER_SNAKE`, stable.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TokenDeleted => "TOKEN_DELETED",
            Self::TokenDisabled => "TOKEN_DISABLED",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::TokenSecretExpired => "TOKEN_SECRET_EXPIRED",
            Self::SessionRevoked => "SESSION_REVOKED",
            Self::SessionKeyUnknown => "SESSION_KEY_UNKNOWN",
            Self::SessionKeyRevoked => "SESSION_KEY_REVOKED",
        }
    }

    /// For people; says nothing about what was presented.
    pub const fn message(self) -> &'static str {
        match self {
            Self::TokenDeleted => "the service token was deleted",
            Self::TokenDisabled => "the service token is disabled",
            Self::TokenExpired => "the service token has expired",
            Self::TokenSecretExpired => "the Client Secret was rotated and no longer works",
            Self::SessionRevoked => "the session was revoked",
            Self::SessionKeyUnknown => {
                "the session is signed with a key that is not, or no longer, in the key set"
            }
            Self::SessionKeyRevoked => "the session is signed with a key that was revoked",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(ErrorKind::Unauthenticated, refusal.reason(), refusal.message())
    }
}
