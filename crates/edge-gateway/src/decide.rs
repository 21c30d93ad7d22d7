//! The decision. Everything is looked up between taking the leases and checking them, without an await; only an
//! exchange waits, and what it brings is judged again. Without live leases an application's failure mode says what stands.

mod again;
mod binding;
mod footing;
mod holder;
mod judge;
mod outcome;
mod preflight;

pub use again::{Basis, Grounds};
pub use footing::Fallback;
pub use holder::Holder;
pub use outcome::{ANONYMOUS, Admission, Refused, Seen};

use crate::decisions::{Decisions, Made, Ray};
use crate::endpoints::Logout;
use crate::exchange::{Exchange, Exchanged, Question};
use crate::fallbacks::Fallbacks;
use crate::knowledge::Knowledge;
use crate::listener::ClientCertificate;
use crate::metadata::Metadata;
use crate::refusal::Refusal;
use crate::request::canonical::{self, Target};
use crate::request::credential::Pair;
use crate::session::{Key, Obtained, Origins, Remembered, Session};
use crate::usage::Usage;
use directory::{Application, Snapshot};
use footing::Footing;
use http::StatusCode;
use http::header::HeaderName;
use model::{BootTime, Clock};
use outcome::UNJUDGED;
use policy::{Certificate, CountryCode, Decision, Facts, Outcome};
use std::net::IpAddr;
use std::sync::Arc;

/// Decides.
pub struct Gatekeeper {
    pub knowledge: Arc<Knowledge>,
    pub clock: Arc<dyn Clock>,
    /// By digest of the JWT.
    pub verified: Remembered<Session>,
    /// By digest of credential and application.
    pub pairs: Remembered<Obtained>,
    pub origins: Origins,
    pub exchange: Exchange,
    pub usage: Arc<Usage>,
    pub fallbacks: Arc<Fallbacks>,
    pub decisions: Arc<Decisions>,
    /// For clients that have no session yet.
    pub metadata: Metadata,
    pub logout: Logout,
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

/// How often a credential is asked about for one request.
const EXCHANGES: u32 = 3;

/// What can be said without waiting.
enum Now<'a> {
    Decided(Result<Admission, Refusal>),
    Exchange(Option<Pair<'a>>),
}

impl Gatekeeper {
    /// The decision, which leaves its event.
    pub async fn decide(&self, seen: &Seen<'_>) -> Result<Admission, Refused> {
        self.decide_as(Ray::next(), seen).await
    }

    /// The same, of a request that has a name already.
    pub async fn decide_as(&self, ray: Ray, seen: &Seen<'_>) -> Result<Admission, Refused> {
        self.decide_amended(ray, seen, |outcome| outcome).await
    }

    /// The same for a front that has a condition of its own.
    pub async fn decide_amended(
        &self,
        ray: Ray,
        seen: &Seen<'_>,
        amend: impl FnOnce(Result<Admission, Refused>) -> Result<Admission, Refused>,
    ) -> Result<Admission, Refused> {
        let begun = self.begin();
        let outcome = amend(self.decide_untold(seen).await);
        self.tell(ray, seen, begun, &outcome);
        outcome
    }

    /// The same, if nobody needs to be asked.
    pub fn decide_at_once(
        &self,
        ray: Ray,
        seen: &Seen<'_>,
        amend: impl FnOnce(Result<Admission, Refused>) -> Result<Admission, Refused>,
    ) -> Option<Result<Admission, Refused>> {
        let begun = self.begin();
        let (application, Now::Decided(outcome)) = self.decide_now(seen, None) else { return None };
        let outcome = amend(self.conclude(application, outcome));
        self.tell(ray, seen, begun, &outcome);
        Some(outcome)
    }

    /// Read only where somebody is told of the decision.
    fn begin(&self) -> Option<BootTime> {
        self.decisions.is_on().then(|| self.clock.boot())
    }

    fn tell(&self, ray: Ray, seen: &Seen<'_>, begun: Option<BootTime>, outcome: &Result<Admission, Refused>) {
        // Nobody asked for anything yet.
        let is_answered = outcome.as_ref().is_err_and(|refused| refused.refusal.is_answer());
        if let Some(begun) = begun.filter(|_| !is_answered) {
            self.decisions.record_made(self, seen, &Made { ray, begun, outcome: outcome.as_ref() });
        }
    }

    async fn decide_untold(&self, seen: &Seen<'_>) -> Result<Admission, Refused> {
        let (application, now) = self.decide_now(seen, None);
        let outcome = match (now, &application) {
            (Now::Decided(outcome), _) => outcome,
            (Now::Exchange(pair), Some(at)) => {
                // Apart: what an exchange remembers is large, and every request would carry the place for it.
                Box::pin(self.decide_by_exchange(seen, pair.as_ref(), at)).await
            }
            (Now::Exchange(_), None) => Err(Refusal::unavailable("no application")),
        };
        self.conclude(application, outcome)
    }

    fn conclude(
        &self,
        application: Option<Arc<Application>>,
        outcome: Result<Admission, Refusal>,
    ) -> Result<Admission, Refused> {
        match outcome {
            Ok(admission) => {
                if let (Some(application), Some(fallback)) = (&application, admission.fallback) {
                    self.fallbacks.count(application.id, fallback);
                }
                let credential_header = application.as_deref().and_then(credential_header);
                Ok(Admission { credential_header, application, ..admission })
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

    /// What is revoked while it is exchanged may have been revoked for others: the credential is asked about again, with
    /// what is known by then.
    async fn decide_by_exchange(
        &self,
        seen: &Seen<'_>,
        pair: Option<&Pair<'_>>,
        at: &Arc<Application>,
    ) -> Result<Admission, Refusal> {
        for _ in 0..EXCHANGES {
            let positions = self.knowledge.positions();
            let exchanged = match self.exchange(seen, pair, at, positions).await {
                Ok(exchanged) => exchanged,
                Err(refusal) => return self.without(seen, at, refusal),
            };
            let fresh = Fresh { at, exchanged: &exchanged, positions };
            match self.decide_now(seen, Some(fresh)).1 {
                Now::Decided(Err(refusal)) if refusal.status == StatusCode::UNAUTHORIZED => {
                    self.pairs.remove(&Key::of_pair(pair, &at.id, seen.fingerprint()));
                }
                Now::Decided(outcome) => return outcome,
                Now::Exchange(_) => return Err(changed_meanwhile()),
            }
        }
        Err(changed_meanwhile())
    }

    async fn exchange(
        &self,
        seen: &Seen<'_>,
        pair: Option<&Pair<'_>>,
        application: &Application,
        positions: [u64; 3],
    ) -> Result<Exchanged, Refusal> {
        let key = Key::of_pair(pair, &application.id, seen.fingerprint());
        let question = Question { key, address: seen.address, country: seen.country, positions };
        let snapshot = self.knowledge.directory.snapshot().clone();
        let verify = |token: &str| {
            self.verify(token, &snapshot, self.clock.now()).ok().map(|it| self.origins.session(it))
        };
        let exchanged = self.exchange.ask(question, pair, seen.client(), application, verify).await?;
        if let Exchanged::Session(session) = &exchanged {
            self.pairs.insert(key, session.clone());
        }
        Ok(exchanged)
    }

    /// A credential that failed keeps nobody from what is open to everybody.
    fn without(&self, seen: &Seen<'_>, at: &Application, refusal: Refusal) -> Result<Admission, Refusal> {
        let leases = self.knowledge.leases();
        let snapshot = self.knowledge.directory.snapshot();
        let Some(application) = snapshot.application(&at.id) else { return Err(refusal) };
        let open = open(application, &facts(seen.address, seen.country, seen.client()));
        match (Footing::of(leases, application.failure_mode, self.clock.boot()), open) {
            (Footing::Leases, Some(open)) => Ok(open),
            (Footing::LastKnown, Some(open)) => Ok(last_known(open)),
            // Nobody could decide; a refusal that somebody decided stands.
            (Footing::Unjudged, _) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => Ok(UNJUDGED),
            (Footing::Leases | Footing::LastKnown | Footing::Unjudged | Footing::Nothing, _) => Err(refusal),
        }
    }

    fn decide_now<'a>(
        &self,
        seen: &Seen<'a>,
        fresh: Option<Fresh<'_>>,
    ) -> (Option<Arc<Application>>, Now<'a>) {
        let leases = self.knowledge.leases();
        let snapshot = self.knowledge.directory.snapshot();
        let Target { host, path, loose_path, .. } = seen.target;
        let application = match find(&snapshot, host, path, loose_path.as_deref()) {
            Ok(application) => application,
            Err(refusal) => {
                let refusal = if leases.cover(self.clock.boot()) { refusal } else { fenced() };
                return (None, Now::Decided(Err(refusal)));
            }
        };
        // Another application has taken the place of the one that was asked for.
        let fresh = fresh.filter(|fresh| fresh.at.id == application.id);
        let now = self.judge(seen, application, &snapshot, fresh);
        let now = match (Footing::of(leases, application.failure_mode, self.clock.boot()), now) {
            (Footing::Leases, now) => now,
            (Footing::LastKnown, Now::Decided(outcome)) => Now::Decided(outcome.map(last_known)),
            (Footing::Unjudged, _) => Now::Decided(Ok(UNJUDGED)),
            (Footing::LastKnown, Now::Exchange(_)) | (Footing::Nothing, _) => Now::Decided(Err(fenced())),
        };
        (Some(application.clone()), now)
    }
}

/// The one application of a place. `loose_path`: see [`Target::loose_path`].
fn find<'s>(
    snapshot: &'s Snapshot,
    host: &str,
    path: &str,
    loose_path: Option<&str>,
) -> Result<&'s Arc<Application>, Refusal> {
    let application = snapshot.find(host, path).ok_or_else(|| unmatched(snapshot))?;
    let is_other = |path| snapshot.find(host, path).is_none_or(|other| other.id != application.id);
    if loose_path.is_some_and(is_other) { Err(canonical::ambiguous_end()) } else { Ok(application) }
}

fn last_known(admission: Admission) -> Admission {
    Admission { fallback: Some(Fallback::LastKnownGood), ..admission }
}

pub(crate) fn credential_header(application: &Application) -> Option<HeaderName> {
    let name = application.settings.read_service_tokens_from_header.as_deref()?;
    HeaderName::from_bytes(name.as_bytes()).ok()
}

/// A blocked machine gets 401 where the application asks for it.
fn as_configured(application: &Application, refusal: Refusal) -> Refusal {
    let is_asked = application.settings.service_auth_401_redirect && refusal.status == StatusCode::FORBIDDEN;
    if is_asked && !refusal.is_of_preflight() {
        Refusal { status: StatusCode::UNAUTHORIZED, ..refusal }
    } else {
        refusal
    }
}

impl<'a> Seen<'a> {
    pub(crate) fn client(&self) -> Option<&'a ClientCertificate> {
        self.certificate.map(|certificate| &**certificate)
    }

    pub(crate) fn fingerprint(&self) -> Option<&'a [u8; 32]> {
        self.client().map(|certificate| &certificate.fingerprint)
    }
}

pub(crate) fn facts(
    address: Option<IpAddr>,
    country: Option<CountryCode>,
    certificate: Option<&ClientCertificate>,
) -> Facts<'_> {
    let certificate = certificate.map(|it| Certificate { common_name: &it.common_name });
    Facts::new().with_address(address).with_country(country).with_certificate(certificate)
}

pub(crate) fn certificate_not_good() -> Refusal {
    Refusal::unauthenticated(
        "CERTIFICATE_NOT_GOOD",
        "the client certificate has expired, was revoked, or its authority is not trusted any longer",
    )
}

/// Open to everybody who comes from there.
fn is_open(application: &Application, facts: &Facts<'_>) -> bool {
    open(application, facts).is_some()
}

/// The same, as an admission.
fn open(application: &Application, facts: &Facts<'_>) -> Option<Admission> {
    if !application.policies.has(Decision::Bypass) {
        return None;
    }
    let verdict = application.policies.evaluate(facts);
    let policy = verdict.policy.map(|decided| decided.id);
    (verdict.outcome == Outcome::Bypass).then_some(Admission { policy, ..ANONYMOUS })
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
    Refusal::unavailable("what decides this request changed meanwhile; retry")
}

fn fenced() -> Refusal {
    Refusal::unavailable("this gateway has lost touch with the services that decide; retry")
}
