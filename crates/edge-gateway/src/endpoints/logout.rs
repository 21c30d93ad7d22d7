//! `/cdn-cgi/access/logout`: ends the session that the request brings, at every gateway, and takes its cookies back. A
//! cookie is taken back only when its session is dead: whoever could not be logged out can try again.

use super::method_not_allowed;
use crate::answer::{self, Body};
use crate::decide::{Gatekeeper, Holder, Refused, Seen};
use crate::exchange::{Bucket, Rate};
use crate::refusal::Refusal;
use crate::session::AsItIs;
use http::header::{HeaderName, SET_COOKIE};
use http::{Method, Response, StatusCode};
use model::{Clock, ErrorKind};
use proto::session_issuer::EndSessionRequest;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use std::convert::Infallible;
use std::hash::{BuildHasher, BuildHasherDefault, RandomState};
use std::sync::Arc;
use std::time::Duration;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

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
            // It has expired meanwhile, or its key is gone.
            Err(error) if error.kind() == ErrorKind::Unauthenticated => Ok(StatusCode::OK),
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
    let status = match gatekeeper.presented(seen) {
        Ok(holder) if is_alive(gatekeeper, &holder) => {
            let ended = gatekeeper.logout.end(&holder).await;
            let application = Some(holder.application);
            ended.map_err(|refusal| Refused { refusal, application })?
        }
        Ok(_) => StatusCode::OK,
        // None that could be honoured here: there is nothing to end.
        Err(Refused { refusal, .. }) if refusal.status == StatusCode::UNAUTHORIZED => StatusCode::OK,
        Err(refused) => return Err(refused),
    };
    let mut response = answer::text_json(status, r#"{"logged_out":true}"#);
    for cookie in answer::taken_back(gatekeeper.exchange.is_https) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// An image or a script of another site asks; a person who follows a link does not.
fn is_another_sites(seen: &Seen<'_>) -> bool {
    let is = |name: &HeaderName, value| seen.headers.get(name).is_some_and(|it| it == value);
    is(&FETCH_SITE, "cross-site") && !is(&FETCH_MODE, "navigate")
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
