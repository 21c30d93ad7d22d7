//! `/cdn-cgi/access/logout`: ends the session that the request brings, at every gateway, and takes its cookies back. A
//! cookie is taken back only when its session is dead: whoever could not be logged out is told so, and can try again.

use super::method_not_allowed;
use crate::answer::{self, Body};
use crate::decide::{Gatekeeper, Holder, Refused, Seen};
use crate::exchange::{Bucket, Rate};
use crate::refusal::Refusal;
use crate::session::AsItIs;
use http::header::{HeaderName, SET_COOKIE};
use http::{Method, Response, StatusCode};
use model::Clock;
use proto::session_issuer::EndSessionRequest;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use session_token::Rejection;
use std::convert::Infallible;
use std::hash::{BuildHasher, BuildHasherDefault, RandomState};
use std::sync::Arc;
use std::time::Duration;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The issuer waits 10 s for confirmations at most.
const PATIENCE: Duration = Duration::from_secs(15);
/// Sessions that one token ends at one application, a minute: each is a record until it would have expired.
const PER_MINUTE: u32 = 10;
const ENTRIES: usize = 4_096;

/// What ends sessions.
pub struct Logout {
    issuer: SessionIssuerClient<GrpcChannel>,
    clock: Arc<dyn Clock>,
    buckets: Cache<u64, Arc<Bucket>, UnitWeighter, BuildHasherDefault<AsItIs>>,
    hasher: RandomState,
}

impl Logout {
    pub fn new(issuer: GrpcChannel, clock: Arc<dyn Clock>) -> Self {
        let (lifecycle, hasher) = (DefaultLifecycle::default(), BuildHasherDefault::default());
        Self {
            issuer: SessionIssuerClient::new(issuer),
            clock,
            buckets: Cache::with(ENTRIES, ENTRIES as u64, UnitWeighter, hasher, lifecycle),
            hasher: RandomState::new(),
        }
    }

    async fn end(&self, holder: &Holder<'_>) -> Result<StatusCode, Refusal> {
        self.may_end(holder).map_err(throttled)?;
        let request =
            EndSessionRequest { session_jwt: holder.token.to_owned(), ..EndSessionRequest::default() };
        let mut issuer = self.issuer.clone();
        let unavailable = || Refusal::unavailable("the session could not be ended; retry");
        let called = tokio::time::timeout(PATIENCE, issuer.end_session(request)).await;
        match called.map_err(|_| unavailable())?.map_err(from_status) {
            Ok(answer) => {
                let propagation = answer.into_inner().propagation.unwrap_or_default();
                let is_confirmed = propagation.not_confirmed.is_empty();
                Ok(if is_confirmed { StatusCode::OK } else { StatusCode::ACCEPTED })
            }
            // Meanwhile.
            Err(error) if is_dead(error.reason()) => Ok(StatusCode::OK),
            Err(error) => {
                tracing::warn!(%error, "a session could not be ended by its holder");
                Err(unavailable())
            }
        }
    }

    fn may_end(&self, holder: &Holder<'_>) -> Result<(), Duration> {
        let session = &holder.session;
        let token = session.token.map(|token| *token.as_bytes());
        let key = self.hasher.hash_one((token, session.origin.audience.as_str()));
        let new = || Ok::<_, Infallible>(Arc::<Bucket>::default());
        let bucket = self.buckets.get_or_insert_with(&key, new).unwrap_or_else(|never| match never {});
        bucket.take(Rate::per_minute(PER_MINUTE), self.clock.boot().as_duration())
    }
}

pub async fn answer(gatekeeper: &Gatekeeper, seen: &Seen<'_>) -> Result<Response<Body>, Refused> {
    if !matches!(*seen.method, Method::GET | Method::POST) {
        return Err(method_not_allowed("only GET and POST"));
    }
    if is_another_sites(seen) {
        let message = "another site's page may not log anybody out behind their back";
        let refusal = Refusal::denied("LOGOUT_CROSS_SITE", message);
        return Err(Refused { refusal, application: None });
    }
    let (status, application) = match gatekeeper.presented(seen) {
        Ok(holder) if is_alive(gatekeeper, &holder) => {
            let ended = gatekeeper.logout.end(&holder).await;
            let application = Some(holder.application);
            match ended {
                Ok(status) => (status, application),
                Err(refusal) => return Err(Refused { refusal, application }),
            }
        }
        Ok(holder) => (StatusCode::OK, Some(holder.application)),
        Err(Refused { refusal, application }) if is_dead(&refusal.reason) => (StatusCode::OK, application),
        // What is none here may be somebody's session elsewhere.
        Err(refused) => return Err(refused),
    };
    let mut response = answer::text_json(status, r#"{"logged_out":true}"#);
    let is_https = gatekeeper.exchange.is_https;
    for cookie in answer::taken_back(application.as_deref(), &seen.target.host, is_https) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// By this reason nobody is let through with the session again.
fn is_dead(reason: &str) -> bool {
    [Rejection::Expired, Rejection::KeyRevoked].iter().any(|dead| dead.reason() == reason)
}

/// An image, a frame, a script or a form of another site asks; a person who follows a link does not.
fn is_another_sites(seen: &Seen<'_>) -> bool {
    let is = |name: &HeaderName, value| seen.headers.get(name).is_some_and(|it| it == value);
    let is_link = *seen.method == Method::GET && is(&FETCH_MODE, "navigate") && is(&FETCH_DEST, "document");
    is(&FETCH_SITE, "cross-site") && !is_link
}

/// Not ended before: a session is recorded once.
fn is_alive(gatekeeper: &Gatekeeper, holder: &Holder<'_>) -> bool {
    let Holder { session, application, token: _ } = holder;
    let (view, token) = (&gatekeeper.knowledge.sessions, session.token.as_ref());
    let judged = view.judge_session(&session.id, &application.id, token, session.as_of_issuer);
    judged.is_ok() && !session.is_expired(gatekeeper.clock.now())
}

fn throttled(wait: Duration) -> Refusal {
    let message = "this credential ends too many sessions; retry after the time in Retry-After";
    Refusal { message: message.into(), reason: "LOGOUTS_THROTTLED".into(), ..Refusal::throttled(wait) }
}
