//! The judgement of one request at one application, without waiting.

use super::{
    ANONYMOUS, Admission, Basis, Fresh, Gatekeeper, Now, Seen, binding, certificate_not_good,
    changed_meanwhile, credential_header, facts, open, preflight,
};
use crate::answer;
use crate::exchange::Exchanged;
use crate::knowledge::Knowledge;
use crate::listener::ClientCertificate;
use crate::refusal::Refusal;
use crate::request::credential::{self, Credential, Pair};
use crate::session::{Key, Origin, Session};
use directory::{Application, Organization, Snapshot};
use http::StatusCode;
use model::{AddressClass, PolicyId, Timestamp};
use policy::{Decision, Facts, Outcome};
use std::sync::Arc;

impl Gatekeeper {
    pub(super) fn judge<'a>(
        &self,
        seen: &Seen<'a>,
        application: &Application,
        snapshot: &Snapshot,
        fresh: Option<Fresh<'_>>,
    ) -> Now<'a> {
        if let Some(answer) = preflight::answer(seen, application) {
            return Now::Decided(Err(answer));
        }
        let credential = match credential::find(seen.headers, credential_header(application).as_ref()) {
            Ok(credential) => credential,
            Err(refusal) => return Now::Decided(Err(refusal)),
        };
        if seen.is_in_clear && !matches!(credential, Credential::None) {
            return Now::Decided(Err(in_clear()));
        }
        let (certificate, now) = (seen.client(), self.clock.now());
        if certificate.is_some_and(|certificate| !certificate.is_good(now)) {
            return Now::Decided(Err(certificate_not_good()));
        }
        let facts = facts(seen.address, seen.country, certificate);
        let organization = snapshot.organization(&application.account);
        let at = At { application, organization, facts, certificate, now };
        if let Some(Fresh { exchanged: Exchanged::Bypass, positions, .. }) = fresh {
            // The evaluator's word counts as long as nothing has changed that it may not have seen.
            return Now::Decided(if let Some(open) = open(application, &facts) {
                Ok(open)
            } else if self.knowledge.positions() == positions {
                Ok(Admission { basis: Basis::Word(positions), ..ANONYMOUS })
            } else {
                Err(changed_meanwhile())
            });
        }
        let fresh = fresh.map(|fresh| fresh.exchanged);
        let path = || {
            let domain = snapshot.find_match(&seen.target.host, &seen.target.path).map(|(domain, _)| domain);
            answer::cookie_path(application, domain)
        };
        match credential {
            Credential::Session(token) => {
                let session = self.verified(token, snapshot, now);
                let admitted = session.and_then(|session| {
                    let is_bound = application.settings.binds_sessions;
                    if is_bound {
                        binding::check(token, seen.headers)?;
                    }
                    let Judged { policy, .. } = self.admit(&session, &at)?;
                    let assertion = credential::assertion(seen.headers, token)
                        .ok_or_else(|| rejected(session_token::Rejection::Malformed))?;
                    let (basis, assertion) = (Basis::Session(session), Some(assertion));
                    Ok(Admission { basis, assertion, is_bound, policy, ..ANONYMOUS })
                });
                Now::Decided(admitted.or_else(|refusal| open(application, &facts).ok_or(refusal)))
            }
            Credential::Pair(pair) => {
                if let Some(open) = open(application, &facts)
                    && !application.policies.has(Decision::NonIdentity)
                {
                    return Now::Decided(Ok(open));
                }
                self.judge_kept(Some(pair), &at, path, fresh)
            }
            Credential::None => match application.policies.evaluate(&facts).outcome {
                Outcome::Bypass => Now::Decided(open(application, &facts).ok_or_else(missing)),
                Outcome::ServiceAuth | Outcome::Allow => self.judge_kept(None, &at, path, fresh),
                _ if application.settings.options_preflight_bypass && preflight::is_one(seen) => {
                    Now::Decided(Ok(Admission { basis: Basis::Preflight, ..ANONYMOUS }))
                }
                Outcome::Deny => Now::Decided(Err(Refusal::denied(
                    "POLICY_DENIED",
                    "an Access policy blocks this request",
                ))),
                Outcome::NoMatch if preflight::is_one(seen) => Now::Decided(Err(preflight::denied())),
                Outcome::NoMatch if certificate.is_some() => Now::Decided(Err(Refusal::denied(
                    "POLICY_NO_MATCH",
                    "no Access policy of this application admits the client certificate alone",
                ))),
                Outcome::NoMatch => Now::Decided(Err(missing())),
            },
        }
    }

    /// A session that an exchange brought, just now or for an earlier request. `path`: of cookies.
    fn judge_kept<'a, 's>(
        &self,
        pair: Option<Pair<'a>>,
        at: &At<'_>,
        path: impl Fn() -> &'s str,
        fresh: Option<&Exchanged>,
    ) -> Now<'a> {
        let fingerprint = at.certificate.map(|certificate| &certificate.fingerprint);
        let key = Key::of_pair(pair.as_ref(), &at.application.id, fingerprint);
        let obtained = match fresh {
            Some(Exchanged::Session(obtained)) => Some(obtained.clone()),
            Some(Exchanged::Bypass) | None => self.pairs.get(&key),
        };
        let Some(obtained) = obtained else { return Now::Exchange(pair) };
        let binds = pair.is_some() && at.application.settings.binds_sessions;
        if binds && !obtained.is_bound() && fresh.is_none() {
            // It was had before its application asked for that.
            self.pairs.remove(&key);
            return Now::Exchange(pair);
        }
        match self.admit(&obtained.session, at) {
            Ok(Judged { lives_on, policy }) => {
                if !lives_on {
                    self.pairs.remove(&key);
                }
                let is_strict =
                    at.organization.is_some_and(|organization| organization.strict_service_token_auth);
                let is_given = lives_on && pair.is_some() && !is_strict;
                let is_https = self.exchange.is_https;
                let cookie = is_given.then(|| obtained.cookie(at.application, path(), is_https)).flatten();
                let binding = (is_given && binds).then(|| obtained.binding(path(), is_https)).flatten();
                let binding = binding.map(Box::new);
                let basis = Basis::Session(obtained.session.clone());
                let assertion = Some(obtained.assertion.clone());
                // Nobody gets a cookie for a certificate alone: there is nothing to bind.
                let is_bound = pair.is_none() || obtained.is_bound();
                Now::Decided(Ok(Admission {
                    basis,
                    assertion,
                    cookie,
                    binding,
                    is_bound,
                    policy,
                    ..ANONYMOUS
                }))
            }
            // What was kept is no longer good: the credential itself may still be.
            Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED && fresh.is_none() => {
                self.pairs.remove(&key);
                Now::Exchange(pair)
            }
            Err(refusal) => Now::Decided(Err(refusal)),
        }
    }

    /// The whole judgement of a session for one request, which counts as a use.
    fn admit(&self, session: &Arc<Session>, at: &At<'_>) -> Result<Judged, Refusal> {
        let admitted = self.judge_session(session, at);
        if admitted.is_ok() {
            self.usage.count(session, at.now, AddressClass::of(at.facts.address()));
        }
        admitted
    }

    /// The same, and nothing is counted.
    pub(super) fn judge_session(&self, session: &Session, at: &At<'_>) -> Result<Judged, Refusal> {
        let Origin { audience, issuer, kid, certificate: bound } = &*session.origin;
        let At { application, organization, facts, certificate, now } = *at;
        if *audience != application.aud {
            return Err(rejected(session_token::Rejection::AudienceWrong));
        }
        if organization.is_none_or(|organization| organization.issuer != *issuer) {
            return Err(rejected(session_token::Rejection::IssuerWrong));
        }
        let is_bound_to = |it: &ClientCertificate| bound.is_none_or(|bound| bound.0 == it.fingerprint);
        if !certificate.map_or(bound.is_none(), is_bound_to) {
            return Err(bound_elsewhere());
        }
        if session.is_expired(now) {
            return Err(rejected(session_token::Rejection::Expired));
        }
        let Knowledge { tokens, sessions, .. } = &*self.knowledge;
        sessions.judge_key(*kid).map_err(revoked)?;
        let token = session.token.as_ref();
        sessions.judge_session(&session.id, &application.id, token, session.as_of_issuer).map_err(revoked)?;
        if let Some(token) = token {
            tokens
                .judge_token(token, session.secret_version, session.as_of_registry, now)
                .map_err(revoked)?;
        }
        let verdict = application.policies.evaluate(&facts.with_service_token(session.token));
        match (verdict.outcome, verdict.policy) {
            (Outcome::ServiceAuth | Outcome::Allow, Some(decided)) => {
                let lives_on = !application.session_duration(decided).is_zero();
                Ok(Judged { lives_on, policy: Some(decided.id) })
            }
            (Outcome::Bypass, decided) => {
                Ok(Judged { lives_on: true, policy: decided.map(|decided| decided.id) })
            }
            (Outcome::Deny, _) => {
                Err(Refusal::denied("POLICY_DENIED", "an Access policy blocks this request"))
            }
            (Outcome::NoMatch | Outcome::ServiceAuth | Outcome::Allow, _) => Err(Refusal::denied(
                "POLICY_NO_MATCH",
                "no Access policy of this application admits this credential",
            )),
        }
    }

    /// A session JWT, its signature checked once.
    pub(super) fn verified(
        &self,
        token: &str,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Arc<Session>, Refusal> {
        let key = Key::of_token(token);
        if let Some(session) = self.verified.get(&key) {
            return Ok(session);
        }
        let verified = self.verify(token, snapshot, now).map_err(rejected)?;
        let session = self.origins.session(verified);
        self.verified.insert(key, session.clone());
        Ok(session)
    }

    pub(super) fn verify(
        &self,
        token: &str,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<session_token::Verified, session_token::Rejection> {
        let issuer_of =
            |account| snapshot.organization(&account).map(|organization| organization.issuer.clone());
        self.knowledge.sessions.verify(token, issuer_of, now)
    }
}

/// A session that is good.
pub(super) struct Judged {
    /// It outlives the request.
    lives_on: bool,
    /// That admits it.
    policy: Option<PolicyId>,
}

/// Where a session is judged, and by what.
#[derive(Clone, Copy)]
pub(super) struct At<'s> {
    pub application: &'s Application,
    pub organization: Option<&'s Organization>,
    pub facts: Facts<'s>,
    pub certificate: Option<&'s ClientCertificate>,
    pub now: Timestamp,
}

pub(super) fn missing() -> Refusal {
    let message = "no credential: send CF-Access-Client-Id and CF-Access-Client-Secret, or a session as Cf-Access-Token or the CF_Authorization cookie";
    Refusal::unauthenticated("CREDENTIAL_MISSING", message)
}

pub(super) fn in_clear() -> Refusal {
    Refusal::denied(
        "TLS_REQUIRED",
        "credentials are taken by https alone; this one has travelled in clear: rotate it",
    )
}

/// Whoever presents a session that was bound to another's certificate.
fn bound_elsewhere() -> Refusal {
    Refusal::unauthenticated(
        "SESSION_BOUND_ELSEWHERE",
        "the session is good with the client certificate that it was obtained with, alone",
    )
}

pub(super) fn rejected(rejection: session_token::Rejection) -> Refusal {
    Refusal::unauthenticated(rejection.reason(), rejection.message())
}

fn revoked(refusal: revocation::Refusal) -> Refusal {
    Refusal::unauthenticated(refusal.reason(), refusal.message())
}

#[cfg(test)]
mod tests;
