//! The judgement of what was let through and is still open: the rule of requests, without asking anybody.

use super::footing::Footing;
use super::judge::At;
use super::{Gatekeeper, binding, certificate_not_good, facts, fenced, find, is_open};
use crate::listener::ClientCertificate;
use crate::refusal::Refusal;
use crate::request::canonical::Target;
use crate::session::Session;
use directory::{Application, FailureMode, Snapshot};
use policy::CountryCode;
use std::net::IpAddr;
use std::sync::Arc;

/// On the strength of what somebody was let through.
#[derive(Clone)]
pub enum Basis {
    /// The application was told whose session it is.
    Session(Arc<Session>),
    /// Everybody is let through who comes from there.
    Open,
    /// A preflight request, where those pass.
    Preflight,
    /// Nobody judged it: the gateway was cut off.
    Unjudged,
    /// The policy evaluator let it pass without identity, on more than is known here. Its word counts while the feeds
    /// stand at these positions.
    Word([u64; 3]),
}

/// All that the judgement of one admitted request depends on.
pub struct Grounds {
    pub basis: Basis,
    pub address: Option<IpAddr>,
    pub country: Option<CountryCode>,
    pub certificate: Option<Arc<ClientCertificate>>,
    /// See [`Admission::is_bound`](super::Admission::is_bound).
    pub is_bound: bool,
    pub host: Box<str>,
    pub path: Box<str>,
    loose_path: Option<Box<str>>,
}

impl Grounds {
    /// Without a certificate, and not bound.
    pub fn new(
        target: &Target<'_>,
        address: Option<IpAddr>,
        country: Option<CountryCode>,
        basis: Basis,
    ) -> Self {
        Self {
            basis,
            address,
            country,
            certificate: None,
            is_bound: false,
            host: (&*target.host).into(),
            path: (&*target.path).into(),
            loose_path: target.loose_path.as_deref().map(Into::into),
        }
    }
}

impl Gatekeeper {
    /// Whether what was let through on these grounds would be let through on them now.
    ///
    /// A session that is no longer good ends it even where everybody may pass: the application was told a name.
    pub fn judge_again(&self, grounds: &Grounds) -> Result<(), Refusal> {
        let leases = self.knowledge.leases();
        let snapshot = self.knowledge.directory.snapshot();
        let Grounds { host, path, loose_path, .. } = grounds;
        let (mode, judged) = match find(&snapshot, host, path, loose_path.as_deref()) {
            Ok(application) => {
                (application.failure_mode, self.judge_grounds(grounds, application, &snapshot))
            }
            Err(refusal) => (FailureMode::Closed, Err(refusal)),
        };
        match Footing::of(leases, mode, self.clock.boot()) {
            Footing::Leases | Footing::LastKnown => judged,
            Footing::Unjudged => Ok(()),
            Footing::Nothing => Err(fenced()),
        }
    }

    fn judge_grounds(
        &self,
        grounds: &Grounds,
        application: &Application,
        snapshot: &Snapshot,
    ) -> Result<(), Refusal> {
        let Grounds { basis, address, country, certificate, .. } = grounds;
        let certificate = certificate.as_deref();
        let now = self.clock.now();
        if certificate.is_some_and(|certificate| !certificate.is_good(now)) {
            return Err(certificate_not_good());
        }
        let facts = facts(*address, *country, certificate);
        let stands = match basis {
            Basis::Session(session) => {
                let organization = snapshot.organization(&application.account);
                let at = At { application, organization, facts, certificate, now };
                self.judge_session(session, &at)?;
                let is_unbound = application.settings.binds_sessions && !grounds.is_bound;
                return if is_unbound { Err(binding::not_shown()) } else { Ok(()) };
            }
            Basis::Open => is_open(application, &facts),
            Basis::Unjudged => {
                let is_open = is_open(application, &facts);
                let unjudged = || Refusal::unavailable("nobody had judged this request; retry");
                return if is_open { Ok(()) } else { Err(unjudged()) };
            }
            Basis::Preflight => application.settings.options_preflight_bypass || is_open(application, &facts),
            Basis::Word(positions) => {
                self.knowledge.positions() == *positions || is_open(application, &facts)
            }
        };
        let no_longer = || Refusal::denied("POLICY_DENIED", "no Access policy lets this pass any longer");
        if stands { Ok(()) } else { Err(no_longer()) }
    }
}
