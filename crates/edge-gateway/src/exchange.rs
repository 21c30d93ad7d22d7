//! A Client ID and Client Secret become a session: once for many requests that ask for the same.

mod flights;

use crate::listener::ClientCertificate;
use crate::measure;
use crate::refusal::Refusal;
use crate::request::credential::Pair;
use crate::session::{Key, Session};
use directory::Application;
use flights::Flights;
use policy::CountryCode;
use proto::change_feed::AsOf;
use proto::policy_evaluator::facts::Certificate;
use proto::policy_evaluator::{Facts, Outcome};
use proto::session_issuer::exchange_request::ServiceTokenCredential;
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::session_issuer::{ExchangeRequest, ExchangeResponse};
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many exchanges go on at once. A flood of credentials that nobody has seen must not become a flood of calls.
const MOST: usize = 256;
/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(5);

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
    turns: Semaphore,
}

impl Exchange {
    pub fn new(session_issuer: GrpcChannel, is_https: bool) -> Self {
        Self {
            client: SessionIssuerClient::new(session_issuer),
            is_https,
            flights: Flights::default(),
            turns: Semaphore::new(MOST),
        }
    }

    /// Asks once, however many ask the same at the same time. Whoever gets the answer judges it for its own request.
    pub async fn ask(
        &self,
        question: Question,
        pair: Option<&Pair<'_>>,
        certificate: Option<&ClientCertificate>,
        application: &Application,
        verify: impl Fn(&str) -> Option<session_token::Verified>,
    ) -> Result<Exchanged, Refusal> {
        let seat = self.flights.join(question);
        seat.answer(async || {
            let outcome = self.call(question, pair, certificate, application, verify).await;
            measure::exchanged(&outcome);
            outcome
        })
        .await
    }

    async fn call(
        &self,
        question: Question,
        pair: Option<&Pair<'_>>,
        certificate: Option<&ClientCertificate>,
        application: &Application,
        verify: impl Fn(&str) -> Option<session_token::Verified>,
    ) -> Result<Exchanged, Refusal> {
        let Ok(Ok(_turn)) = tokio::time::timeout(TURN, self.turns.acquire()).await else {
            return Err(Refusal::unavailable("too many credentials are being checked; retry"));
        };
        let [token_registry, policy_evaluator, session_issuer] = question.positions;
        let request = ExchangeRequest {
            application_id: application.id.to_string(),
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
