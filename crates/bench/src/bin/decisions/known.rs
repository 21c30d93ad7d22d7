//! A gateway's knowledge: one application, and as many sessions as are wanted.

use anyhow::{Context as _, Result};
use edge_gateway::bench::{Decisions, Feeds};
use http::header::{ACCEPT, COOKIE, HOST, HeaderValue, USER_AGENT};
use http::{HeaderMap, HeaderName, Uri};
use model::{
    AccountId, ApplicationId, BootTime, Clock, ManualClock, PolicyId, SessionId, SystemClock, Timestamp,
    TokenId,
};
use proto::change_feed::Entry;
use proto::{policy_evaluator as policies, session_issuer as issuer};
use session_token::{Algorithm, AsOf, Claims, KeyId, SigningKey};
use std::sync::Arc;
use std::time::Duration;

/// The application's.
pub const HOST_NAME: &str = "app.example";
const ISSUER: &str = "https://team.example";
const CLIENT_ID: HeaderName = HeaderName::from_static("cf-access-client-id");
const CLIENT_SECRET: HeaderName = HeaderName::from_static("cf-access-client-secret");
/// As long as a session JWT of a service token.
const TOKEN_BYTES: usize = 950;
/// As it travels: `CF_Authorization=` and the text.
pub const COOKIE_NAME: &str = "CF_Authorization=";

/// A gateway that knows one application, which any service token opens.
pub struct Known {
    pub decisions: Decisions,
    account: AccountId,
    application: ApplicationId,
    aud: String,
    kid: KeyId,
    clock: Arc<dyn Clock>,
}

/// Read like the machine's clocks, and boot time stands still: no lease ends.
struct Standing {
    boot: BootTime,
}

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn boot(&self) -> BootTime {
        std::hint::black_box(SystemClock.boot());
        self.boot
    }
}

/// The machine's clocks, as far as a measurement of time wants them.
pub fn standing() -> Arc<dyn Clock> {
    Arc::new(Standing { boot: SystemClock.boot() })
}

/// None of the machine's clocks: valgrind has not all that reading them takes.
pub fn stopped() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)))
}

impl Known {
    pub async fn new(max_sessions: usize, clock: Arc<dyn Clock>) -> Result<Self> {
        let (account, application) = (AccountId::random(), ApplicationId::random());
        let (signer, aud) = (SigningKey::generate(Algorithm::Rs256)?, "ab".repeat(32));
        let feeds = Feeds {
            policy_evaluator: vec![organization(account), protected(account, application, &aud)],
            session_issuer: vec![key(account, &signer, clock.now())?],
            ..Feeds::default()
        };
        let decisions = Decisions::new(feeds, max_sessions, clock.clone()).await?;
        Ok(Self { decisions, account, application, aud, kid: signer.kid(), clock })
    }

    fn claims(&self) -> Result<Claims> {
        let now = self.clock.now();
        Ok(Claims {
            audience: self.aud.parse()?,
            expires_at_s: now.as_seconds() + 86_400,
            issuer: ISSUER.to_owned(),
            common_name: format!("{}.access", "1f".repeat(16)),
            issued_at_s: now.as_seconds(),
            session: SessionId::random(),
            account: self.account,
            token: Some(TokenId::random()),
            secret_version: 1,
            certificate: None,
            binding: None,
            as_of: AsOf { token_registry: 1, policy_evaluator: 1, session_issuer: 1 },
        })
    }

    /// Sessions from 0 on, each as if it had been verified.
    pub fn remember_sessions(&self, count: u32) -> Result<()> {
        for number in 0..count {
            self.decisions.remember_session(&text(number), self.claims()?, self.kid);
        }
        Ok(())
    }

    /// Pairs from 0 on, each as if it had been exchanged.
    pub fn remember_pairs(&self, count: u32) -> Result<()> {
        for number in 0..count {
            let [client_id, client_secret] = pair(number);
            let claims = (self.claims()?, self.kid);
            let pair = [client_id.as_str(), client_secret.as_str()];
            self.decisions.remember_pair(pair, &self.application, &text(number), claims);
        }
        Ok(())
    }
}

/// What every request asks for.
pub fn uri() -> Uri {
    Uri::from_static("/orders/17")
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static(HOST_NAME));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static("bench"));
    headers
}

/// A request with a session in the cookie.
pub fn with_cookie(number: u32) -> Result<HeaderMap> {
    let mut headers = headers();
    headers.insert(COOKIE, HeaderValue::try_from(format!("{COOKIE_NAME}{}", text(number)))?);
    Ok(headers)
}

/// A request with a Client ID and Client Secret.
pub fn with_pair(number: u32) -> Result<HeaderMap> {
    let [client_id, client_secret] = pair(number);
    let mut headers = headers();
    headers.insert(CLIENT_ID, HeaderValue::try_from(client_id)?);
    headers.insert(CLIENT_SECRET, HeaderValue::try_from(client_secret)?);
    Ok(headers)
}

/// Stands for a JWT that was verified: nobody reads it again.
pub fn text(number: u32) -> String {
    format!("{number:0>TOKEN_BYTES$}")
}

/// A secret as it may be brought from elsewhere: 64 hex digits.
fn pair(number: u32) -> [String; 2] {
    [format!("{number:032x}.access"), format!("{number:064x}")]
}

fn entry(object: String, state: &impl prost::Message) -> Entry {
    Entry { position: 1, object, state: state.encode_to_vec(), removed: false }
}

fn protected(account: AccountId, application: ApplicationId, aud: &str) -> Entry {
    let any = policies::rule::Selector::AnyValidServiceToken(policies::Empty {});
    let policy = policies::PolicySpec {
        name: "machines".to_owned(),
        decision: policies::Decision::NonIdentity.into(),
        include: vec![policies::Rule { selector: Some(any) }],
        ..policies::PolicySpec::default()
    };
    let state = policies::ApplicationState {
        application: Some(policies::Application {
            id: application.to_string(),
            account_id: account.to_string(),
            aud: aud.to_owned(),
            spec: Some(policies::ApplicationSpec {
                name: "bench".to_owned(),
                r#type: "self_hosted".to_owned(),
                domain: HOST_NAME.to_owned(),
                session_duration: Some("24h".to_owned()),
                ..policies::ApplicationSpec::default()
            }),
            policies: vec![policies::Policy {
                id: PolicyId::random().to_string(),
                spec: Some(policy),
                ..policies::Policy::default()
            }],
            ..policies::Application::default()
        }),
        ..policies::ApplicationState::default()
    };
    entry(format!("application/{application}"), &state)
}

fn organization(account: AccountId) -> Entry {
    let state = policies::OrganizationState {
        organization: Some(policies::Organization {
            account_id: account.to_string(),
            name: "team".to_owned(),
            issuer: ISSUER.to_owned(),
            auth_domain: "team.example".to_owned(),
            ..policies::Organization::default()
        }),
    };
    entry(format!("organization/{account}"), &state)
}

fn key(account: AccountId, key: &SigningKey, now: Timestamp) -> Result<Entry> {
    let published = key.publish("team.example", now, now.after(Duration::from_hours(24)));
    let state = issuer::KeyState {
        account_id: account.to_string(),
        key: Some(issuer::SigningKey {
            kid: key.kid().to_string(),
            jwk_json: key.jwk().to_json(),
            certificate_pem: published.context("the key's certificate")?.certificate_pem,
            r#use: issuer::signing_key::Use::Current.into(),
            created_at_ms: 1,
        }),
    };
    Ok(entry(format!("key/{}", key.kid()), &state))
}
