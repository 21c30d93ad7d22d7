//! An enforcement point: a machine with its clock, and one process after another on it.

use crate::bus::{Endpoint, SimulatedBus};
use crate::clocks::MachineClock;
use crate::network::{Cut, Link};
use crate::owner::Owner;
use crate::process::Process;
use crate::session::{Credential, Session};
use crate::view::{Seen, Watched};
use crate::world::{FEEDS, ISSUER, REGISTRY, World};
use change_feed::replica::Lease;
use change_feed::{Gate, Replica, Staleness, View};
use model::Clock as _;
use parking_lot::Mutex;
use revocation::{Sessions, Tokens};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub struct Gateway {
    pub name: String,
    pub clock: Arc<MachineClock>,
    pub cuts: [Arc<Cut>; 2],
    /// How long after its leases it admits on what it knew.
    pub staleness: Duration,
    world: Arc<World>,
    owners: [Arc<Owner>; 2],
    bus: Arc<SimulatedBus>,
    life: Mutex<Option<Arc<Life>>>,
    lives: AtomicU64,
}

/// One process.
pub struct Life {
    pub name: String,
    pub process: Arc<Process>,
    pub tokens: Arc<Tokens>,
    pub sessions: Arc<Sessions>,
    pub gates: [Arc<Gate>; 2],
    pub seen: Arc<Seen>,
    pub kept: Mutex<BTreeMap<Credential, Arc<Session>>>,
    stop: CancellationToken,
}

impl Life {
    /// Taken before anything is looked up.
    pub fn leases(&self) -> [Lease<'_>; 2] {
        self.gates.each_ref().map(|gate| gate.lease())
    }

    pub fn positions(&self) -> [u64; 2] {
        self.gates.each_ref().map(|gate| gate.applied())
    }
}

impl Gateway {
    pub fn new(
        world: &Arc<World>,
        owners: &[Arc<Owner>; 2],
        bus: &Arc<SimulatedBus>,
        number: usize,
    ) -> Arc<Self> {
        let chance = &world.chance;
        let booted = chance.millis(1_000..100_000_000);
        Arc::new(Self {
            name: format!("gateway-{number}"),
            clock: Arc::new(MachineClock::new(world.start, booted, world.gateway_drift())),
            cuts: [Arc::default(), Arc::default()],
            staleness: if chance.below(4) == 0 && world.may_be_stale() {
                chance.millis(500..4_000)
            } else {
                Duration::ZERO
            },
            world: world.clone(),
            owners: owners.clone(),
            bus: bus.clone(),
            life: Mutex::default(),
            lives: AtomicU64::new(0),
        })
    }

    pub fn life(&self) -> Option<Arc<Life>> {
        self.life.lock().clone()
    }

    pub fn start(&self) {
        let number = self.lives.fetch_add(1, Ordering::Relaxed) + 1;
        let life = Arc::new(Life {
            name: format!("{}#{number}", self.name),
            process: Arc::default(),
            tokens: Arc::default(),
            sessions: Arc::default(),
            gates: [Arc::default(), Arc::default()],
            seen: self.world.seen.of(&self.name),
            kept: Mutex::default(),
            stop: CancellationToken::new(),
        });
        self.world.note(&life.name, "starts");
        self.follow(&life, REGISTRY, life.tokens.clone());
        self.follow(&life, ISSUER, life.sessions.clone());
        *self.life.lock() = Some(life);
    }

    fn follow<V: View>(&self, life: &Arc<Life>, number: usize, view: Arc<V>) {
        let (Some(feed), Some(owner)) = (FEEDS.get(number), self.owners.get(number)) else { return };
        let (Some(cut), Some(gate)) = (self.cuts.get(number), life.gates.get(number)) else { return };
        let staleness =
            if self.staleness.is_zero() { Staleness::None } else { Staleness::UpTo(self.staleness) };
        let replica = Replica {
            feed,
            name: self.name.clone(),
            source: Arc::new(Link::new(self.world.clone(), owner.clone(), cut.clone())),
            bus: Arc::new(Endpoint::new(self.bus.clone(), &self.name)),
            clock: self.clock.clone(),
            view: Arc::new(Watched::new(view, number, &self.world, life)),
            gate: gate.clone(),
            staleness: watch::channel(staleness).1,
        };
        life.process.spawn(replica.follow(life.stop.clone()));
    }

    pub fn kill(&self) {
        if let Some(life) = self.life.lock().take() {
            self.world.fault(&life.name, "is killed");
            life.process.kill();
        }
    }

    /// As on a signal: what is under way goes on while the leases are given back.
    pub fn stop(&self) -> Option<Arc<Life>> {
        let life = self.life()?;
        self.world.fault(&life.name, "is told to stop");
        life.stop.cancel();
        Some(life)
    }

    /// Whether it may decide now.
    pub fn is_live(&self) -> bool {
        let now = self.clock.boot();
        self.life().is_some_and(|life| life.gates.iter().all(|gate| gate.is_live(now)))
    }
}
