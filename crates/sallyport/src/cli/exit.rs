//! How a command ends.

use super::client::set;
use serde_json::{Value, json};
use std::process::ExitCode;

/// What `sallyport --help` says of [`Code`].
pub const HELP: &str = "\
Exit codes:
  0  done
  1  it failed
  2  wrong usage
  3  not found
  4  not authenticated, or forbidden; of `curl` and `policy test`: not admitted
  5  conflict: it exists, it is in use, or a name fits several
  6  unavailable, or no answer in time
  7  done, but not confirmed by every enforcement point
  (`sallyport fleet` has its own: see its --help)

Data goes to standard output, prose to standard error. With --json a failure is one JSON object on standard error:
  {\"error\":{\"code\":3,\"kind\":\"not_found\",\"message\":\"…\",\"status\":404,\"errors\":[…]}}
NO_COLOR is respected. A secret is never an argument: it comes from standard input, a file or the environment.";

/// Why it did not end well. The numbers are a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Forbidden = 4,
    Conflict = 5,
    Unavailable = 6,
    NotConfirmed = 7,
}

impl Code {
    const fn kind(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::NotConfirmed => "not_confirmed",
        }
    }

    /// Of an answer of the management API.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Forbidden,
            404 => Self::NotFound,
            409 => Self::Conflict,
            408 | 429 | 502..=504 => Self::Unavailable,
            _ => Self::Failed,
        }
    }
}

/// A command that did not end well.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    /// Of the HTTP answer.
    status: Option<u16>,
    /// As the management API said them.
    errors: Vec<Value>,
}

pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: None, errors: Vec::new() }
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message)
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// What the management API refused.
    pub fn refused(status: u16, errors: Vec<Value>) -> Self {
        let said: Vec<&str> = errors.iter().filter_map(|it| it.get("message")?.as_str()).collect();
        let said = said.iter().map(|it| it.strip_prefix("access.api.error.").unwrap_or(it));
        let message = said.collect::<Vec<_>>().join("; ");
        let message = if message.is_empty() { format!("the API answered {status}") } else { message };
        Self { code: Code::of_status(status), message, status: Some(status), errors }
    }

    /// Says it on standard error.
    pub fn report(&self, is_json: bool) -> ExitCode {
        if is_json {
            eprintln!("{}", self.to_json());
        } else {
            eprintln!("sallyport: {}", super::output::clean(&self.message));
        }
        ExitCode::from(self.code as u8)
    }

    fn to_json(&self) -> Value {
        let mut error = json!({"code": self.code as u8, "kind": self.code.kind(), "message": self.message});
        if let Some(status) = self.status {
            set(&mut error, "status", json!(status));
        }
        if !self.errors.is_empty() {
            set(&mut error, "errors", json!(self.errors));
        }
        json!({"error": error})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_and_stands_for_its_statuses() {
        for (status, code) in [
            (400, Code::Failed),
            (401, Code::Forbidden),
            (403, Code::Forbidden),
            (404, Code::NotFound),
            (409, Code::Conflict),
            (429, Code::Unavailable),
            (500, Code::Failed),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
        ] {
            assert_eq!(Code::of_status(status), code, "{status}");
        }
        for code in 0..=7 {
            assert!(HELP.contains(&format!("\n  {code}  ")), "{code}");
        }
    }

    #[test]
    fn a_failure_is_one_json_object_with_what_the_api_said() {
        let errors = vec![json!({"code": 12135, "message": "access.api.error.not_found: no such token"})];
        let failure = Failure::refused(404, errors.clone());
        assert_eq!(failure.message, "not_found: no such token");
        assert_eq!(
            failure.to_json(),
            json!({"error": {"code": 3, "kind": "not_found", "message": "not_found: no such token",
                "status": 404, "errors": errors}})
        );
        assert_eq!(Failure::refused(502, Vec::new()).message, "the API answered 502");
    }
}
