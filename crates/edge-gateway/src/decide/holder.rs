//! Whose session a request brings to what the gateway itself answers: the rule of requests, at the session's own
//! application.

use super::judge::{At, missing, rejected};
use super::outcome::{Refused, Seen};
use super::{Gatekeeper, binding, certificate_not_good, facts, fenced, judge};
use crate::refusal::Refusal;
use crate::request::credential::{self, Credential};
use crate::session::Session;
use directory::{Application, Snapshot};
use session_token::Rejection;
use std::sync::Arc;

/// A session whose signature is right and which belongs here.
pub struct Holder<'a> {
    /// As it was sent.
    pub token: &'a str,
    pub session: Arc<Session>,
    pub application: Arc<Application>,
}

impl Gatekeeper {
    /// The session that a request brings, of an application at this host, or of any at its account's team domain. Whether
    /// it is good is not asked.
    pub fn presented<'a>(&self, seen: &Seen<'a>) -> Result<Holder<'a>, Refused> {
        let leases = self.knowledge.leases();
        let found = self.find_holder(seen, &self.knowledge.directory.snapshot());
        if leases.cover(self.clock.boot()) { found } else { Err(nowhere(fenced())) }
    }

    /// The same, of a session that would be let through.
    pub fn holder<'a>(&self, seen: &Seen<'a>) -> Result<Holder<'a>, Refused> {
        let leases = self.knowledge.leases();
        let snapshot = self.knowledge.directory.snapshot();
        let found = self.find_holder(seen, &snapshot).and_then(|holder| {
            let judged = self.judge_holder(seen, &snapshot, &holder);
            let application = Some(holder.application.clone());
            judged.map(|()| holder).map_err(|refusal| Refused { refusal, application })
        });
        if leases.cover(self.clock.boot()) { found } else { Err(nowhere(fenced())) }
    }

    fn find_holder<'a>(&self, seen: &Seen<'a>, snapshot: &Snapshot) -> Result<Holder<'a>, Refused> {
        let credential = credential::find(seen.headers, None).map_err(nowhere)?;
        let token = match credential {
            Credential::Session(token) if !seen.is_in_clear => token,
            Credential::None => return Err(nowhere(missing_session())),
            Credential::Pair(_) if !seen.is_in_clear => return Err(nowhere(missing_session())),
            Credential::Session(_) | Credential::Pair(_) => return Err(nowhere(judge::in_clear())),
        };
        let session = self.verified(token, snapshot, self.clock.now()).map_err(nowhere)?;
        let wrong = || nowhere(rejected(Rejection::AudienceWrong));
        let found = snapshot.application_of_audience(session.origin.audience.as_str());
        let application = found.filter(|it| is_here(it, snapshot, &seen.target.host)).ok_or_else(wrong)?;
        Ok(Holder { token, session, application: application.clone() })
    }

    fn judge_holder(&self, seen: &Seen<'_>, snapshot: &Snapshot, holder: &Holder<'_>) -> Result<(), Refusal> {
        let Holder { token, session, application } = holder;
        let (certificate, now) = (seen.client(), self.clock.now());
        if certificate.is_some_and(|certificate| !certificate.is_good(now)) {
            return Err(certificate_not_good());
        }
        if application.settings.binds_sessions {
            binding::check(token, seen.headers)?;
        }
        let facts = facts(seen.address, seen.country, certificate);
        let organization = snapshot.organization(&application.account);
        self.judge_session(session, &At { application, organization, facts, certificate, now }).map(drop)
    }
}

/// A session of another host's application is nobody's here: what was sent there was not meant to come here.
fn is_here(application: &Application, snapshot: &Snapshot, host: &str) -> bool {
    let team = snapshot.organization_of_team_host(host);
    team.is_some_and(|organization| organization.account == application.account)
        || application.domains.iter().any(|domain| domain.covers_host(host))
}

fn missing_session() -> Refusal {
    let message = "no session: send it as the CF_Authorization cookie, or as Cf-Access-Token";
    Refusal { message: message.into(), ..missing() }
}

fn nowhere(refusal: Refusal) -> Refused {
    Refused { refusal, application: None }
}
