//! Methods that are let through.

use crate::refusal::Refusal;
use http::{Method, StatusCode};

/// Methods of the IANA registry beside those that `http` names, in order. Others have no meaning that a policy and an
/// application are sure to share.
const OTHERS: [&str; 30] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PROPFIND",
    "PROPPATCH",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

/// TRACE and CONNECT are refused, and what is no registered method: `get` is none.
pub fn check(method: &Method) -> Result<(), Refusal> {
    let is_usual = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
    ]
    .contains(method);
    if is_usual || OTHERS.binary_search(&method.as_str()).is_ok() {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "TRACE, CONNECT and methods that nobody has registered are refused",
    ))
}

/// For spans: `HTTP` for what is not registered, which nobody can invent.
pub fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        other => {
            OTHERS.binary_search(&other).ok().and_then(|place| OTHERS.get(place)).copied().unwrap_or("HTTP")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_methods_pass() {
        assert!(OTHERS.is_sorted());
        for name in ["GET", "PATCH", "PROPFIND", "VERSION-CONTROL"] {
            assert!(check(&name.parse().unwrap()).is_ok(), "{name}");
        }
        for name in ["TRACE", "CONNECT", "TRACK", "DEBUG", "PRI", "get", "FOO"] {
            assert!(check(&name.parse().unwrap()).is_err(), "{name}");
        }
    }
}
