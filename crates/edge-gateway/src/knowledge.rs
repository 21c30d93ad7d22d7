//! What is known here, kept current by three change feeds, and the leases without which none of it counts.

use crate::deps::Deps;
use crate::rides::{Changes, Told};
use change_feed::replica::Lease;
use change_feed::{Gate, RemoteSource, Replica, Staleness, View};
use directory::Directory;
use model::{BootTime, Clock};
use proto::change_feed::Entry;
use revocation::{Sessions, Tokens};
use service_kit::status::from_status;
use service_kit::{GrpcChannel, Worker};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The views and their gates.
pub struct Knowledge {
    pub directory: Arc<Directory>,
    pub tokens: Arc<Tokens>,
    pub sessions: Arc<Sessions>,
    /// Of all three, for what is open.
    pub changes: Arc<Changes>,
    /// Of the registry's feed, the evaluator's and the issuer's.
    pub gates: [Arc<Gate>; 3],
}

/// The three leases at one moment; see [`Lease`].
#[derive(Clone, Copy)]
pub struct Leases<'g>([Lease<'g>; 3]);

impl Leases<'_> {
    pub fn cover(self, now: BootTime) -> bool {
        self.0.iter().all(|lease| lease.covers(now))
    }

    /// Whether a failure mode that lets what was looked up be so stale lets it stand; see [`Lease::allows`].
    pub fn allow(self, staleness: Staleness, now: BootTime) -> bool {
        self.0.iter().all(|lease| lease.allows(staleness, now))
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

    /// Empty views without leases.
    pub fn empty() -> Self {
        Self {
            directory: Arc::new(Directory::default()),
            tokens: Arc::new(Tokens::default()),
            sessions: Arc::new(Sessions::default()),
            changes: Arc::default(),
            gates: std::array::from_fn(|_| Arc::new(Gate::default())),
        }
    }

    /// Empty views, and the workers that fill them until `served`: whatever is still served then has no lease.
    pub fn follow(deps: &Deps, served: &CancellationToken) -> (Self, Vec<Worker>) {
        let knowledge = Self::empty();
        let [tokens, directory, sessions] = &knowledge.gates;
        let (modes, staleness) = watch::channel(Staleness::None);
        let applications = Arc::new(Applications { directory: knowledge.directory.clone(), modes });
        let following = Following { deps, changes: &knowledge.changes, served, staleness };
        let workers = vec![
            following.feed("token-registry", &deps.token_registry, &knowledge.tokens, tokens),
            following.feed("policy-evaluator", &deps.policy_evaluator, &applications, directory),
            following.feed("session-issuer", &deps.session_issuer, &knowledge.sessions, sessions),
        ];
        (knowledge, workers)
    }
}

/// The applications, and how stale the most patient of their failure modes lets this gateway be.
struct Applications {
    directory: Arc<Directory>,
    modes: watch::Sender<Staleness>,
}

impl Applications {
    fn tell(&self) {
        self.modes.send_replace(self.directory.snapshot().longest_staleness());
    }
}

impl View for Applications {
    const KINDS: &'static [&'static str] = Directory::KINDS;

    fn load(&self, objects: Vec<Entry>) {
        self.directory.load(objects);
        self.tell();
    }

    fn apply(&self, entries: &[Entry]) {
        self.directory.apply(entries);
        self.tell();
    }
}

/// What following any feed needs.
struct Following<'f> {
    deps: &'f Deps,
    changes: &'f Arc<Changes>,
    served: &'f CancellationToken,
    staleness: watch::Receiver<Staleness>,
}

impl Following<'_> {
    fn feed<V: View>(
        &self,
        feed: &'static str,
        channel: &GrpcChannel,
        view: &Arc<V>,
        gate: &Arc<Gate>,
    ) -> Worker {
        let replica = Replica {
            feed,
            name: self.deps.name.clone(),
            source: Arc::new(RemoteSource::new(channel.clone(), from_status)),
            bus: self.deps.bus.clone(),
            clock: self.deps.clock.clone(),
            view: Arc::new(Told { view: view.clone(), changes: self.changes.clone() }),
            gate: gate.clone(),
            staleness: self.staleness.clone(),
        };
        let served = self.served.clone();
        Worker::new("edge-gateway replica", async move |_| {
            replica.follow(served).await;
            Ok(())
        })
    }
}
