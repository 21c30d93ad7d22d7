//! A Client ID and Client Secret become a session: once for many requests that ask for the same.

mod bucket;
mod flights;
mod refused;
mod throttle;
mod turns;

use crate::config::Throttle as Settings;
use crate::listener::ClientCertificate;
use crate::measure;
use crate::refusal::Refusal;
use crate::request::credential::Pair;
use crate::session::{Binding, Key, Obtained, Session};
use directory::Application;
use http::StatusCode;
use model::Clock;
use policy::CountryCode;
use proto::change_feed::AsOf;
use proto::policy_evaluator::facts::Certificate;
use proto::policy_evaluator::{Facts, Outcome};
use proto::session_issuer::exchange_request::ServiceTokenCredential;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::session_issuer::{ExchangeRequest, ExchangeResponse};
use refused::Refused;
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use std::net::IpAddr;
use std::sync::Arc;
use throttle::Throttle;
use turns::{Place, Turns};

pub use bucket::{Bucket, Rate};
pub use flights::Flights;
pub use throttle::Source;

/// What an exchange brought.
#[derive(Clone)]
pub enum Exchanged {
    Session(Arc<Obtained>),
    /// The application lets the request pass without identity.
    Bypass,
}

/// Everything that an exchange's outcome depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question {
    /// Credential, application and client certificate.
    pub key: Key,
    pub address: Option<IpAddr>,
    pub country: Option<CountryCode>,
    /// What this gateway had applied of the feeds. A request that arrives after a confirmed change shares no answer
    /// that was asked for before it.
    pub positions: [u64; 3],
}

/// The way to the session issuer.
pub struct Exchange {
    client: SessionIssuerClient<GrpcChannel>,
    pub is_https: bool,
    flights: Flights<Question, Result<Exchanged, Refusal>>,
    turns: Turns,
    throttle: Throttle,
    refused: Refused,
    clock: Arc<dyn Clock>,
    /// This gateway's name, for people.
    gateway: String,
}

impl Exchange {
    pub fn new(
        session_issuer: GrpcChannel,
        is_https: bool,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            client: SessionIssuerClient::new(session_issuer),
            is_https,
            flights: Flights::default(),
            turns: Turns::new(settings),
            throttle: Throttle::new(settings, clock.clone()),
            refused: Refused::default(),
            clock,
            gateway: String::new(),
        }
    }

    /// In the name of this gateway.
    #[must_use]
    pub fn named(self, gateway: &str) -> Self {
        Self { gateway: gateway.to_owned(), ..self }
    }

    /// Asks once, however many ask the same at the same time. Whoever gets the answer judges it for its own request.
    pub async fn ask(
        &self,
        question: Question,
        pair: Option<&Pair<'_>>,
        certificate: Option<&ClientCertificate>,
        application: &Application,
        verify: impl Fn(&str) -> Option<Arc<Session>>,
    ) -> Result<Exchanged, Refusal> {
        if let Some(refusal) = self.refused.find(&question, self.clock.boot()) {
            return Err(refusal);
        }
        let place = self.turns.enter()?;
        let seat = self.flights.join(question);
        seat.answer(async || self.ask_in_turn(&place, question, pair, certificate, application, verify).await)
            .await
    }

    async fn ask_in_turn(
        &self,
        place: &Place<'_>,
        question: Question,
        pair: Option<&Pair<'_>>,
        certificate: Option<&ClientCertificate>,
        application: &Application,
        verify: impl Fn(&str) -> Option<Arc<Session>>,
    ) -> Result<Exchanged, Refusal> {
        let mut attempt = pair.map(|pair| self.throttle.attempt(pair, question.address)).transpose()?;
        let called = place.call(async {
            if let (Some(attempt), Some(pair)) = (&mut attempt, pair) {
                attempt.still_may(pair)?;
                attempt.sent();
            }
            let outcome = self.call(question, pair, certificate, application, verify).await;
            measure::exchanged(&outcome);
            outcome
        });
        let outcome = called.await;
        if let (Some(_), Err(refusal)) = (pair, &outcome) {
            self.refused.remember(&question, refusal, self.clock.boot());
        }
        if let Some(attempt) = attempt {
            match &outcome {
                Ok(_) => attempt.was_right(),
                Err(refusal) if refusal.names_no_token() => drop(attempt),
                // Disabled, expired, or not admitted: only its holder is told so.
                Err(Refusal { status: StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED, .. }) => {
                    attempt.was_right();
                }
                Err(_) => attempt.was_not_judged(),
            }
        }
        outcome
    }

    async fn call(
        &self,
        question: Question,
        pair: Option<&Pair<'_>>,
        certificate: Option<&ClientCertificate>,
        application: &Application,
        verify: impl Fn(&str) -> Option<Arc<Session>>,
    ) -> Result<Exchanged, Refusal> {
        let [token_registry, policy_evaluator, session_issuer] = question.positions;
        let binds = pair.is_some() && application.settings.binds_sessions;
        let binding = binds.then(Binding::draw).flatten();
        if binds && binding.is_none() {
            return Err(Refusal::unavailable("there is no randomness to be had; retry"));
        }
        let digest = |binding: &Binding| Binding::digest(&binding.text()).0.to_vec();
        let request = ExchangeRequest {
            application_id: application.id.to_string(),
            binding_sha256: binding.as_ref().map(digest).unwrap_or_default(),
            at_least: Some(AsOf { token_registry, policy_evaluator, session_issuer }),
            service_token: pair.map(|pair| ServiceTokenCredential {
                client_id: pair.client_id.clone().into_owned(),
                client_secret: pair.client_secret.clone().into_owned(),
            }),
            facts: Some(Facts {
                ip: question.address.map(|address| address.to_string()).unwrap_or_default(),
                country_code: question.country.map(|country| country.to_string()).unwrap_or_default(),
                certificate: certificate.map(|it| Certificate {
                    common_name: it.common_name.clone().into_string(),
                    sha256: it.fingerprint.to_vec(),
                }),
                ..Facts::default()
            }),
            gateway: self.gateway.clone(),
        };
        let answer = self
            .client
            .clone()
            .exchange(request)
            .await
            .map_err(|status| Refusal::from(from_status(status)))?;
        let ExchangeResponse { session_jwt, session: _, outcome, policy_id: _ } = answer.into_inner();
        if outcome == i32::from(Outcome::Bypass) {
            return Ok(Exchanged::Bypass);
        }
        // The key may be newer than what is known here: then the answer is retried, not believed.
        let session = verify(&session_jwt)
            .ok_or_else(|| Refusal::unavailable("the session's key is not known yet; retry"))?;
        let cookie = pair.map(|_| (application, self.is_https));
        Obtained::new(session, &session_jwt, cookie, binding.as_ref())
            .map(Exchanged::Session)
            .ok_or_else(|| Refusal::unavailable("the session is unreadable; retry"))
    }
}
