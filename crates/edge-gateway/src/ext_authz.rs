//! The second front: Envoy's external authorization, `envoy.service.auth.v3.Authorization/Check`. The same decision as the
//! proxy's; Envoy carries it out.
//!
//! | module | holds |
//! |---|---|
//! | `server` | connections |
//! | `gathered` | reading and writing them in few large pieces |
//! | `grpc` | unary calls on them, written by hand: a framework's calls cost more than the decision |
//! | `wire` | Protocol Buffers, read in place and written at once |
//! | `check` | what Envoy asks |
//! | `asked` | the same as the decision sees it |
//! | `answer` | what Envoy is told |

mod answer;
pub(crate) mod asked;
pub(crate) mod check;
mod gathered;
mod grpc;
mod server;
#[cfg(test)]
mod tests;
mod wire;

pub use server::Server;

use crate::asked_span;
use crate::decide::{Admission, Gatekeeper, Refused, Seen};
use crate::decisions::{Front, Ray};
use crate::endpoints;
use crate::listener::{ClientCertificate, Passed};
use crate::measure::{self, Measures};
use crate::metadata::{self, PROXYS_PATIENCE};
use crate::refusal::Refusal;
use crate::request::client::Origin;
use crate::request::method::method_name;
use asked::Asked;
use bytes::Bytes;
use check::Check;
use grpc::{Code, Failure};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use model::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::trace::Span;
use tokio::sync::Semaphore;

/// Answers Envoy's questions.
pub struct Authorizer {
    gatekeeper: Arc<Gatekeeper>,
    origin: Arc<Origin>,
    measures: Measures,
    /// Clients reach Envoy by https, even where it does not say so.
    is_https: bool,
    waiting: Arc<Semaphore>,
    passed: Option<Arc<Passed>>,
}

/// Which Envoy asks.
#[derive(Clone, Copy)]
pub struct Caller {
    /// What it says of certificates counts.
    vouches: bool,
    /// One of `trusted_proxies`.
    is_trusted: bool,
}

/// How many questions may wait for somebody else's answer; more fail.
const WAITING: usize = 1024;
/// Of which trace a request is.
const TRACE: [&str; 2] = ["traceparent", "tracestate"];
/// How long each may.
const PATIENCE: Duration = Duration::from_secs(10);

impl Authorizer {
    pub fn new(gatekeeper: Arc<Gatekeeper>, origin: Arc<Origin>, is_https: bool) -> Self {
        let waiting = Arc::new(Semaphore::new(WAITING));
        Self { gatekeeper, origin, measures: Measures::new(), is_https, waiting, passed: None }
    }

    /// What Envoys may say of certificates.
    pub fn believing(self, passed: Option<Arc<Passed>>) -> Self {
        Self { passed, ..self }
    }

    fn caller(&self, peer: IpAddr) -> Caller {
        let vouches = self.passed.as_ref().is_some_and(|passed| passed.trusts(peer));
        Caller { vouches, is_trusted: self.origin.trusts(peer) }
    }

    fn read<'m>(&self, message: &'m Bytes, caller: Caller) -> Result<Question<'m>, Unreadable> {
        let passed = self.passed.as_deref().filter(|_| caller.vouches);
        Question::read(message, &self.origin, passed, || self.gatekeeper.clock.now())
    }

    /// One question, one answer. A failure is for what nobody can decide: Envoy's own failure mode says what becomes of it.
    async fn check(self: &Arc<Self>, message: Bytes, caller: Caller) -> Result<Vec<u8>, Failure> {
        let question = match self.read(&message, caller) {
            Ok(question) => question,
            Err(unreadable) => return self.unread(&unreadable),
        };
        let (ray, clock) = (Ray::next(), &*self.gatekeeper.clock);
        let span = question.span(ray, caller.is_trusted);
        let begun = Measures::begin(clock);
        let pinned = |outcome| question.pinned(outcome);
        if let Some(outcome) = self.gatekeeper.decide_at_once(ray, &question.seen(), pinned) {
            self.measures.decided(&outcome, begun, clock);
            asked_span::end(&span, outcome.as_ref().err().map(|refused| &refused.refusal));
            return self.answer(&question, ray, outcome).await;
        }
        drop(question);
        self.wait(message, caller, ray, span).await
    }

    /// Envoy waits for less time than an exchange may take. One that was begun goes on when nobody waits any longer, so that
    /// whoever asks next finds the session.
    async fn wait(
        self: &Arc<Self>,
        message: Bytes,
        caller: Caller,
        ray: Ray,
        span: Span,
    ) -> Result<Vec<u8>, Failure> {
        let unavailable = |message| Failure::new(Code::Unavailable, message);
        let place = self.waiting.clone().try_acquire_owned();
        let place = place.map_err(|_| unavailable("too many credentials are being checked; retry"))?;
        let authorizer = self.clone();
        let answer = tokio::spawn(async move {
            let _place = place;
            let work =
                tokio::time::timeout(PATIENCE, authorizer.check_by_asking(&message, caller, ray, &span));
            // Its calls are beneath it.
            span.run(work).await
        });
        let undecided = || unavailable("nobody has decided in time; retry");
        answer.await.ok().and_then(Result::ok).ok_or_else(undecided)?
    }

    async fn check_by_asking(
        &self,
        message: &Bytes,
        caller: Caller,
        ray: Ray,
        span: &Span,
    ) -> Result<Vec<u8>, Failure> {
        let question = match self.read(message, caller) {
            Ok(question) => question,
            Err(unreadable) => return self.unread(&unreadable),
        };
        let clock = &*self.gatekeeper.clock;
        let begun = Measures::begin(clock);
        let pinned = |outcome| question.pinned(outcome);
        let outcome = self.gatekeeper.decide_amended(ray, &question.seen(), pinned).await;
        self.measures.decided(&outcome, begun, clock);
        asked_span::end(span, outcome.as_ref().err().map(|refused| &refused.refusal));
        self.answer(&question, ray, outcome).await
    }

    async fn answer(
        &self,
        question: &Question<'_>,
        ray: Ray,
        outcome: Result<Admission, Refused>,
    ) -> Result<Vec<u8>, Failure> {
        match outcome {
            Ok(admission) => Ok(answer::allowed(self, &question.check, &question.asked, ray, &admission)),
            Err(Refused { refusal, .. }) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => {
                Err(Failure::new(Code::Unavailable, refusal.message))
            }
            Err(refused) => {
                let said = if question.asks_for_metadata() {
                    Box::pin(self.metadata(question, &refused)).await
                } else {
                    None
                };
                let Refused { refusal, application } = &refused;
                let check = Some(&question.check);
                Ok(answer::denied(refusal, application.as_deref(), check, Some(ray), said.as_ref()))
            }
        }
    }

    fn unread(&self, unreadable: &Unreadable) -> Result<Vec<u8>, Failure> {
        match unreadable {
            Unreadable::Malformed => {
                let message = "the message is no CheckRequest of an HTTP request";
                Err(Failure::new(Code::InvalidArgument, message))
            }
            Unreadable::Refused(refusal, peer) => Ok(self.refuse(refusal, *peer)),
        }
    }

    /// Refused before anything was decided.
    fn refuse(&self, refusal: &Refusal, peer: Option<IpAddr>) -> Vec<u8> {
        let decisions = &self.gatekeeper.decisions;
        let ray = Ray::next();
        measure::turned_away(decisions, Front::ExtAuthz, peer, Some(ray), refusal);
        answer::denied(refusal, None, None, Some(ray), None)
    }

    /// Refused, not failed: whoever can make a question long must not choose Envoy's failure mode.
    fn refuse_too_long(&self) -> Vec<u8> {
        self.refuse(&too_long(), None)
    }

    async fn metadata(&self, question: &Question<'_>, refused: &Refused) -> Option<HeaderValue> {
        let Asked { target, address, .. } = &question.asked;
        self.gatekeeper.metadata(refused, &target.host, *address, PROXYS_PATIENCE).await
    }

    fn is_serving(&self) -> bool {
        self.gatekeeper.knowledge.is_current(&*self.gatekeeper.clock)
    }
}

/// What Envoy asks, and as the decision sees it.
struct Question<'m> {
    check: Check<'m>,
    asked: Asked<'m>,
    certificate: Option<Arc<ClientCertificate>>,
}

enum Unreadable {
    Malformed,
    /// And whose connection Envoy has accepted.
    Refused(Refusal, Option<IpAddr>),
}

impl<'m> Question<'m> {
    /// `passed`: where what is said of a certificate counts.
    fn read(
        message: &'m Bytes,
        origin: &Origin,
        passed: Option<&Passed>,
        now: impl Fn() -> Timestamp,
    ) -> Result<Self, Unreadable> {
        let check = Check::read(message).map_err(|wire::Malformed| Unreadable::Malformed)?;
        let refused = |refusal| Unreadable::Refused(refusal, check.peer);
        let asked = Asked::read(&check, message, origin).and_then(not_ours).map_err(refused)?;
        let said = passed.filter(|_| !check.certificate.is_empty());
        let certificate =
            said.map(|passed| passed.read(check.certificate, now())).transpose().map_err(refused)?;
        Ok(Self { check, asked, certificate })
    }

    fn span(&self, ray: Ray, is_trusted: bool) -> Span {
        if !telemetry::trace::is_on() {
            return Span::none();
        }
        let mut headers = HeaderMap::new();
        for &(name, value) in self.check.headers.iter().filter(|(name, _)| TRACE.contains(name)) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        asked_span::begin(method_name(&self.asked.method), &headers, is_trusted, ray)
    }

    fn seen(&self) -> Seen<'_> {
        let Asked { target, method, headers, address, country } = &self.asked;
        let (address, country) = (*address, *country);
        let certificate = self.certificate.as_ref();
        Seen { target, method, headers, address, country, certificate, is_in_clear: false }
    }

    /// One line of it is whole, and two that are joined are no `true`.
    fn asks_for_metadata(&self) -> bool {
        let mut lines = self.check.headers.iter().filter(|(name, _)| *name == metadata::REQUEST.as_str());
        matches!(self.asked.method, Method::GET | Method::HEAD)
            && lines.next().is_some_and(|(_, value)| *value == b"true")
            && lines.next().is_none()
    }

    fn pinned(&self, outcome: Result<Admission, Refused>) -> Result<Admission, Refused> {
        match self.check.application {
            Some(aud) => pinned(aud, outcome),
            None => outcome,
        }
    }
}

/// The route says which application it leads to: another one's policies do not open it.
fn pinned(aud: &str, outcome: Result<Admission, Refused>) -> Result<Admission, Refused> {
    let application = match &outcome {
        Ok(admission) => admission.application.as_ref(),
        // Nobody could decide: that remains so.
        Err(Refused { refusal, .. }) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => return outcome,
        Err(Refused { application, .. }) => application.as_ref(),
    };
    match application {
        Some(application) if application.aud.as_str() == aud => outcome,
        None if outcome.is_err() => outcome,
        Some(_) | None => {
            let message = "the route belongs to another application than host and path";
            let refusal = Refusal::denied("APPLICATION_MISMATCH", message);
            Err(Refused { refusal, application: None })
        }
    }
}

/// What the gateway answers itself is no application's.
fn not_ours(asked: Asked<'_>) -> Result<Asked<'_>, Refusal> {
    if asked.target.path.starts_with(endpoints::PREFIX) {
        return Err(Refusal::not_found("ENDPOINT_NOT_FOUND", "this path is answered by the gateway itself"));
    }
    Ok(asked)
}

/// More than is read of one question.
fn too_long() -> Refusal {
    let message = "the request is too long to be judged";
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LONG", message)
}
