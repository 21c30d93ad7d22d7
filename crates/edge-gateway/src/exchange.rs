//! A Client ID and Client Secret become a session: once for many requests that ask for the same.

use crate::refusal::Refusal;
use crate::request::credential::Pair;
use crate::session::{Key, Session};
use directory::Application;
use parking_lot::Mutex;
use policy::CountryCode;
use proto::policy_evaluator::{Facts, Outcome};
use proto::session_issuer::exchange_request::ServiceTokenCredential;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::session_issuer::{ExchangeRequest, ExchangeResponse};
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What an exchange brought.
#[derive(Clone)]
pub enum Exchanged {
    Session(Arc<Session>),
    /// The application lets the request pass without identity.
    Bypass,
}

/// Everything that an exchange's outcome depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question {
    /// Credential and application.
    pub key: Key,
    pub address: Option<IpAddr>,
    pub country: Option<CountryCode>,
}

type Flight = Arc<OnceCell<Result<Exchanged, Refusal>>>;

/// The way to the session issuer.
pub struct Exchange {
    pub client: SessionIssuerClient<GrpcChannel>,
    pub is_https: bool,
    pub flights: Mutex<HashMap<Question, Flight>>,
}

impl Exchange {
    /// Asks once, however many ask the same at the same time. Whoever gets the answer judges it for its own request.
    pub async fn ask(
        &self,
        question: Question,
        pair: Option<&Pair<'_>>,
        application: &Application,
        verify: impl Fn(&str) -> Option<session_token::Verified>,
    ) -> Result<Exchanged, Refusal> {
        let flight = self.flights.lock().entry(question).or_default().clone();
        let answer = flight.get_or_init(|| self.call(question, pair, application, verify)).await.clone();
        let mut flights = self.flights.lock();
        if flights.get(&question).is_some_and(|current| Arc::ptr_eq(current, &flight)) {
            flights.remove(&question);
        }
        answer
    }

    async fn call(
        &self,
        question: Question,
        pair: Option<&Pair<'_>>,
        application: &Application,
        verify: impl Fn(&str) -> Option<session_token::Verified>,
    ) -> Result<Exchanged, Refusal> {
        let request = ExchangeRequest {
            application_id: application.id.to_string(),
            service_token: pair.map(|pair| ServiceTokenCredential {
                client_id: pair.client_id.clone().into_owned(),
                client_secret: pair.client_secret.clone().into_owned(),
            }),
            facts: Some(Facts {
                ip: question.address.map(|address| address.to_string()).unwrap_or_default(),
                country_code: question.country.map(|country| country.to_string()).unwrap_or_default(),
                ..Facts::default()
            }),
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
        let verified = verify(&session_jwt)
            .ok_or_else(|| Refusal::unavailable("the session's key is not known yet; retry"))?;
        let cookie = pair.map(|_| (application, self.is_https));
        let session = Session::new(verified, &session_jwt, cookie);
        session
            .map(Exchanged::Session)
            .ok_or_else(|| Refusal::unavailable("the session is unreadable; retry"))
    }
}
