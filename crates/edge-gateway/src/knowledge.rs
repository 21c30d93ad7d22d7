//! What is known here, kept current by three change feeds, and the leases without which none of it counts.

use crate::deps::Deps;
use change_feed::replica::Lease;
use change_feed::{Gate, RemoteSource, Replica, View};
use directory::Directory;
use model::{BootTime, Clock};
use revocation::{Sessions, Tokens};
use service_kit::status::from_status;
use service_kit::{GrpcChannel, Worker};
use std::sync::Arc;

/// The views and their gates.
pub struct Knowledge {
    pub directory: Arc<Directory>,
    pub tokens: Arc<Tokens>,
    pub sessions: Arc<Sessions>,
    gates: [Arc<Gate>; 3],
}

/// The three leases at one moment; see [`Lease`].
#[derive(Clone, Copy)]
pub struct Leases<'g>([Lease<'g>; 3]);

impl Leases<'_> {
    pub fn cover(self, now: BootTime) -> bool {
        self.0.iter().all(|lease| lease.covers(now))
    }
}

impl Knowledge {
    /// Taken before anything is looked up.
    pub fn leases(&self) -> Leases<'_> {
        let [tokens, directory, sessions] = &self.gates;
        Leases([tokens.lease(), directory.lease(), sessions.lease()])
    }

    /// Up to where each feed has been applied here.
    pub fn positions(&self) -> [u64; 3] {
        self.gates.each_ref().map(|gate| gate.applied())
    }

    pub fn is_current(&self, clock: &dyn Clock) -> bool {
        self.leases().cover(clock.boot())
    }

    /// Empty views, and the workers that fill them.
    pub fn follow(deps: &Deps) -> (Self, Vec<Worker>) {
        let knowledge = Self {
            directory: Arc::new(Directory::default()),
            tokens: Arc::new(Tokens::default()),
            sessions: Arc::new(Sessions::default()),
            gates: std::array::from_fn(|_| Arc::new(Gate::default())),
        };
        let [tokens, directory, sessions] = &knowledge.gates;
        let workers = vec![
            follow(deps, "token-registry", &deps.token_registry, &knowledge.tokens, tokens),
            follow(deps, "policy-evaluator", &deps.policy_evaluator, &knowledge.directory, directory),
            follow(deps, "session-issuer", &deps.session_issuer, &knowledge.sessions, sessions),
        ];
        (knowledge, workers)
    }
}

fn follow<V: View>(
    deps: &Deps,
    feed: &'static str,
    channel: &GrpcChannel,
    view: &Arc<V>,
    gate: &Arc<Gate>,
) -> Worker {
    let replica = Replica {
        feed,
        name: deps.name.clone(),
        source: Arc::new(RemoteSource::new(channel.clone(), from_status)),
        bus: deps.bus.clone(),
        clock: deps.clock.clone(),
        view: view.clone(),
        gate: gate.clone(),
    };
    Worker::new("edge-gateway replica", async move |stop| {
        replica.follow(stop).await;
        Ok(())
    })
}
