//! One error for every service: what went wrong, for the caller and for the log.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller can do about it. Mapped to gRPC in `service-kit` and to HTTP in `admin-api`, nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Send something else.
    Invalid,
    /// Say who you are.
    Unauthenticated,
    /// You may not.
    Denied,
    NotFound,
    AlreadyExists,
    /// Somebody else changed it: read again, then retry.
    Conflict,
    /// Change its state first.
    NotReady,
    /// Retry later.
    RateLimited,
    /// Retry: something we depend on is away.
    Unavailable,
    /// Time ran out.
    Deadline,
    /// Our fault.
    Internal,
}

/// A field that broke a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field within the request, parts joined by `/`: `include/0/ip/ip`.
    pub field: String,
    /// The rule, and the value's shape; never a secret.
    pub rule: String,
}

/// A failure: a kind, a stable reason for machines, a public text, and a private cause for the log.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    reason: Cow<'static, str>,
    message: String,
    violations: Vec<Violation>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// `reason` is `UPPER_SNAKE` and never changes its meaning.
    pub fn new(kind: ErrorKind, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), message: message.into(), violations: Vec::new(), cause: None }
    }

    /// One field broke a rule.
    pub fn invalid(field: impl Into<String>, rule: impl Into<String>) -> Self {
        let violation = Violation { field: field.into(), rule: rule.into() };
        let message = format!("{}: {}", violation.field, violation.rule);
        Self { violations: vec![violation], ..Self::new(ErrorKind::Invalid, "INVALID_FIELD", message) }
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorKind::NotFound, "NOT_FOUND", format!("no such {what}"))
    }

    /// The public text is fixed; the cause goes to the log alone.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(ErrorKind::Internal, "INTERNAL", "internal error") }
    }

    /// Something we depend on is away; the cause goes to the log alone.
    pub fn unavailable(what: &str, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let message = format!("{what} is unavailable; retry");
        Self { cause: Some(cause.into()), ..Self::new(ErrorKind::Unavailable, "UNAVAILABLE", message) }
    }

    /// The same error, its fields seen from one level further out.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        for violation in &mut self.violations {
            violation.field = format!("{parent}/{}", violation.field);
        }
        if let [violation] = self.violations.as_slice() {
            self.message = format!("{}: {}", violation.field, violation.rule);
        }
        self
    }

    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations;
        self
    }

    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// For the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.reason)?;
        match &self.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_from_the_outermost_level() {
        let error = Error::invalid("ip", "must be an address or CIDR").within("include/0");
        assert_eq!(error.violations()[0].field, "include/0/ip");
        assert_eq!(error.message(), "include/0/ip: must be an address or CIDR");
    }
}
