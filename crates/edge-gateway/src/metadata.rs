//! `Cf-Access-Metadata`: which application answers here, for clients that have no session yet, signed by the session issuer.
//! A client that asks gets it beside its refusal, or the refusal alone.
//!
//! Anybody may ask, so asking is bounded: a signature is had once an hour for each application and host, many wait for
//! one, few are under way at once, and whoever asks for what is not known here pays from two buckets.

use crate::decide::{Gatekeeper, Refused};
use crate::exchange::{Bucket, Flights, Rate, Source};
use crate::knowledge::Knowledge;
use crate::measure;
use crate::session::{AsItIs, Key};
use directory::Application;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use model::{BootTime, Clock, Error};
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::session_issuer::{SignMetadataRequest, SignMetadataResponse};
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use session_token::KeyId;
use std::convert::Infallible;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What asks for it, with the value `true`.
pub const REQUEST: HeaderName = HeaderName::from_static("cf-access-metadata-request");
pub const METADATA: HeaderName = HeaderName::from_static("cf-access-metadata");

/// Clients believe one for a day.
const KEEP: Duration = Duration::from_hours(1);
/// How long a refusal waits for this: clients give up after 7 s.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The same of one that another proxy waits for. Nobody may choose its failure mode by asking for more than a refusal:
/// Envoy gives up after 200 ms if nobody says otherwise.
pub const PROXYS_PATIENCE: Duration = Duration::from_millis(100);
/// About 1.3 KB each.
const ENTRIES: usize = 4_096;
/// Hosts that are not known here, a minute. A wildcard has any number of them.
const NEW_PER_SOURCE: u32 = 20;
const NEW_PER_APPLICATION: u32 = 120;
const AT_ONCE: usize = 4;

/// Statements by application and host.
type Remembered = Cache<Key, Arc<Signed>, UnitWeighter, BuildHasherDefault<AsItIs>>;
type Buckets = Cache<u64, Arc<Bucket>, UnitWeighter, BuildHasherDefault<AsItIs>>;

/// What is had from the issuer.
pub struct Metadata {
    issuer: SessionIssuerClient<GrpcChannel>,
    clock: Arc<dyn Clock>,
    signed: Remembered,
    flights: Flights<Key, Option<Arc<Signed>>>,
    buckets: Buckets,
    /// Keyed: nobody can choose what shares a bucket.
    hasher: RandomState,
    places: Semaphore,
}

/// A statement, and what it depends on.
struct Signed {
    text: HeaderValue,
    auth_domain: String,
    app_hostname: String,
    kid: KeyId,
    asked_at: BootTime,
}

/// Who asks, and where.
struct Question<'q> {
    application: &'q Application,
    /// Canonical.
    host: &'q str,
    address: Option<IpAddr>,
}

/// Whether a request asks for it.
pub fn is_asked(method: &Method, headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(REQUEST).iter();
    matches!(*method, Method::GET | Method::HEAD)
        && lines.next().is_some_and(|value| value == "true")
        && lines.next().is_none()
}

impl Gatekeeper {
    /// What goes with a refusal for a client that asks which application refuses it. `host`: canonical.
    pub async fn metadata(
        &self,
        refused: &Refused,
        host: &str,
        address: Option<IpAddr>,
        patience: Duration,
    ) -> Option<HeaderValue> {
        let Refused { refusal, application } = refused;
        let application = application.as_deref().filter(|_| refusal.is_denial())?;
        let question = Question { application, host, address };
        let found = self.metadata.find(&self.knowledge, &question);
        let signed = tokio::time::timeout(patience, found).await.unwrap_or_else(|_| {
            measure::metadata("failed");
            None
        })?;
        // What is known here is as old as its leases.
        self.knowledge.is_current(&*self.clock).then(|| signed.text.clone())
    }
}

impl Metadata {
    pub fn new(issuer: GrpcChannel, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer: SessionIssuerClient::new(issuer),
            clock,
            signed: table(),
            flights: Flights::default(),
            buckets: table(),
            hasher: RandomState::new(),
            places: Semaphore::new(AT_ONCE),
        }
    }

    async fn find(&self, knowledge: &Knowledge, question: &Question<'_>) -> Option<Arc<Signed>> {
        let key = Key::of_place(&question.application.id, question.host);
        let known = self.signed.get(&key).filter(|it| self.is_fresh(it) && fits(knowledge, question, it));
        if known.is_some() {
            measure::metadata("remembered");
            return known;
        }
        let seat = self.flights.join(key);
        let signed = seat.answer(async || self.sign(key, question).await).await;
        // Another one may have asked, with other knowledge: what it got is judged like what was remembered.
        signed.filter(|it| fits(knowledge, question, it))
    }

    fn is_fresh(&self, signed: &Signed) -> bool {
        self.clock.boot().since(signed.asked_at) < KEEP
    }

    async fn sign(&self, key: Key, question: &Question<'_>) -> Option<Arc<Signed>> {
        let Ok(_place) = self.places.try_acquire() else {
            measure::metadata("throttled");
            return None;
        };
        if !self.may_ask(question) {
            measure::metadata("throttled");
            return None;
        }
        let asked_at = self.clock.boot();
        match self.call(question, asked_at).await {
            Ok(signed) => {
                let signed = Arc::new(signed);
                self.signed.insert(key, signed.clone());
                measure::metadata("signed");
                Some(signed)
            }
            Err(error) => {
                tracing::debug!(%error, "an application's metadata was not signed");
                measure::metadata("failed");
                None
            }
        }
    }

    fn may_ask(&self, question: &Question<'_>) -> bool {
        let now = self.clock.boot().as_duration();
        let take = |bucket: Arc<Bucket>, per_minute| bucket.take(Rate::per_minute(per_minute), now).is_ok();
        take(self.bucket(Source::from(question.address)), NEW_PER_SOURCE)
            && take(self.bucket(question.application.id.as_bytes()), NEW_PER_APPLICATION)
    }

    fn bucket(&self, whose: impl Hash) -> Arc<Bucket> {
        let new = || Ok::<_, Infallible>(Arc::default());
        let key = self.hasher.hash_one(whose);
        self.buckets.get_or_insert_with(&key, new).unwrap_or_else(|never| match never {})
    }

    async fn call(&self, question: &Question<'_>, asked_at: BootTime) -> Result<Signed, Error> {
        let Question { application, host, address: _ } = *question;
        let request = SignMetadataRequest {
            account_id: application.account.to_string(),
            application_id: application.id.to_string(),
            hostname: host.to_owned(),
        };
        let answer = self.issuer.clone().sign_metadata(request).await.map_err(from_status)?.into_inner();
        let SignMetadataResponse { metadata_jwt, auth_domain, app_hostname, kid } = answer;
        let text = HeaderValue::try_from(metadata_jwt).map_err(Error::internal)?;
        let kid = kid.parse().map_err(Error::internal)?;
        Ok(Signed { text, auth_domain, app_hostname, kid, asked_at })
    }
}

/// Whether a statement agrees with what is known here, and verifies with the keys that are published here.
fn fits(knowledge: &Knowledge, question: &Question<'_>, signed: &Signed) -> bool {
    let application = question.application;
    let snapshot = knowledge.directory.snapshot();
    let organization = snapshot.organization(&application.account);
    let key = knowledge.sessions.find_key(signed.kid);
    *application.domain == *signed.app_hostname
        && organization.is_some_and(|it| it.auth_domain == signed.auth_domain)
        && key.is_some_and(|key| key.account() == application.account)
}

fn table<K: Eq + Hash, V: Clone>() -> Cache<K, V, UnitWeighter, BuildHasherDefault<AsItIs>> {
    let lifecycle = DefaultLifecycle::default();
    Cache::with(ENTRIES, ENTRIES as u64, UnitWeighter, BuildHasherDefault::default(), lifecycle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_for_by_one_header_of_a_reading_method() {
        for (method, values, expected) in [
            ("HEAD", &["true"][..], true),
            ("GET", &["true"], true),
            ("POST", &["true"], false),
            ("OPTIONS", &["true"], false),
            ("HEAD", &[], false),
            ("HEAD", &["TRUE"], false),
            ("HEAD", &["true", "true"], false),
            ("HEAD", &["false", "true"], false),
        ] {
            let headers: HeaderMap =
                values.iter().map(|value| (REQUEST, HeaderValue::from_static(value))).collect();
            assert_eq!(is_asked(&method.parse().unwrap(), &headers), expected, "{method} {values:?}");
        }
    }
}
