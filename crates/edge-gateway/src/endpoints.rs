//! `/cdn-cgi/access/…`: what the gateway itself answers.

use crate::answer::{self, Body};
use crate::knowledge::Knowledge;
use crate::refusal::Refusal;
use directory::Snapshot;
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Method, Response, StatusCode};
use model::{AccountId, Clock};

/// Every path that belongs to the gateway.
pub const PREFIX: &str = "/cdn-cgi/";

pub fn answer(
    knowledge: &Knowledge,
    clock: &dyn Clock,
    host: &str,
    method: &Method,
    path: &str,
) -> Response<Body> {
    let outcome = match path {
        "/cdn-cgi/access/certs" if matches!(*method, Method::GET | Method::HEAD) => {
            key_set(knowledge, clock, host)
        }
        "/cdn-cgi/access/certs" => {
            Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "only GET"))
        }
        _ => Err(Refusal::not_found("ENDPOINT_NOT_FOUND", "the gateway has no such endpoint")),
    };
    outcome.unwrap_or_else(|refusal| answer::refusal(&refusal, None, None))
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
