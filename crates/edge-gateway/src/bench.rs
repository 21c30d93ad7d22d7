//! Decisions without a network, for measurements. No part of the service: it shows what is private to whoever counts
//! instructions, allocations and bytes.

mod fronts;

use crate::config::Throttle;
use crate::decide::{Gatekeeper, Seen};
use crate::endpoints::Logout;
use crate::exchange::Exchange;
use crate::knowledge::Knowledge;
use crate::metadata::Metadata;
use crate::request::canonical;
use crate::request::credential::Pair;
use crate::session::{Key, Obtained, Origins, remember};
use async_trait::async_trait;
use change_feed::{Gate, Replica, Source, View};
use futures::FutureExt as _;
use http::{HeaderMap, Method, Uri};
use model::{ApplicationId, Clock, Error};
use proto::change_feed as wire;
use proto::change_feed::Entry;
use service_kit::{Callers, GrpcChannel};
use session_token::{Claims, KeyId, Verified};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tonic::service::Routes;

/// What three owners have told: the token registry, the policy evaluator and the session issuer.
#[derive(Default)]
pub struct Feeds {
    pub token_registry: Vec<Entry>,
    pub policy_evaluator: Vec<Entry>,
    pub session_issuer: Vec<Entry>,
}

/// A gateway's decisions under leases that do not end.
pub struct Decisions {
    gatekeeper: Arc<Gatekeeper>,
}

impl Decisions {
    /// Knows these objects, and remembers at most so many sessions. Boot time must stand still in `clock`.
    pub async fn new(feeds: Feeds, max_sessions: usize, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let knowledge = Knowledge::empty();
        let Feeds { token_registry, policy_evaluator, session_issuer } = feeds;
        let [tokens, directory, sessions] = &knowledge.gates;
        lease("token-registry", token_registry, &knowledge.tokens, tokens, &clock).await?;
        lease("policy-evaluator", policy_evaluator, &knowledge.directory, directory, &clock).await?;
        lease("session-issuer", session_issuer, &knowledge.sessions, sessions, &clock).await?;
        let nobody = GrpcChannel::local(Routes::default(), Callers::new([]), "bench");
        let gatekeeper = Gatekeeper {
            knowledge: Arc::new(knowledge),
            clock: clock.clone(),
            verified: remember(max_sessions),
            pairs: remember(max_sessions),
            origins: Origins::default(),
            metadata: Metadata::new(nobody.clone(), clock.clone()),
            logout: Logout::new(nobody.clone(), clock.clone()),
            exchange: Exchange::new(nobody, true, &Throttle::default(), clock),
            usage: Arc::default(),
            fallbacks: Arc::default(),
            decisions: Arc::default(),
        };
        Ok(Self { gatekeeper: Arc::new(gatekeeper) })
    }

    /// As if `text` had been verified.
    pub fn remember_session(&self, text: &str, claims: Claims, kid: KeyId) {
        let session = self.gatekeeper.origins.session(Verified { claims, kid });
        self.gatekeeper.verified.insert(Key::of_token(text), session);
    }

    /// As if the pair had been exchanged for `text` at this application.
    pub fn remember_pair(
        &self,
        [client_id, client_secret]: [&str; 2],
        application: &ApplicationId,
        text: &str,
        (claims, kid): (Claims, KeyId),
    ) {
        let snapshot = self.gatekeeper.knowledge.directory.snapshot();
        let Some(application) = snapshot.application(application) else { return };
        let pair = Pair { client_id: client_id.into(), client_secret: client_secret.into() };
        let session = self.gatekeeper.origins.session(Verified { claims, kid });
        if let Some(obtained) = Obtained::new(session, text, Some((application, true)), None) {
            self.gatekeeper.pairs.insert(Key::of_pair(Some(&pair), &application.id, None), obtained);
        }
    }

    /// Whether the request is let through, without asking anybody.
    pub fn decide(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let Ok(target) = canonical::target(uri, headers) else { return false };
        let address = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        let seen = Seen {
            target: &target,
            method: &Method::GET,
            headers,
            address,
            country: None,
            certificate: None,
            is_in_clear: false,
        };
        self.gatekeeper.decide(&seen).now_or_never().is_some_and(|outcome| outcome.is_ok())
    }

    /// What a gateway does every two seconds with the uses it has counted. How many sessions were used.
    pub fn take_uses(&self) -> usize {
        self.gatekeeper.usage.take().len()
    }
}

/// Loads the objects and wins a lease. Then the replica is dropped, as by a process that stops at that moment: what it
/// has won stays.
async fn lease<V: View>(
    feed: &'static str,
    objects: Vec<Entry>,
    view: &Arc<V>,
    gate: &Arc<Gate>,
    clock: &Arc<dyn Clock>,
) -> Result<(), Error> {
    let replica = Replica {
        feed,
        name: "bench".to_owned(),
        source: Arc::new(Told { feed, objects }),
        bus: bus::connect("memory:").await?,
        clock: clock.clone(),
        view: view.clone(),
        gate: gate.clone(),
        staleness: change_feed::replica::never_stale(),
    };
    let leased = async {
        while !gate.is_live(clock.boot()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = replica.follow(tokio_util::sync::CancellationToken::new()) => {}
        () = leased => {}
    }
    Ok(())
}

/// An owner that has told everything.
struct Told {
    feed: &'static str,
    objects: Vec<Entry>,
}

#[async_trait]
impl Source for Told {
    async fn heartbeat(&self, _: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Error> {
        Ok(wire::HeartbeatResponse {
            epoch: "bench".to_owned(),
            head: 1,
            lease_ms: 5_000,
            feed: self.feed.to_owned(),
            broadcast_key: vec![0; 32],
        })
    }

    async fn acknowledge(&self, _: wire::AcknowledgeRequest) -> Result<(), Error> {
        Ok(())
    }

    async fn release(&self, _: String) -> Result<(), Error> {
        Ok(())
    }

    async fn objects(&self, _: String) -> Result<wire::ListObjectsResponse, Error> {
        Ok(wire::ListObjectsResponse {
            epoch: "bench".to_owned(),
            head: 1,
            objects: self.objects.clone(),
            ..wire::ListObjectsResponse::default()
        })
    }

    async fn entries(&self, _: u64) -> Result<wire::ListEntriesResponse, Error> {
        Ok(wire::ListEntriesResponse::default())
    }
}
