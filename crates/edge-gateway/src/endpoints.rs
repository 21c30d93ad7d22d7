//! `/cdn-cgi/access/…`: what the gateway itself answers.
//!
//! | module | holds |
//! |---|---|
//! | `identity` | `get-identity`: whose session it is |
//! | `logout` | `logout`: the end of the session |

mod identity;
mod logout;

use crate::answer::{self, Asker, Body};
use crate::decide::{Gatekeeper, Refused, Seen};
use crate::knowledge::Knowledge;
use crate::measure;
use crate::refusal::Refusal;
use directory::Snapshot;
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Method, Response, StatusCode};
use model::{AccountId, Clock};

pub use logout::Logout;

/// Every path that belongs to the gateway.
pub const PREFIX: &str = "/cdn-cgi/";

pub async fn answer(gatekeeper: &Gatekeeper, seen: &Seen<'_>) -> Response<Body> {
    let Gatekeeper { knowledge, clock, .. } = gatekeeper;
    let outcome = match &*seen.target.path {
        "/cdn-cgi/access/certs" => {
            let keys = reading(seen).and_then(|()| {
                key_set(knowledge, &**clock, &seen.target.host)
                    .map_err(|refusal| Refused { refusal, application: None })
            });
            return keys.unwrap_or_else(|refused| answer::refusal(&refused.refusal, None, None));
        }
        "/cdn-cgi/access/get-identity" => reading(seen).and_then(|()| identity::answer(gatekeeper, seen)),
        "/cdn-cgi/access/logout" => logout::answer(gatekeeper, seen).await,
        _ => {
            let refusal = Refusal::not_found("ENDPOINT_NOT_FOUND", "the gateway has no such endpoint");
            Err(Refused { refusal, application: None })
        }
    };
    outcome.unwrap_or_else(|Refused { refusal, application }| {
        measure::refused(&refusal);
        // It is no page: nobody is sent elsewhere.
        let asker = Asker { may_be_sent_on: false, ..Asker::new(seen.method, seen.headers) };
        answer::refusal(&refusal, application.as_deref(), Some(asker))
    })
}

fn reading(seen: &Seen<'_>) -> Result<(), Refused> {
    let is_one = matches!(*seen.method, Method::GET | Method::HEAD);
    if is_one { Ok(()) } else { Err(method_not_allowed("only GET")) }
}

fn method_not_allowed(message: &'static str) -> Refused {
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
    Refused { refusal, application: None }
}

/// The public keys of the team domain's account, of the application's account, or of the only account there is.
fn key_set(knowledge: &Knowledge, clock: &dyn Clock, host: &str) -> Result<Response<Body>, Refusal> {
    let leases = knowledge.leases();
    let snapshot = knowledge.directory.snapshot();
    let account = account_of(&snapshot, host);
    let keys = account.map(|account| knowledge.sessions.key_set(account)).unwrap_or_default();
    if !leases.cover(clock.boot()) {
        return Err(Refusal::unavailable("this gateway has lost touch with the session issuer; retry"));
    }
    let published: Vec<_> = keys.iter().map(|key| key.published.clone()).collect();
    let document = session_token::key_set::document(&published);
    let document =
        document.map_err(|_| Refusal::not_found("KEY_SET_EMPTY", "no account has keys at this host"))?;
    let mut response = answer::text_json(StatusCode::OK, document);
    // Validators may keep it: a new key is published long before it signs.
    let seconds = session_token::key_set::MAX_AGE.as_secs();
    if let Ok(value) = HeaderValue::try_from(format!("public, max-age={seconds}")) {
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    Ok(response)
}

fn account_of(snapshot: &Snapshot, host: &str) -> Option<AccountId> {
    let team = snapshot.organization_of_team_host(host).map(|organization| organization.account);
    let application = || snapshot.find(host, "/").map(|application| application.account);
    let only = || {
        let mut organizations = snapshot.organizations();
        let first = organizations.next()?;
        organizations.next().is_none().then_some(first.account)
    };
    team.or_else(application).or_else(only)
}
