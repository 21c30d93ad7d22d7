//! What is recorded of one decision. Shared parts are shared: only host and path are copied.

use super::{Decisions, Ray};
use crate::decide::{Admission, Basis, Fallback, Gatekeeper, Refused, Seen, facts};
use crate::listener::ClientCertificate;
use crate::request::credential::{self, Credential};
use crate::session::{Key, Session};
use directory::Application;
use http::{HeaderName, Method};
use model::{BootTime, PolicyId, Timestamp, TokenId};
use policy::CountryCode;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// How much of a host or path is copied.
const MOST: usize = 512;

/// Which credential a request carried, as far as it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    None,
    Pair,
    Session,
}

/// Who asked, as far as it is known.
#[derive(Default)]
pub struct Who {
    /// A Client ID of the right shape.
    pub client_id: Option<Box<str>>,
    pub session: Option<Arc<Session>>,
}

/// One decision.
pub struct Event {
    pub ray: Ray,
    pub at: Timestamp,
    pub duration_us: u32,
    pub application: Option<Arc<Application>>,
    /// Why it was refused; none: it was let through.
    pub refused: Option<Cow<'static, str>>,
    pub policy: Option<PolicyId>,
    pub credential: CredentialKind,
    pub who: Who,
    pub address: Option<IpAddr>,
    pub country: Option<CountryCode>,
    pub method: Method,
    pub host: Box<str>,
    pub path: Box<str>,
    pub fallback: Option<Fallback>,
}

impl Event {
    pub const fn is_allowed(&self) -> bool {
        self.refused.is_none()
    }

    pub fn session(&self) -> Option<&Session> {
        self.who.session.as_deref()
    }

    fn token(&self) -> Option<TokenId> {
        self.session()?.token
    }
}

/// What a decision was, as it is known once it is made.
pub struct Made<'a> {
    pub ray: Ray,
    pub begun: BootTime,
    pub outcome: Result<&'a Admission, &'a Refused>,
}

impl Decisions {
    pub fn record_made(&self, keeper: &Gatekeeper, seen: &Seen<'_>, made: &Made<'_>) {
        let (who, credential) = match made.outcome {
            Ok(admission) => admitted(seen, admission),
            Err(Refused { application, .. }) => refused(keeper, seen, application.as_ref()),
        };
        if !self.wants(made.outcome.is_ok(), credential) {
            return;
        }
        let took = keeper.clock.boot().since(made.begun);
        let mut event = Event {
            ray: made.ray,
            at: keeper.clock.now(),
            duration_us: u32::try_from(took.as_micros()).unwrap_or(u32::MAX),
            application: match made.outcome {
                Ok(admission) => admission.application.clone(),
                Err(refused) => refused.application.clone(),
            },
            refused: made.outcome.err().map(|refused| refused.refusal.reason.clone()),
            policy: made.outcome.ok().and_then(|admission| admission.policy),
            credential,
            who,
            address: seen.address,
            country: seen.country,
            method: seen.method.clone(),
            host: cut(&seen.target.host),
            path: cut(&seen.target.path),
            fallback: made.outcome.ok().and_then(|admission| admission.fallback),
        };
        if event.refused.as_deref() == Some("POLICY_DENIED") {
            event.policy = denied_by(&event, seen.client());
        }
        self.record(event);
    }
}

/// Whose word it was, by the rule of the decision itself: a refusal does not carry it.
fn denied_by(event: &Event, certificate: Option<&ClientCertificate>) -> Option<PolicyId> {
    let facts = facts(event.address, event.country, certificate).with_service_token(event.token());
    Some(event.application.as_deref()?.policies.evaluate(&facts).policy?.id)
}

fn admitted(seen: &Seen<'_>, admission: &Admission) -> (Who, CredentialKind) {
    let header = admission.credential_header.as_ref();
    match &admission.basis {
        Basis::Session(session) if credential::has_pair(seen.headers, header) => {
            let client_id = credential::client_id(seen.headers, header);
            (Who { client_id, session: Some(session.clone()) }, CredentialKind::Pair)
        }
        Basis::Session(session) => {
            (Who { client_id: None, session: Some(session.clone()) }, CredentialKind::Session)
        }
        // Let through whatever it sent: nobody looked at it.
        Basis::Open | Basis::Preflight | Basis::Unjudged => (Who::default(), CredentialKind::None),
        Basis::Word(_) => read(seen, header, |_| None),
    }
}

fn refused(
    keeper: &Gatekeeper,
    seen: &Seen<'_>,
    application: Option<&Arc<Application>>,
) -> (Who, CredentialKind) {
    let Some(application) = application else { return (Who::default(), CredentialKind::None) };
    let header = crate::decide::credential_header(application);
    read(seen, header.as_ref(), |credential| match credential {
        Credential::Pair(pair) => {
            let obtained = keeper.pairs.get(&Key::of_pair(Some(pair), &application.id, seen.fingerprint()));
            obtained.map(|obtained| obtained.session.clone())
        }
        Credential::Session(token) => keeper.verified.get(&Key::of_token(token)),
        Credential::None => None,
    })
}

/// Read once more: refusals are rare, and carry nothing of this.
fn read(
    seen: &Seen<'_>,
    header: Option<&HeaderName>,
    known: impl Fn(&Credential<'_>) -> Option<Arc<Session>>,
) -> (Who, CredentialKind) {
    let Ok(credential) = credential::find(seen.headers, header) else {
        return (Who::default(), CredentialKind::None);
    };
    let session = known(&credential);
    match credential {
        Credential::None => (Who::default(), CredentialKind::None),
        Credential::Session(_) => (Who { client_id: None, session }, CredentialKind::Session),
        Credential::Pair(pair) => {
            (Who { client_id: Some((*pair.client_id).into()), session }, CredentialKind::Pair)
        }
    }
}

fn cut(text: &str) -> Box<str> {
    text.get(..MOST).unwrap_or(if text.len() <= MOST { text } else { "" }).into()
}
