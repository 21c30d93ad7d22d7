use model::{Error, ErrorKind};
use sqlx::error::ErrorKind as DatabaseErrorKind;

/// What a failed statement means to the caller.
///
/// A broken uniqueness rule is `AlreadyExists`, a lost race `Conflict`, a database that is away `Unavailable`;
/// everything else is our fault.
#[expect(clippy::needless_pass_by_value, reason = "used as `.map_err(failed)`")]
pub fn failed(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Database(cause) if cause.kind() == DatabaseErrorKind::UniqueViolation => {
            Error::new(ErrorKind::AlreadyExists, "ALREADY_EXISTS", "it already exists")
                .with_cause(cause.to_string())
        }
        sqlx::Error::Database(cause) if is_lost_race(cause.code().as_deref()) => {
            Error::new(ErrorKind::Conflict, "CONFLICT", "somebody else changed it; read it again and retry")
                .with_cause(cause.to_string())
        }
        // Protocol: somebody else answers, or nobody does to the end.
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_) => Error::unavailable("the database", error.to_string()),
        sqlx::Error::Database(cause) if is_away(cause.code().as_deref()) => {
            Error::unavailable("the database", cause.to_string())
        }
        _ => Error::internal(error.to_string()),
    }
}

/// PostgreSQL: serialization failure, deadlock. SQLite: BUSY and its kinds.
fn is_lost_race(code: Option<&str>) -> bool {
    matches!(code, Some("40001" | "40P01" | "5" | "261" | "517"))
}

/// PostgreSQL: shutting down, starting up, too many connections, out of disk. SQLite: disk full, I/O error.
fn is_away(code: Option<&str>) -> bool {
    matches!(code, Some("57P01" | "57P02" | "57P03" | "53300" | "53100" | "13" | "10"))
}
