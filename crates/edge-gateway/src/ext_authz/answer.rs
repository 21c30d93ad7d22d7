//! What Envoy is told, written at once. An answer without a status allows, so nothing here has a default.
//!
//! Envoy takes out what is to be removed after it has set what is to be set: nothing is named in both.

use crate::answer::{self as http_answer, Asker, LOOKED_AT};
use crate::decide::{Admission, Basis};
use crate::decisions::Ray;
use crate::ext_authz::Authorizer;
use crate::ext_authz::asked::Asked;
use crate::ext_authz::check::Check;
use crate::ext_authz::wire::Writer;
use crate::metadata;
use crate::refusal::Refusal;
use crate::request::{cookie, credential, headers};
use directory::Application;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::fmt::Display;

const STATUS: u32 = 1;
const DENIED_RESPONSE: u32 = 2;
const OK_RESPONSE: u32 = 3;
const METADATA: u32 = 4;
/// `OkHttpResponse` and `DeniedHttpResponse`.
const HEADERS: u32 = 2;
const REMOVED: u32 = 5;
const RESPONSE_HEADERS: u32 = 6;
/// `OVERWRITE_IF_EXISTS_OR_ADD`.
const OVERWRITE: u32 = 2;
const PERMISSION_DENIED: u32 = 7;
const UNAUTHENTICATED: u32 = 16;

/// What Envoy says of its own failure mode, and forwards if a client says it.
const FAILURE_MODE_ALLOWED: &str = "x-envoy-auth-failure-mode-allowed";
/// Set on every request.
const ALWAYS: [&str; 2] = ["x-forwarded-host", "x-forwarded-proto"];
const RAY: &str = "cf-ray";
const ASSERTION: &str = "cf-access-jwt-assertion";
const FALLBACK: &str = "sallyport-fallback";
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Denied, with the answer that our own proxy would give.
pub fn denied(
    refusal: &Refusal,
    application: Option<&Application>,
    check: Option<&Check<'_>>,
    ray: Option<Ray>,
    said: Option<&HeaderValue>,
) -> Vec<u8> {
    let asked = check.filter(|_| application.is_some()).and_then(asked);
    let asker = asked.as_ref().map(|(method, headers)| Asker::new(method, headers));
    let response = http_answer::refused(refusal, application, asker);
    let mut writer = Writer::with_capacity(1024);
    let code = if refusal.status.as_u16() == 401 { UNAUTHENTICATED } else { PERMISSION_DENIED };
    writer.message(STATUS, |status| {
        status.number(1, code);
        status.bytes(2, refusal.reason.as_bytes());
    });
    writer.message(DENIED_RESPONSE, |denied| {
        denied.message(1, |status| status.number(1, response.status().as_u16().into()));
        for (name, value) in response.headers() {
            set(denied, name.as_str(), |writer| writer.bytes(2, value.as_bytes()));
        }
        if let Some(ray) = ray {
            set(denied, RAY, |writer| writer.text(2, ray));
        }
        if let Some(said) = said {
            set(denied, metadata::METADATA.as_str(), |writer| writer.bytes(2, said.as_bytes()));
        }
        denied.bytes(3, response.body());
    });
    writer.message(METADATA, |metadata| {
        say(metadata, "decision", "deny");
        say(metadata, "reason", &refusal.reason);
        if let Some(application) = application {
            say(metadata, "application_id", application.id);
        }
    });
    writer.into_bytes()
}

/// Let through: what the application is told, what it is not, and what the client gets.
pub fn allowed(
    authorizer: &Authorizer,
    check: &Check<'_>,
    asked: &Asked<'_>,
    ray: Ray,
    admission: &Admission,
) -> Vec<u8> {
    let Admission { assertion, cookie, binding, fallback, .. } = admission;
    let assertion = assertion.as_ref().map(HeaderValue::as_bytes);
    let room = 1024 + assertion.map_or(0, <[u8]>::len) + cookie.as_ref().map_or(0, HeaderValue::len);
    let mut writer = Writer::with_capacity(room);
    writer.message(OK_RESPONSE, |ok| {
        if let Some(assertion) = assertion {
            set(ok, ASSERTION, |writer| writer.bytes(2, assertion));
        }
        set(ok, RAY, |writer| writer.text(2, ray));
        tell_origin(authorizer, check, asked, ok);
        if let Some(fallback) = fallback {
            set(ok, FALLBACK, |writer| writer.text(2, fallback.as_str()));
        }
        let said = authorizer.origin.country_header.as_ref().zip(asked.country);
        if let Some((name, country)) = said {
            set(ok, name.as_str(), |writer| writer.text(2, country));
        }
        let is_set = |name: &str| {
            ALWAYS.contains(&name)
                || name == RAY
                || name == ASSERTION && assertion.is_some()
                || name == FORWARDED_FOR && asked.address.is_some()
                || name == FALLBACK && fallback.is_some()
                || said.is_some_and(|(country, _)| country == name)
        };
        remove(check, admission, ok, is_set);
        ok.message(RESPONSE_HEADERS, |option| {
            option.message(1, |header| {
                header.bytes(1, RAY.as_bytes());
                header.text(2, ray);
            });
            option.number(3, OVERWRITE);
        });
        // What was not judged may be for anybody.
        if assertion.is_some() || fallback.is_some() {
            add_to_response(ok, "cache-control", b"private");
        }
        for cookie in cookie.iter().chain(binding.as_deref()) {
            add_to_response(ok, "set-cookie", cookie.as_bytes());
        }
    });
    writer.message(METADATA, |metadata| tell_operator(admission, metadata));
    // Code 0. Last: whatever is cut off before it says nothing of the kind.
    writer.message(STATUS, |_| {});
    writer.into_bytes()
}

/// Of what was asked, what our own answer depends on.
fn asked(check: &Check<'_>) -> Option<(Method, HeaderMap)> {
    let mut headers = HeaderMap::new();
    for &(name, value) in check.headers.iter().filter(|(name, _)| LOOKED_AT.binary_search(name).is_ok()) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
            headers.try_append(name, value).ok()?;
        }
    }
    Some((Method::from_bytes(check.method.as_bytes()).ok()?, headers))
}

/// What our own proxy says of the client.
fn tell_origin(authorizer: &Authorizer, check: &Check<'_>, asked: &Asked<'_>, ok: &mut Writer) {
    if let Some(address) = asked.address {
        set(ok, FORWARDED_FOR, |writer| writer.text(2, address));
    }
    let [host, protocol] = ALWAYS;
    let target = &asked.target;
    set(ok, host, |writer| match target.port {
        Some(port) => writer.text(2, format_args!("{}:{port}", target.host)),
        None => writer.bytes(2, target.host.as_bytes()),
    });
    let is_https = authorizer.is_https || check.scheme.eq_ignore_ascii_case("https");
    set(ok, protocol, |writer| writer.bytes(2, if is_https { b"https" } else { b"http" }));
}

/// Takes out credentials, our cookies, and what only we may say, in every spelling that is there.
fn remove(check: &Check<'_>, admission: &Admission, ok: &mut Writer, is_set: impl Fn(&str) -> bool) {
    let carries_both = |name: &str, value: &[u8]| {
        admission.credential_header.as_ref().is_some_and(|header| header == name)
            && value.split(|byte| *byte == b',').any(credential::is_object)
    };
    let mut has_cookie = false;
    for &(name, value) in &check.headers {
        has_cookie |= name == "cookie";
        let is_ours = headers::is_ours(name) || name == FAILURE_MODE_ALLOWED;
        if (is_ours && !is_set(name)) || carries_both(name, value) {
            ok.bytes(REMOVED, name.as_bytes());
        }
    }
    if !has_cookie {
        return;
    }
    let cookies = || check.headers.iter().filter(|(name, _)| *name == "cookie").map(|(_, value)| *value);
    if let Some(rest) = cookie::without_ours(cookies) {
        // Envoy takes text alone here: what is none goes too.
        if rest.is_empty() || std::str::from_utf8(&rest).is_err() {
            ok.bytes(REMOVED, b"cookie");
        } else {
            set(ok, "cookie", |writer| writer.bytes(2, &rest));
        }
    }
}

/// For Envoy's access log: who was let through where, by what. Never a credential.
fn tell_operator(admission: &Admission, metadata: &mut Writer) {
    let Admission { basis, application, policy, fallback, .. } = admission;
    say(metadata, "decision", "allow");
    let reason = match basis {
        Basis::Session(_) => "session",
        Basis::Open | Basis::Word(_) => "bypass",
        Basis::Preflight => "preflight",
        Basis::Unjudged => "unjudged",
    };
    say(metadata, "reason", reason);
    if let Some(application) = application {
        say(metadata, "application_id", application.id);
    }
    if let Some(policy) = policy {
        say(metadata, "policy_id", policy);
    }
    if let Basis::Session(session) = basis
        && let Some(token) = session.token
    {
        say(metadata, "token_id", token);
    }
    if let Some(fallback) = fallback {
        say(metadata, "fallback", fallback.as_str());
    }
}

/// One `HeaderValueOption` that takes the place of whatever there is.
fn set(writer: &mut Writer, name: &str, value: impl FnOnce(&mut Writer)) {
    writer.message(HEADERS, |option| {
        option.message(1, |header| {
            header.bytes(1, name.as_bytes());
            value(header);
        });
        option.number(3, OVERWRITE);
    });
}

/// One that comes beside what the application answers.
fn add_to_response(ok: &mut Writer, name: &str, value: &[u8]) {
    ok.message(RESPONSE_HEADERS, |option| {
        option.message(1, |header| {
            header.bytes(1, name.as_bytes());
            header.bytes(2, value);
        });
    });
}

/// One field of a `google.protobuf.Struct`: a text.
fn say(metadata: &mut Writer, key: &str, value: impl Display) {
    metadata.message(1, |entry| {
        entry.bytes(1, key.as_bytes());
        entry.message(2, |kind| kind.text(3, value));
    });
}
