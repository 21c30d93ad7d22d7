//! Why a request goes no further.

use http::StatusCode;
use model::{Error, ErrorKind};
use std::borrow::Cow;
use std::time::Duration;

/// A refusal: the status, a stable reason for machines, and words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub reason: Cow<'static, str>,
    pub message: Cow<'static, str>,
    /// Seconds before which a retry makes no sense.
    pub retry_s: u64,
}

impl Refusal {
    pub fn new(status: StatusCode, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into(), message: message.into(), retry_s: 0 }
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
        Self { retry_s: 1, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "AUTHZ_UNAVAILABLE", message) }
    }

    /// There were too many wrong secrets; the next one is heard after `wait`.
    pub fn throttled(wait: Duration) -> Self {
        let message =
            "too many wrong credentials came from this address; retry after the time in Retry-After";
        let retry_s = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { retry_s, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "ATTEMPTS_THROTTLED", message) }
    }

    /// A preflight request that we answer ourselves: nothing was refused, and nothing goes further.
    pub const fn preflight_answered() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            reason: Cow::Borrowed("PREFLIGHT_ANSWERED"),
            message: Cow::Borrowed(""),
            retry_s: 0,
        }
    }

    /// See [`Self::preflight_answered`].
    pub fn is_answer(&self) -> bool {
        self.status == StatusCode::NO_CONTENT
    }

    /// Of a preflight request, which nobody's credential comes with.
    pub fn is_of_preflight(&self) -> bool {
        self.reason.starts_with("PREFLIGHT_")
    }

    /// Somebody was judged, and may not: the application may have its own words for it.
    pub fn is_denial(&self) -> bool {
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) && !self.is_of_preflight()
    }

    /// Whether the credential is nobody's, as far as its holder is told.
    pub fn names_no_token(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && self.reason == "TOKEN_UNKNOWN"
    }

    /// Seconds for `Retry-After`, if retrying makes sense: up to two more than needed, so that not all come back at once.
    pub fn retry_after(&self) -> Option<u64> {
        let is_passing =
            matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        is_passing.then(|| self.retry_s.max(1) + fastrand::u64(0..=2))
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
        Self {
            status,
            reason: error.reason().to_owned().into(),
            message: error.message().to_owned().into(),
            retry_s: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn not_all_come_back_at_once() {
        let drawn =
            |refusal: &Refusal| (0..1_000).filter_map(|_| refusal.retry_after()).collect::<BTreeSet<_>>();
        assert_eq!(drawn(&Refusal::unavailable("later")), BTreeSet::from([1, 2, 3]));
        assert_eq!(drawn(&Refusal::throttled(Duration::from_millis(2_001))), BTreeSet::from([3, 4, 5]));
        for refusal in
            [Refusal::denied("POLICY_DENIED", "no"), Refusal::unauthenticated("TOKEN_UNKNOWN", "no")]
        {
            assert_eq!(drawn(&refusal), BTreeSet::new());
        }
    }
}
