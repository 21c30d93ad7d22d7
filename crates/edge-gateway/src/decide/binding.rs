//! Sessions that are good together with a second cookie alone: whoever has come by the session, from a log or from the
//! application itself, which never gets that cookie, has nothing.

use crate::refusal::Refusal;
use crate::request::cookie::{self, Unreadable};
use crate::session::Binding;
use http::HeaderMap;

/// `token`: the session's text, whose signature was found right. What it is bound to is read from it once more: sessions
/// are remembered without.
pub(super) fn check(token: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let secret = match cookie::binding(headers) {
        Ok(Some(secret)) => secret,
        Ok(None) => return Err(missing("the session is good together with its CF_Binding cookie alone")),
        Err(Unreadable::Ambiguous) => {
            return Err(wrong("there are several CF_Binding cookies that differ"));
        }
        Err(Unreadable::Malformed) => return Err(wrong("the CF_Binding cookie is not text")),
    };
    let bound = session_token::read_again(token).and_then(|claims| claims.binding);
    let bound =
        bound.ok_or_else(|| missing("the session is older than the application's wish to bind it"))?;
    if Binding::digest(secret) == bound {
        return Ok(());
    }
    Err(wrong("the CF_Binding cookie is not the one that this session was given with"))
}

/// Let through before its application wished to bind sessions.
pub(super) fn not_shown() -> Refusal {
    missing(
        "the application binds sessions by now, and this one was let through without its CF_Binding cookie",
    )
}

fn missing(message: &'static str) -> Refusal {
    Refusal::unauthenticated("SESSION_BINDING_MISSING", message)
}

fn wrong(message: &'static str) -> Refusal {
    Refusal::unauthenticated("SESSION_BINDING_WRONG", message)
}
