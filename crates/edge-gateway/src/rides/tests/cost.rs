//! What judging costs, with the real rule. Run by hand: `cargo test -p edge-gateway --lib cost -- --ignored --nocapture`,
//! with `--profile` as wanted.

use super::*;
use crate::config::Throttle;
use crate::endpoints::Logout;
use crate::exchange::Exchange;
use crate::knowledge::Knowledge;
use crate::metadata::Metadata;
use crate::session::{Origins, remember};
use change_feed::View as _;
use model::{AccountId, ApplicationId, Clock as _, SessionId, SystemClock, TokenId};
use prost::Message as _;
use proto::change_feed::Entry;
use proto::policy_evaluator as policies;
use proto::session_issuer as issuer;
use proto::token_registry as registry;
use service_kit::{Callers, GrpcChannel};
use session_token::{Algorithm, AsOf, Claims, SigningKey, Verified};
use tonic::service::Routes;

const RIDES: usize = 10_000;
const AUD: &str = "abababababababababababababababababababababababababababababababab";
const ISSUER: &str = "https://team.example";

/// The real rule. Without leases its last word is always no: what it would have said of the token is asked once more.
struct Leased(Gatekeeper);

impl Judge for Leased {
    fn judge_again(&self, grounds: &Grounds) -> Result<(), Refusal> {
        let _ = self.0.judge_again(grounds);
        let Basis::Session(session) = &grounds.basis else { return Ok(()) };
        let judged = self.0.knowledge.tokens.judge_token(&session.token.unwrap(), 1, 0, self.0.clock.now());
        judged.map_err(|refusal| Refusal::unauthenticated(refusal.reason(), refusal.message()))
    }
}

fn entry(object: String, state: &impl prost::Message) -> Entry {
    Entry { position: 1, object, state: state.encode_to_vec(), removed: false }
}

fn application(account: AccountId) -> Entry {
    let id = ApplicationId::random().to_string();
    let any = policies::rule::Selector::AnyValidServiceToken(policies::Empty {});
    let policy = policies::PolicySpec {
        name: "any".into(),
        decision: policies::Decision::NonIdentity.into(),
        include: vec![policies::Rule { selector: Some(any) }],
        ..Default::default()
    };
    let state = policies::ApplicationState {
        application: Some(policies::Application {
            id: id.clone(),
            account_id: account.to_string(),
            aud: AUD.into(),
            spec: Some(policies::ApplicationSpec {
                name: "a".into(),
                r#type: "self_hosted".into(),
                domain: "app.example".into(),
                ..Default::default()
            }),
            policies: vec![policies::Policy {
                id: model::PolicyId::random().to_string(),
                spec: Some(policy),
                ..Default::default()
            }],
            ..Default::default()
        }),
        ..Default::default()
    };
    entry(format!("application/{id}"), &state)
}

fn organization(account: AccountId) -> Entry {
    let state = policies::OrganizationState {
        organization: Some(policies::Organization {
            account_id: account.to_string(),
            name: "team".into(),
            issuer: ISSUER.into(),
            auth_domain: "team.example".into(),
            ..Default::default()
        }),
    };
    entry(format!("organization/{account}"), &state)
}

fn key(account: AccountId, key: &SigningKey) -> Entry {
    let now = SystemClock.now();
    let published = key.publish("team.example", now, now.after(Duration::from_hours(24))).unwrap();
    let state = issuer::KeyState {
        account_id: account.to_string(),
        key: Some(issuer::SigningKey {
            kid: key.kid().to_string(),
            jwk_json: key.jwk().to_json(),
            certificate_pem: published.certificate_pem,
            r#use: issuer::signing_key::Use::Current.into(),
            created_at_ms: 1,
        }),
    };
    entry(format!("key/{}", key.kid()), &state)
}

fn token(token: TokenId, position: u64, status: registry::token_state::Status) -> Entry {
    let state = registry::TokenState {
        token_id: token.to_string(),
        status: status.into(),
        expires_at_ms: i64::MAX,
        client_secret_version: 1,
        ..Default::default()
    };
    Entry { position, object: format!("token/{token}"), state: state.encode_to_vec(), removed: false }
}

fn session(account: AccountId, signer: &SigningKey, token: TokenId) -> Basis {
    let now = SystemClock.now();
    let claims = Claims {
        audience: AUD.parse().unwrap(),
        expires_at_s: now.as_seconds() + 86_400,
        issuer: ISSUER.into(),
        common_name: String::new(),
        issued_at_s: now.as_seconds(),
        session: SessionId::random(),
        account,
        token: Some(token),
        secret_version: 1,
        certificate: None,
        binding: None,
        as_of: AsOf::default(),
    };
    Basis::Session(Origins::default().session(Verified { claims, kid: signer.kid() }))
}

fn gatekeeper() -> Gatekeeper {
    let channel = GrpcChannel::local(Routes::default(), Callers::new([]), "edge-gateway");
    let clock = Arc::new(SystemClock);
    let metadata = Metadata::new(channel.clone(), clock.clone());
    let logout = Logout::new(channel.clone(), clock.clone());
    Gatekeeper {
        knowledge: Arc::new(Knowledge::empty()),
        clock: clock.clone(),
        verified: remember(1),
        pairs: remember(1),
        origins: Origins::default(),
        exchange: Exchange::new(channel, false, &Throttle::default(), clock),
        usage: Arc::default(),
        fallbacks: Arc::default(),
        decisions: Arc::default(),
        metadata,
        logout,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn ten_thousand_rides_and_a_thousand_changes_a_second() {
    let (account, signer) = (AccountId::random(), SigningKey::generate(Algorithm::Rs256).unwrap());
    let gatekeeper = gatekeeper();
    let knowledge = gatekeeper.knowledge.clone();
    knowledge.directory.load(vec![organization(account), application(account)]);
    knowledge.sessions.load(vec![key(account, &signer)]);
    let rides = Arc::new(Rides::new(Arc::new(Leased(gatekeeper)), knowledge.changes.clone()));
    let tokens: Vec<TokenId> = (0..RIDES).map(|_| TokenId::random()).collect();
    let tickets: Vec<Ticket> =
        tokens.iter().map(|token| ticket(&rides, "app.example", session(account, &signer, *token))).collect();
    let began = Instant::now();
    let open: Vec<Ride> = tickets.into_iter().map(Ticket::board).collect();
    println!("boarding: {:?} a ride", began.elapsed() / 10_000);
    let took = rides.round().await;
    assert!(open.iter().all(|ride| ride.refusal().is_none()), "{:?}", open[0].refusal());
    println!("judging: {:?} a ride, {took:?} a round", took / 10_000);

    let stop = CancellationToken::new();
    let judging = tokio::spawn(rides.clone().keep_judging(stop.clone()));
    let told = Told { view: knowledge.tokens.clone(), changes: knowledge.changes.clone() };
    let (before, began) = (rides.judged(), Instant::now());
    let mut slowest = Duration::ZERO;
    let mut every = tokio::time::interval(Duration::from_millis(1));
    for change in 0..3_000_u64 {
        every.tick().await;
        if change % 100 != 99 {
            told.apply(&[token(TokenId::random(), change + 2, registry::token_state::Status::Live)]);
            continue;
        }
        let doomed = usize::try_from(change).unwrap();
        told.apply(&[token(tokens[doomed], change + 2, registry::token_state::Status::Deleted)]);
        let said = Instant::now();
        tokio::time::timeout(Duration::from_secs(20), open[doomed].ended()).await.unwrap();
        slowest = slowest.max(said.elapsed());
    }
    let (took, judged) = (began.elapsed(), rides.judged() - before);
    println!("{:.0} changes a second, the slowest end after {slowest:?}", 3_000.0 / took.as_secs_f64());
    println!("{} rounds in {took:?}", judged / 10_000);
    assert_eq!(rides.ended_by(Cause::Credential), 30);
    stop.cancel();
    judging.await.unwrap();
    let began = Instant::now();
    drop(open);
    println!("leaving: {:?} a ride", began.elapsed() / 10_000);
}
