//! Failures as HTTP. The only place that knows their codes.
//!
//! Codes below 12190 are the public contract's; from 12190 on they are our own.
//!
//! | kind | status | code | retried by SDKs |
//! |---|---|---|---|
//! | Invalid | 400 | 12130, 11018 (precedence) | no |
//! | Unauthenticated | 401 | 10000, 1000 (unknown API token) | no |
//! | an API key in place of a token | 400 | 6003 | no |
//! | Denied | 403 | 9109 | no |
//! | `NotFound` | 404 | 12135, 7003 (no route) | no |
//! | `AlreadyExists` | 409 | 11010 (application), 12190 | no |
//! | Conflict | 409 | 12191 | yes |
//! | `NotReady` (in use, for one) | 409 | 12192 | no |
//! | `RateLimited` | 429 | 971 | after `retry-after` |
//! | Unavailable, Deadline | 503, 504 | 12193, 12194 | after `retry-after`, yes |
//! | Internal | 500 | 12195 | yes |

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use model::{Error, ErrorKind, Violation};
use serde_json::{Value, json};

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A refusal. It becomes a response in [`super::observe`], which knows the request's id.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    errors: Vec<Value>,
    headers: Vec<(HeaderName, &'static str)>,
    /// For the log alone.
    cause: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: u32, message: &str) -> Self {
        let errors = vec![json!({"code": code, "message": message})];
        Self { status, errors, headers: Vec::new(), cause: None }
    }

    /// No such path.
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, 7003, "No route for the URI")
    }

    /// A part of the contract that is not there, and will not be.
    pub fn not_supported(what: &str) -> Self {
        let message = format!(
            "No route for the URI: {what} are not supported: Sallyport authenticates services, not people"
        );
        Self::new(StatusCode::NOT_FOUND, 7003, &message)
    }

    /// The path exists, the method does not.
    pub fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, 7001, "Method not available for that URI")
    }

    /// No API token, or not where one belongs.
    pub fn unauthenticated(why: &str) -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, 10_000, &format!("Authentication error: {why}"));
        problem.with(WWW_AUTHENTICATE, "Bearer")
    }

    /// Credentials of a kind that there is none of.
    pub fn api_key() -> Self {
        let why = "Invalid request headers: API keys are not supported (X-Auth-Key, X-Auth-Email, X-Auth-User-Service-Key): \
                   send an API token as `Authorization: Bearer <token>`";
        Self::new(StatusCode::BAD_REQUEST, 6003, why)
    }

    /// One API token has asked too much. When to come again is its headers' to say.
    pub fn too_many_requests() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            971,
            "Please wait and consider throttling your request speed",
        )
    }

    /// A token that is not configured.
    pub fn invalid_token() -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, 1000, "Invalid API Token");
        problem.with(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")
    }

    /// A token of another account.
    pub fn wrong_account() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            9109,
            "unauthorized to access requested resource: this API token is for another account",
        )
    }

    pub fn body_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, 12_196, "the body is larger than 1 MiB")
    }

    pub fn body_too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, 12_197, "the body did not arrive in time")
            .with(SHOULD_RETRY, "false")
    }

    pub fn body_incomplete() -> Self {
        Self::new(StatusCode::BAD_REQUEST, 12_198, "the body broke off")
    }

    /// What a service refused. That it does not know or trust *us* is our fault, not our caller's.
    pub fn from_service(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Unauthenticated | ErrorKind::Denied => Error::internal(error).into(),
            _ => error.into(),
        }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The numbers of [`Self`]'s table, for the log.
    pub fn codes(&self) -> Vec<u64> {
        self.errors.iter().filter_map(|error| error.get("code").and_then(Value::as_u64)).collect()
    }

    /// The envelope of failure.
    pub fn render(self, request_id: &str) -> Response {
        let Self { status, mut errors, headers, cause: _ } = self;
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            let message = format!("access.api.error.internal_server_error: request id {request_id}");
            errors = vec![json!({"code": 12_195, "message": message})];
        }
        let envelope = json!({"success": false, "errors": errors, "messages": [], "result": null});
        let content_type = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let mut response = (status, content_type, envelope.to_string()).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Without a body: see [`super::observe`].
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let new = |status, code, name: &str| {
            let message = format!("access.api.error.{name}: {}", error.message());
            let mut problem = Self::new(status, code, &message);
            if let ([shown], [violation]) = (problem.errors.as_mut_slice(), error.violations()) {
                shown["source"] = pointer(&violation.field);
            }
            problem
        };
        match error.kind() {
            ErrorKind::Invalid => invalid(&error),
            ErrorKind::Unauthenticated => Self::unauthenticated(error.message()),
            ErrorKind::Denied => Self::new(StatusCode::FORBIDDEN, 9109, error.message()),
            ErrorKind::NotFound => new(StatusCode::NOT_FOUND, 12_135, "not_found"),
            ErrorKind::AlreadyExists => {
                let is_application =
                    ["APPLICATION", "DOMAIN"].iter().any(|it| error.reason().starts_with(it));
                let (code, name) = if is_application {
                    (11_010, "application_already_exists")
                } else {
                    (12_190, "already_exists")
                };
                new(StatusCode::CONFLICT, code, name).with(SHOULD_RETRY, "false")
            }
            ErrorKind::Conflict => new(StatusCode::CONFLICT, 12_191, "conflict"),
            ErrorKind::NotReady => {
                let name = if error.reason().ends_with("_IN_USE") { "in_use" } else { "not_ready" };
                new(StatusCode::CONFLICT, 12_192, name).with(SHOULD_RETRY, "false")
            }
            ErrorKind::RateLimited => Self::too_many_requests().with(RETRY_AFTER, "1"),
            // The caller's own destination, which retrying by itself does not mend.
            ErrorKind::Unavailable if error.reason() == "WEBHOOK_TEST_FAILED" => {
                invalid(&Error::invalid("url", error.message()))
            }
            ErrorKind::Unavailable => Self {
                cause: Some(error.to_string()),
                ..new(StatusCode::SERVICE_UNAVAILABLE, 12_193, "unavailable").with(RETRY_AFTER, "1")
            },
            ErrorKind::Deadline => Self {
                cause: Some(error.to_string()),
                ..new(StatusCode::GATEWAY_TIMEOUT, 12_194, "deadline")
            },
            ErrorKind::Internal => Self {
                cause: Some(error.to_string()),
                ..Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    12_195,
                    "access.api.error.internal_server_error",
                )
            },
        }
    }
}

/// One entry for each field that broke a rule, or one for the whole request.
fn invalid(error: &Error) -> Problem {
    let errors = error.violations().iter().map(violated).collect::<Vec<_>>();
    if errors.is_empty() {
        let whole = Violation { field: String::new(), rule: error.message().to_owned() };
        return Problem {
            errors: vec![violated(&whole)],
            ..Problem::new(StatusCode::BAD_REQUEST, 12_130, "")
        };
    }
    Problem { errors, ..Problem::new(StatusCode::BAD_REQUEST, 12_130, "") }
}

fn violated(Violation { field, rule }: &Violation) -> Value {
    if field.is_empty() {
        let message = format!("access.api.error.invalid_request: {rule}");
        return json!({"code": 12_130, "message": message, "source": {"pointer": ""}});
    }
    let is_precedence = field == "precedence" || field.ends_with("/precedence");
    let (code, name) =
        if is_precedence { (11_018, "invalid_policy_precedence") } else { (12_130, "invalid_request") };
    json!({
        "code": code,
        "message": format!("access.api.error.{name}: {field}: {rule}"),
        "source": pointer(field),
    })
}

/// RFC 6901; empty is the whole body.
fn pointer(field: &str) -> Value {
    json!({"pointer": format!("/{field}")})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: Error) -> (u16, Value, Option<String>) {
        let problem = Problem::from_service(error);
        let response = problem.clone().render("r1");
        let retry = response.headers().get(SHOULD_RETRY).map(|it| it.to_str().unwrap().to_owned());
        let errors =
            if problem.status.is_server_error() { json!(problem.codes()) } else { json!(problem.errors) };
        (problem.status.as_u16(), errors, retry)
    }

    #[test]
    fn every_kind_has_its_status_and_code() {
        let error = |kind, reason: &'static str| Error::new(kind, reason, "text");
        for (error, status, code, retry) in [
            (error(ErrorKind::NotFound, "NOT_FOUND"), 404, 12_135, None),
            (error(ErrorKind::AlreadyExists, "APPLICATION_ALREADY_EXISTS"), 409, 11_010, Some("false")),
            (error(ErrorKind::AlreadyExists, "NAME_TAKEN"), 409, 12_190, Some("false")),
            (error(ErrorKind::Conflict, "CONFLICT"), 409, 12_191, None),
            (error(ErrorKind::NotReady, "TOKEN_IN_USE"), 409, 12_192, Some("false")),
            (error(ErrorKind::RateLimited, "RATE_LIMITED"), 429, 971, None),
            (error(ErrorKind::Unavailable, "WEBHOOK_TEST_FAILED"), 400, 12_130, None),
            (error(ErrorKind::Invalid, "INVALID"), 400, 12_130, None),
        ] {
            let (got, errors, should_retry) = shown(error);
            assert_eq!((got, errors[0]["code"].as_u64()), (status, Some(code)));
            assert_eq!(should_retry.as_deref(), retry);
        }
        for (error, status) in [
            (error(ErrorKind::Unavailable, "UNAVAILABLE"), 503),
            (error(ErrorKind::Deadline, "DEADLINE"), 504),
            (error(ErrorKind::Internal, "INTERNAL"), 500),
            (error(ErrorKind::Denied, "CALLER_NOT_ALLOWED"), 500),
            (error(ErrorKind::Unauthenticated, "CALLER_UNKNOWN"), 500),
        ] {
            assert_eq!(shown(error).0, status);
        }
    }

    #[test]
    fn a_broken_rule_points_at_its_field() {
        let violations = [
            Error::invalid("include/0/ip/ip", "must be an address"),
            Error::invalid("precedence", "is taken"),
        ];
        let violations = violations.iter().flat_map(Error::violations).cloned().collect();
        let error = Error::new(ErrorKind::Invalid, "INVALID_FIELD", "two").with_violations(violations);
        let (status, errors, _) = shown(error);
        assert_eq!(status, 400);
        assert_eq!(
            errors,
            json!([
                {
                    "code": 12130,
                    "message": "access.api.error.invalid_request: include/0/ip/ip: must be an address",
                    "source": {"pointer": "/include/0/ip/ip"},
                },
                {
                    "code": 11018,
                    "message": "access.api.error.invalid_policy_precedence: precedence: is taken",
                    "source": {"pointer": "/precedence"},
                },
            ])
        );
    }
}
