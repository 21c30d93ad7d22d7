//! The second front: Envoy's external authorization, `envoy.service.auth.v3.Authorization/Check`. The same decision as the
//! proxy's; Envoy carries it out.
//!
//! | module | holds |
//! |---|---|
//! | `server` | connections |
//! | `grpc` | unary calls on them, written by hand: a framework's calls cost more than the decision |
//! | `wire` | Protocol Buffers, read in place and written at once |
//! | `check` | what Envoy asks |
//! | `asked` | the same as the decision sees it |
//! | `answer` | what Envoy is told |

mod answer;
pub(crate) mod asked;
pub(crate) mod check;
mod grpc;
mod server;
#[cfg(test)]
mod tests;
mod wire;

pub use server::Server;

use crate::decide::{Admission, Gatekeeper, Refused, Seen};
use crate::endpoints;
use crate::measure::{self, Measures};
use crate::refusal::Refusal;
use crate::request::client::Origin;
use asked::Asked;
use bytes::Bytes;
use check::Check;
use grpc::{Code, Failure};
use http::StatusCode;
use std::sync::Arc;

/// Answers Envoy's questions.
pub struct Authorizer {
    pub gatekeeper: Arc<Gatekeeper>,
    pub origin: Arc<Origin>,
    pub measures: Measures,
    /// Clients reach Envoy by https, even where it does not say so.
    pub is_https: bool,
}

impl Authorizer {
    /// One question, one answer. A failure is for what nobody can decide: Envoy's own failure mode says what becomes of it.
    async fn check(&self, message: &Bytes) -> Result<Vec<u8>, Failure> {
        let check = Check::read(message).map_err(|wire::Malformed| {
            Failure::new(Code::InvalidArgument, "the message is no CheckRequest of an HTTP request")
        })?;
        let asked = match Asked::read(&check, message, &self.origin).and_then(not_ours) {
            Ok(asked) => asked,
            Err(refusal) => return Ok(refuse(&refusal)),
        };
        match self.decide(&check, &asked).await {
            Ok(admission) => Ok(answer::allowed(self, &check, &asked, &admission)),
            Err(Refused { refusal, .. }) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => {
                Err(Failure::new(Code::Unavailable, refusal.message))
            }
            Err(Refused { refusal, application }) => Ok(answer::denied(&refusal, application.as_deref())),
        }
    }

    async fn decide(&self, check: &Check<'_>, asked: &Asked<'_>) -> Result<Admission, Refused> {
        let Asked { target, method, headers, address, country } = asked;
        let (address, country) = (*address, *country);
        // What the client presented to Envoy is not told to us in a way that could not be forged on the way.
        let seen = Seen { target, method, headers, address, country, certificate: None, is_in_clear: false };
        let clock = &*self.gatekeeper.clock;
        let begun = Measures::begin(clock);
        let outcome = match check.application {
            Some(aud) => pinned(aud, self.gatekeeper.decide(&seen).await),
            None => self.gatekeeper.decide(&seen).await,
        };
        self.measures.decided(&outcome, begun, clock);
        outcome
    }

    fn is_serving(&self) -> bool {
        self.gatekeeper.knowledge.is_current(&*self.gatekeeper.clock)
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

/// Refused before anything was decided.
fn refuse(refusal: &Refusal) -> Vec<u8> {
    measure::refused(refusal);
    answer::denied(refusal, None)
}

/// More than is read of one question: refused, not failed. Whoever can make a question long must not choose Envoy's
/// failure mode.
fn too_long() -> Vec<u8> {
    let message = "the request is too long to be judged";
    refuse(&Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LONG", message))
}
