//! [`model::Error`] to and from [`tonic::Status`], with `google.rpc` details. The only such map.

use model::{Error, ErrorKind, Violation};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

const DOMAIN: &str = "sallyport";
/// When a caller may come back after it was told that something is away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Invalid => Code::InvalidArgument,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::Denied => Code::PermissionDenied,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::Conflict => Code::Aborted,
        ErrorKind::NotReady => Code::FailedPrecondition,
        ErrorKind::RateLimited => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Deadline => Code::DeadlineExceeded,
        ErrorKind::Internal => Code::Internal,
    }
}

const fn kind(code: Code) -> ErrorKind {
    match code {
        Code::InvalidArgument | Code::OutOfRange => ErrorKind::Invalid,
        Code::Unauthenticated => ErrorKind::Unauthenticated,
        Code::PermissionDenied => ErrorKind::Denied,
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists => ErrorKind::AlreadyExists,
        Code::Aborted => ErrorKind::Conflict,
        Code::FailedPrecondition => ErrorKind::NotReady,
        Code::ResourceExhausted => ErrorKind::RateLimited,
        Code::Unavailable => ErrorKind::Unavailable,
        Code::DeadlineExceeded | Code::Cancelled => ErrorKind::Deadline,
        Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => {
            ErrorKind::Internal
        }
    }
}

/// The answer to a failed call. Logs what the caller is not told.
#[expect(clippy::needless_pass_by_value, reason = "used as `.map_err(to_status)`")]
pub fn to_status(error: Error) -> Status {
    match error.kind() {
        ErrorKind::Internal => tracing::error!(%error, "call failed"),
        ErrorKind::Unavailable => tracing::warn!(%error, "call failed"),
        _ => tracing::debug!(%error, "call refused"),
    }
    let mut details = ErrorDetails::new();
    details.set_error_info(error.reason(), DOMAIN, std::collections::HashMap::new());
    for Violation { field, rule } in error.violations() {
        details.add_bad_request_violation(field, rule);
    }
    if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::RateLimited) {
        details.set_retry_info(Some(RETRY_AFTER));
    }
    Status::with_error_details(code(error.kind()), error.message(), details)
}

/// What a failed call said.
#[expect(clippy::needless_pass_by_value, reason = "used as `.map_err(from_status)`")]
pub fn from_status(status: Status) -> Error {
    let kind = kind(status.code());
    let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
    let violations =
        status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    let violations = violations
        .into_iter()
        .map(|violation| Violation { field: violation.field, rule: violation.description })
        .collect();
    match info {
        Some(info) => Error::new(kind, info.reason, status.message()).with_violations(violations),
        // Not ours: the transport's or the library's own words stay in the log.
        None => match kind {
            ErrorKind::Unavailable => Error::unavailable("a service", status.to_string()),
            ErrorKind::Deadline => Error::new(kind, "DEADLINE", "a service did not answer in time")
                .with_cause(status.to_string()),
            _ => Error::internal(status.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_wire() {
        let kinds = [
            ErrorKind::Invalid,
            ErrorKind::Unauthenticated,
            ErrorKind::Denied,
            ErrorKind::NotFound,
            ErrorKind::AlreadyExists,
            ErrorKind::Conflict,
            ErrorKind::NotReady,
            ErrorKind::RateLimited,
            ErrorKind::Unavailable,
            ErrorKind::Deadline,
            ErrorKind::Internal,
        ];
        for kind in kinds {
            let read = from_status(to_status(Error::new(kind, "SOME_REASON", "some text")));
            assert_eq!((read.kind(), read.reason(), read.message()), (kind, "SOME_REASON", "some text"));
        }
        let read = from_status(to_status(Error::invalid("include/0", "unknown selector")));
        assert_eq!(read.violations(), Error::invalid("include/0", "unknown selector").violations());
    }

    #[test]
    fn a_private_cause_stays_here() {
        let status = to_status(Error::internal("password=hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
    }
}
