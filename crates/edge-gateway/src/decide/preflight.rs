//! Preflight requests (the Fetch standard, section 3.2.2). A browser sends no credential with one: nobody can be judged by
//! it, and what it is told is the application's settings alone.

use super::Seen;
use crate::answer::Asker;
use crate::refusal::Refusal;
use crate::request::headers;
use directory::Application;
use http::Method;
use http::header::ACCESS_CONTROL_REQUEST_METHOD;

pub(super) fn is_one(seen: &Seen<'_>) -> bool {
    seen.method == Method::OPTIONS
        && seen.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && !headers::overrides_method(seen.headers)
}

/// Where the application has settings for other origins, we answer by them: it does not get the request, whatever it
/// carries.
pub(super) fn answer(seen: &Seen<'_>, application: &Application) -> Option<Refusal> {
    let cors = application.settings.cors.as_deref().filter(|_| is_one(seen))?;
    let origin = Asker::new(seen.method, seen.headers).origin();
    if origin.is_some_and(|origin| cors.allowed(origin).is_some()) {
        return Some(Refusal::preflight_answered());
    }
    let message = "cors_headers of the application do not allow this origin";
    Some(Refusal::denied("PREFLIGHT_ORIGIN_DENIED", message))
}

/// One that nobody has settings for.
pub(super) fn denied() -> Refusal {
    let message = "a preflight request carries no credential: the application has neither cors_headers nor options_preflight_bypass";
    Refusal::denied("PREFLIGHT_DENIED", message)
}
