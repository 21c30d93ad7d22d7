//! The decision. Everything is looked up between taking the leases and checking them, without an await; only an
//! exchange waits, and what it brings is judged again.

mod judge;

use crate::exchange::{Exchange, Exchanged, Question};
use crate::knowledge::Knowledge;
use crate::refusal::Refusal;
use crate::request::canonical::{self, Target};
use crate::request::credential::Pair;
use crate::session::{Key, Remembered};
use crate::usage::Usage;
use directory::{Application, Snapshot};
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use model::Clock;
use policy::{CountryCode, Facts, Outcome};
use std::net::IpAddr;
use std::sync::Arc;

/// What is seen of a request.
pub struct Seen<'a> {
    pub target: &'a Target<'a>,
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    pub address: Option<IpAddr>,
    pub country: Option<CountryCode>,
}

/// Let through.
pub struct Admission {
    /// The session JWT for the application; none when it is let through without identity.
    pub assertion: Option<HeaderValue>,
    /// `Set-Cookie` for the client.
    pub cookie: Option<HeaderValue>,
    /// The application's header for both credentials: it does not reach the application.
    pub credential_header: Option<HeaderName>,
}

/// Not let through, and at which application.
pub struct Refused {
    pub refusal: Refusal,
    pub application: Option<Arc<Application>>,
}

/// Decides.
pub struct Gatekeeper {
    pub knowledge: Arc<Knowledge>,
    pub clock: Arc<dyn Clock>,
    /// By digest of the JWT.
    pub verified: Remembered,
    /// By digest of credential and application.
    pub pairs: Remembered,
    pub exchange: Exchange,
    pub usage: Arc<Usage>,
}

/// What an exchange has just brought.
#[derive(Clone, Copy)]
struct Fresh<'f> {
    /// Where.
    at: &'f Arc<Application>,
    exchanged: &'f Exchanged,
    /// What had been applied of the feeds before it was asked for.
    positions: [u64; 3],
}

/// What can be said without waiting.
enum Now<'a> {
    Decided(Result<Admission, Refusal>),
    Exchange(Option<Pair<'a>>),
}

pub const ANONYMOUS: Admission = Admission { assertion: None, cookie: None, credential_header: None };

impl Gatekeeper {
    pub async fn decide(&self, seen: &Seen<'_>) -> Result<Admission, Refused> {
        let (application, now) = self.decide_now(seen, None);
        let outcome = match (now, &application) {
            (Now::Decided(outcome), _) => outcome,
            (Now::Exchange(pair), Some(at)) => {
                let positions = self.knowledge.positions();
                match self.exchange(seen, pair.as_ref(), at, positions).await {
                    Ok(exchanged) => {
                        let fresh = Fresh { at, exchanged: &exchanged, positions };
                        match self.decide_now(seen, Some(fresh)).1 {
                            Now::Decided(outcome) => outcome,
                            Now::Exchange(_) => Err(changed_meanwhile()),
                        }
                    }
                    Err(refusal) => self.without(seen, at, refusal),
                }
            }
            (Now::Exchange(_), None) => Err(Refusal::unavailable("no application")),
        };
        match outcome {
            Ok(admission) => {
                let credential_header = application.as_deref().and_then(credential_header);
                Ok(Admission { credential_header, ..admission })
            }
            Err(refusal) => {
                let refusal = match application.as_deref() {
                    Some(application) => as_configured(application, refusal),
                    None => refusal,
                };
                Err(Refused { refusal, application })
            }
        }
    }

    async fn exchange(
        &self,
        seen: &Seen<'_>,
        pair: Option<&Pair<'_>>,
        application: &Application,
        positions: [u64; 3],
    ) -> Result<Exchanged, Refusal> {
        let key = Key::of_pair(pair, &application.id);
        let question = Question { key, address: seen.address, country: seen.country, positions };
        let snapshot = self.knowledge.directory.snapshot().clone();
        let verify = |token: &str| self.verify(token, &snapshot, self.clock.now()).ok();
        let exchanged = self.exchange.ask(question, pair, application, verify).await?;
        if let Exchanged::Session(session) = &exchanged {
            self.pairs.insert(key, session.clone());
        }
        Ok(exchanged)
    }

    /// A credential that failed keeps nobody from what is open to everybody.
    fn without(&self, seen: &Seen<'_>, at: &Application, refusal: Refusal) -> Result<Admission, Refusal> {
        let leases = self.knowledge.leases();
        let snapshot = self.knowledge.directory.snapshot();
        let application = snapshot.application(&at.id);
        let is_open = application.is_some_and(|application| is_open(application, &facts(seen)));
        if is_open && leases.cover(self.clock.boot()) { Ok(ANONYMOUS) } else { Err(refusal) }
    }

    fn decide_now<'a>(
        &self,
        seen: &Seen<'a>,
        fresh: Option<Fresh<'_>>,
    ) -> (Option<Arc<Application>>, Now<'a>) {
        let leases = self.knowledge.leases();
        let snapshot = self.knowledge.directory.snapshot();
        let Some(application) = snapshot.find(&seen.target.host, &seen.target.path) else {
            let refusal = if leases.cover(self.clock.boot()) { unmatched(&snapshot) } else { fenced() };
            return (None, Now::Decided(Err(refusal)));
        };
        if seen.target.loose_path.as_deref().is_some_and(|path| {
            snapshot.find(&seen.target.host, path).is_none_or(|other| other.id != application.id)
        }) {
            let refusal = if leases.cover(self.clock.boot()) { canonical::ambiguous_end() } else { fenced() };
            return (None, Now::Decided(Err(refusal)));
        }
        // Another application has taken the place of the one that was asked for.
        let fresh = fresh.filter(|fresh| fresh.at.id == application.id);
        let now = self.judge(seen, application, &snapshot, fresh);
        let now = if leases.cover(self.clock.boot()) { now } else { Now::Decided(Err(fenced())) };
        (Some(application.clone()), now)
    }
}

fn credential_header(application: &Application) -> Option<HeaderName> {
    let name = application.settings.read_service_tokens_from_header.as_deref()?;
    HeaderName::from_bytes(name.as_bytes()).ok()
}

/// A blocked machine gets 401 where the application asks for it.
fn as_configured(application: &Application, refusal: Refusal) -> Refusal {
    let is_asked = application.settings.service_auth_401_redirect && refusal.status == StatusCode::FORBIDDEN;
    if is_asked { Refusal { status: StatusCode::UNAUTHORIZED, ..refusal } } else { refusal }
}

fn facts<'a>(seen: &Seen<'_>) -> Facts<'a> {
    Facts::new().with_address(seen.address).with_country(seen.country)
}

/// Open to everybody who comes from there.
fn is_open(application: &Application, facts: &Facts<'_>) -> bool {
    application.policies.evaluate(facts).outcome == Outcome::Bypass
}

fn unmatched(snapshot: &Snapshot) -> Refusal {
    if snapshot.denies_unmatched() {
        return Refusal::denied(
            "UNMATCHED_DENIED",
            "no application matches, and unmatched requests are refused",
        );
    }
    Refusal::not_found("APPLICATION_NOT_FOUND", "no application is protected at this host and path")
}

fn changed_meanwhile() -> Refusal {
    Refusal::unavailable("policies changed meanwhile; retry")
}

fn fenced() -> Refusal {
    Refusal::unavailable("this gateway has lost touch with the services that decide; retry")
}
