//! Why a request goes no further.

use http::StatusCode;
use model::{Error, ErrorKind};
use std::borrow::Cow;

/// A refusal: the status, a stable reason for machines, and words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub reason: Cow<'static, str>,
    pub message: Cow<'static, str>,
}

impl Refusal {
    fn new(status: StatusCode, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into(), message: message.into() }
    }

    /// The request itself is wrong or ambiguous.
    pub fn bad_request(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, message)
    }

    /// The credential is missing, broken or not good.
    pub fn unauthenticated(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, reason, message)
    }

    /// The policies refuse.
    pub fn denied(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason, message)
    }

    pub fn not_found(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, reason, message)
    }

    /// Nobody can decide now: closed.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "AUTHZ_UNAVAILABLE", message)
    }
}

/// What another service's refusal means at the edge.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
            ErrorKind::Denied => StatusCode::FORBIDDEN,
            ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::Conflict
            | ErrorKind::NotReady
            | ErrorKind::Unavailable
            | ErrorKind::Deadline
            | ErrorKind::Internal => {
                tracing::warn!(%error, "exchange failed");
                return Self::unavailable("the session issuer cannot decide now; retry");
            }
        };
        Self { status, reason: error.reason().to_owned().into(), message: error.message().to_owned().into() }
    }
}
