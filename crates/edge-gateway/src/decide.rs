//! The decision. Everything is looked up between taking the leases and checking them, without an await; only an
//! exchange waits, and what it brings is judged again.

use crate::exchange::{Exchange, Exchanged, Question};
use crate::knowledge::Knowledge;
use crate::refusal::Refusal;
use crate::request::canonical::Target;
use crate::request::credential::{self, Credential, Pair};
use crate::session::{Key, Remembered, Session};
use crate::usage::Usage;
use directory::{Application, Snapshot};
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use model::{Clock, Timestamp};
use policy::{CountryCode, Decision, Facts, Outcome};
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

/// What can be said without waiting.
enum Now<'a> {
    Decided(Result<Admission, Refusal>),
    Exchange(Option<Pair<'a>>),
}

pub const ANONYMOUS: Admission = Admission { assertion: None, cookie: None };

impl Gatekeeper {
    pub async fn decide(&self, seen: &Seen<'_>) -> Result<Admission, Refused> {
        let (application, now) = self.decide_now(seen, None);
        let outcome = match (now, &application) {
            (Now::Decided(outcome), _) => outcome,
            (Now::Exchange(pair), Some(at)) => match self.exchange(seen, pair.as_ref(), at).await {
                Ok(exchanged) => match self.decide_now(seen, Some((at, &exchanged))).1 {
                    Now::Decided(outcome) => outcome,
                    Now::Exchange(_) => Err(Refusal::unavailable("policies changed meanwhile; retry")),
                },
                Err(refusal) => self.without(seen, at, refusal),
            },
            (Now::Exchange(_), None) => Err(Refusal::unavailable("no application")),
        };
        outcome.map_err(|refusal| Refused { refusal, application })
    }

    async fn exchange(
        &self,
        seen: &Seen<'_>,
        pair: Option<&Pair<'_>>,
        application: &Application,
    ) -> Result<Exchanged, Refusal> {
        let key = Key::of_pair(pair, &application.id);
        let question = Question { key, address: seen.address, country: seen.country };
        let snapshot = self.knowledge.directory.snapshot().clone();
        let organization = snapshot.organization(&application.account);
        let verify = |token: &str| self.verify(token, &snapshot, self.clock.now()).ok();
        let exchanged = self.exchange.ask(question, pair, application, organization, verify).await?;
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

    /// `fresh`: what an exchange at that application has just brought.
    fn decide_now<'a>(
        &self,
        seen: &Seen<'a>,
        fresh: Option<(&Arc<Application>, &Exchanged)>,
    ) -> (Option<Arc<Application>>, Now<'a>) {
        let leases = self.knowledge.leases();
        let snapshot = self.knowledge.directory.snapshot();
        let Some(application) = snapshot.find(&seen.target.host, &seen.target.path) else {
            let refusal = if leases.cover(self.clock.boot()) { unmatched(&snapshot) } else { fenced() };
            return (None, Now::Decided(Err(refusal)));
        };
        // Another application has taken the place of the one that was asked for.
        let fresh = fresh.filter(|(at, _)| at.id == application.id).map(|(_, exchanged)| exchanged);
        let now = self.judge(seen, application, &snapshot, fresh);
        let now = if leases.cover(self.clock.boot()) { now } else { Now::Decided(Err(fenced())) };
        (Some(application.clone()), now)
    }

    fn judge<'a>(
        &self,
        seen: &Seen<'a>,
        application: &Application,
        snapshot: &Snapshot,
        fresh: Option<&Exchanged>,
    ) -> Now<'a> {
        let single = application.settings.read_service_tokens_from_header.as_deref();
        let single = single.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        let credential = match credential::find(seen.headers, single.as_ref()) {
            Ok(credential) => credential,
            Err(refusal) => return Now::Decided(Err(refusal)),
        };
        let facts = facts(seen);
        let now = self.clock.now();
        if let Some(Exchanged::Bypass) = fresh {
            return Now::Decided(Ok(ANONYMOUS));
        }
        match credential {
            Credential::Session(token) => {
                let session = self.verified(token, snapshot, now);
                let admitted = session.and_then(|session| {
                    self.admit(&session, application, facts, now)?;
                    Ok(Admission { assertion: Some(session.assertion.clone()), cookie: None })
                });
                Now::Decided(admitted.or_else(|refusal| {
                    if is_open(application, &facts) { Ok(ANONYMOUS) } else { Err(refusal) }
                }))
            }
            Credential::Pair(pair) => {
                if is_open(application, &facts) && !application.policies.has(Decision::NonIdentity) {
                    return Now::Decided(Ok(ANONYMOUS));
                }
                self.judge_kept(Some(pair), application, facts, now, fresh)
            }
            Credential::None => match application.policies.evaluate(&facts).outcome {
                Outcome::Bypass => Now::Decided(Ok(ANONYMOUS)),
                Outcome::ServiceAuth | Outcome::Allow => {
                    self.judge_kept(None, application, facts, now, fresh)
                }
                _ if is_open_preflight(seen, application) => Now::Decided(Ok(ANONYMOUS)),
                Outcome::Deny => Now::Decided(Err(Refusal::denied(
                    "POLICY_DENIED",
                    "an Access policy blocks this request",
                ))),
                Outcome::NoMatch => Now::Decided(Err(missing())),
            },
        }
    }

    /// A session that an exchange brought, just now or for an earlier request.
    fn judge_kept<'a>(
        &self,
        pair: Option<Pair<'a>>,
        application: &Application,
        facts: Facts<'_>,
        now: Timestamp,
        fresh: Option<&Exchanged>,
    ) -> Now<'a> {
        let key = Key::of_pair(pair.as_ref(), &application.id);
        let session = match fresh {
            Some(Exchanged::Session(session)) => Some(session.clone()),
            Some(Exchanged::Bypass) | None => self.pairs.get(&key),
        };
        let Some(session) = session else { return Now::Exchange(pair) };
        match self.admit(&session, application, facts, now) {
            Ok(lives_on) => {
                if !lives_on {
                    self.pairs.remove(&key);
                }
                let cookie = session.cookie.clone().filter(|_| lives_on);
                Now::Decided(Ok(Admission { assertion: Some(session.assertion.clone()), cookie }))
            }
            // What was kept is no longer good: the credential itself may still be.
            Err(refusal) if refusal.status == http::StatusCode::UNAUTHORIZED && fresh.is_none() => {
                self.pairs.remove(&key);
                Now::Exchange(pair)
            }
            Err(refusal) => Now::Decided(Err(refusal)),
        }
    }

    /// The whole judgement of a session for one request. Says whether it outlives the request.
    fn admit(
        &self,
        session: &Session,
        application: &Application,
        facts: Facts<'_>,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let claims = &session.claims;
        claims.check_audience(&application.aud).map_err(rejected)?;
        if claims.is_expired(now) {
            return Err(rejected(session_token::Rejection::Expired));
        }
        let Knowledge { tokens, sessions, .. } = &*self.knowledge;
        sessions.judge_key(session.kid).map_err(revoked)?;
        let token = claims.token.as_ref();
        sessions
            .judge_session(&claims.session, &application.id, token, claims.as_of.session_issuer)
            .map_err(revoked)?;
        if let Some(token) = token {
            tokens
                .judge_token(token, claims.secret_version, claims.as_of.token_registry, now)
                .map_err(revoked)?;
        }
        let verdict = application.policies.evaluate(&facts.with_service_token(claims.token));
        if let Some(token) = claims.token.filter(|_| verdict.outcome.is_admitted()) {
            self.usage.count(token, claims.secret_version, &session.uses, now);
        }
        match (verdict.outcome, verdict.policy) {
            (Outcome::ServiceAuth | Outcome::Allow, Some(decided)) => {
                Ok(!application.session_duration(decided).is_zero())
            }
            (Outcome::Bypass, _) => Ok(true),
            (Outcome::Deny, _) => {
                Err(blocked(application, "POLICY_DENIED", "an Access policy blocks this request"))
            }
            (Outcome::NoMatch | Outcome::ServiceAuth | Outcome::Allow, _) => Err(blocked(
                application,
                "POLICY_NO_MATCH",
                "no Access policy of this application admits this credential",
            )),
        }
    }

    /// A session JWT, its signature checked once.
    fn verified(&self, token: &str, snapshot: &Snapshot, now: Timestamp) -> Result<Arc<Session>, Refusal> {
        let key = Key::of_token(token);
        if let Some(session) = self.verified.get(&key) {
            return Ok(session);
        }
        let verified = self.verify(token, snapshot, now).map_err(rejected)?;
        let session = Session::new(verified, token, None)
            .ok_or_else(|| rejected(session_token::Rejection::Malformed))?;
        self.verified.insert(key, session.clone());
        Ok(session)
    }

    fn verify(
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

fn facts<'a>(seen: &Seen<'_>) -> Facts<'a> {
    Facts::new().with_address(seen.address).with_country(seen.country)
}

/// Open to everybody who comes from there.
fn is_open(application: &Application, facts: &Facts<'_>) -> bool {
    application.policies.evaluate(facts).outcome == Outcome::Bypass
}

fn is_open_preflight(seen: &Seen<'_>, application: &Application) -> bool {
    seen.method == Method::OPTIONS
        && application.settings.options_preflight_bypass
        && seen.headers.contains_key(http::header::ACCESS_CONTROL_REQUEST_METHOD)
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

fn missing() -> Refusal {
    let message = "no credential: send CF-Access-Client-Id and CF-Access-Client-Secret, or a session as Cf-Access-Token or the CF_Authorization cookie";
    Refusal::unauthenticated("CREDENTIAL_MISSING", message)
}

fn fenced() -> Refusal {
    Refusal::unavailable("this gateway has lost touch with the services that decide; retry")
}

fn blocked(application: &Application, reason: &'static str, message: &'static str) -> Refusal {
    if application.settings.service_auth_401_redirect {
        Refusal::unauthenticated(reason, message)
    } else {
        Refusal::denied(reason, message)
    }
}

fn rejected(rejection: session_token::Rejection) -> Refusal {
    Refusal::unauthenticated(rejection.reason(), rejection.message())
}

fn revoked(refusal: revocation::Refusal) -> Refusal {
    Refusal::unauthenticated(refusal.reason(), refusal.message())
}
