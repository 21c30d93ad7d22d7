//! What is recorded of one decision. Shared parts are shared: only host and path are copied.

use super::{Decisions, Ray};
use crate::decide::{Admission, Basis, Fallback, Gatekeeper, Refused, Seen, facts};
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

/// Who asked.
pub enum Who {
    Nobody,
    /// A Client ID of the right shape; nothing more is known here.
    Client(Box<str>),
    Session(Arc<Session>),
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
        if let Who::Session(session) = &self.who { Some(session) } else { None }
    }

    pub fn client_id(&self) -> Option<&str> {
        match &self.who {
            Who::Nobody => None,
            Who::Client(id) => Some(id),
            Who::Session(session) => Some(&session.claims.common_name),
        }
    }

    fn token(&self) -> Option<TokenId> {
        self.session()?.claims.token
    }
}

/// What a decision was, as it is known once it is made.
pub struct Made<'a> {
    pub ray: Ray,
    pub begun: BootTime,
    pub application: Option<&'a Arc<Application>>,
    pub outcome: Result<&'a Admission, &'a Refused>,
}

impl Decisions {
    pub fn record_made(&self, keeper: &Gatekeeper, seen: &Seen<'_>, made: &Made<'_>) {
        let (who, credential) = match made.outcome {
            Ok(admission) => admitted(seen, admission),
            Err(_) => refused(keeper, seen, made.application),
        };
        if !self.wants(made.outcome.is_ok(), credential) {
            return;
        }
        let took = keeper.clock.boot().since(made.begun);
        let mut event = Event {
            ray: made.ray,
            at: keeper.clock.now(),
            duration_us: u32::try_from(took.as_micros()).unwrap_or(u32::MAX),
            application: made.application.cloned(),
            refused: made.outcome.err().map(|refused| refused.refusal.reason.clone()),
            policy: None,
            credential,
            who,
            address: seen.address,
            country: seen.country,
            method: seen.method.clone(),
            host: cut(&seen.target.host),
            path: cut(&seen.target.path),
            fallback: made.outcome.ok().and_then(|admission| admission.fallback),
        };
        event.policy = decided_by(&event);
        self.record(event);
    }
}

/// The policy whose word it was, by the rule of the decision itself.
fn decided_by(event: &Event) -> Option<PolicyId> {
    let is_word = match event.refused.as_deref() {
        None => event.fallback != Some(Fallback::Open),
        Some(reason) => reason == "POLICY_DENIED",
    };
    let application = event.application.as_deref().filter(|_| is_word)?;
    let facts = facts(event.address, event.country).with_service_token(event.token());
    Some(application.policies.evaluate(&facts).policy?.id)
}

fn admitted(seen: &Seen<'_>, admission: &Admission) -> (Who, CredentialKind) {
    let header = admission.credential_header.as_ref();
    let has_pair = credential::has_pair(seen.headers, header);
    match &admission.basis {
        Basis::Session(session) if has_pair => (Who::Session(session.clone()), CredentialKind::Pair),
        Basis::Session(session) => (Who::Session(session.clone()), CredentialKind::Session),
        // Let through whatever it sent: nobody looked at it.
        Basis::Open | Basis::Preflight | Basis::Unjudged => (Who::Nobody, CredentialKind::None),
        Basis::Word(_) => read(seen, header, |_| None),
    }
}

fn refused(
    keeper: &Gatekeeper,
    seen: &Seen<'_>,
    application: Option<&Arc<Application>>,
) -> (Who, CredentialKind) {
    let Some(application) = application else { return (Who::Nobody, CredentialKind::None) };
    let header = crate::decide::credential_header(application);
    read(seen, header.as_ref(), |credential| match credential {
        Credential::Pair(pair) => keeper.pairs.get(&Key::of_pair(Some(pair), &application.id)),
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
        return (Who::Nobody, CredentialKind::None);
    };
    let who = known(&credential).map(Who::Session);
    match credential {
        Credential::None => (Who::Nobody, CredentialKind::None),
        Credential::Session(_) => (who.unwrap_or(Who::Nobody), CredentialKind::Session),
        Credential::Pair(pair) => {
            (who.unwrap_or_else(|| Who::Client((*pair.client_id).into())), CredentialKind::Pair)
        }
    }
}

fn cut(text: &str) -> Box<str> {
    text.get(..MOST).unwrap_or(if text.len() <= MOST { text } else { "" }).into()
}
