//! One seed, from its beginning to the verdict.

use crate::bus::SimulatedBus;
use crate::checker::{Counts, Promise, Violation};
use crate::clients::{Clients, Verdict};
use crate::faults::Breaker;
use crate::gateway::Gateway;
use crate::owner::Owner;
use crate::profile::Profile;
use crate::session::{Credential, short};
use crate::wiring::Wiring;
use crate::world::{ISSUER, REGISTRY, World};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Simulation {
    pub seed: u64,
    pub profile: Profile,
    pub wiring: Wiring,
    /// Keep the whole trace, not only its end.
    pub keeps_trace: bool,
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    pub simulation: Simulation,
    pub violation: Option<Violation>,
    pub counts: Counts,
    pub simulated: Duration,
    pub faults: u64,
    pub trace: Vec<String>,
    /// Of the whole trace.
    pub digest: u64,
}

impl Simulation {
    pub fn of_seed(seed: u64) -> Self {
        Self { seed, profile: Profile::of(seed), wiring: Wiring::SOUND, keeps_trace: false }
    }

    /// # Errors
    /// The runtime cannot be made.
    pub fn run(self) -> std::io::Result<Outcome> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        Ok(runtime.block_on(self.live()))
    }

    async fn live(self) -> Outcome {
        let Self { seed, profile, wiring, keeps_trace } = self;
        let world = World::new(seed, profile, wiring, keeps_trace);
        let bus = SimulatedBus::new(world.clone());
        let owners = [REGISTRY, ISSUER].map(|number| Owner::new(&world, &bus, number));
        let count = usize::try_from(world.chance.within(1..4)).unwrap_or(1);
        let gateways: Vec<_> =
            (1..=count).map(|number| Gateway::new(&world, &owners, &bus, number)).collect();
        world.note("world", &format!("seed {seed}, {profile}, lease {:?}, {count} gateways", world.lease));
        for owner in &owners {
            for instance in &owner.instances {
                owner.start(instance);
            }
        }
        for gateway in &gateways {
            gateway.start();
        }
        let clients = Clients::new(world.clone(), owners, gateways);
        clients.create_tokens().await;
        tokio::spawn(clients.clone().send());
        tokio::spawn(clients.clone().send());
        tokio::spawn(clients.clone().change());
        let breaker = Breaker { world: world.clone(), bus, clients: clients.clone() };
        breaker.start();
        let length = world.chance.millis(10_000..40_000);
        let is_broken = || world.checker.violation().is_some();
        while world.start.elapsed() < length && !is_broken() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if !is_broken() {
            breaker.heal();
            tokio::time::sleep(breaker.grace()).await;
            clients.everybody_is_back().await;
        }
        Outcome {
            simulation: self,
            violation: world.checker.violation(),
            counts: world.checker.counts(),
            simulated: world.start.elapsed(),
            faults: world.injected.load(Ordering::Relaxed),
            trace: world.trace.lines(),
            digest: world.trace.digest(),
        }
    }
}

impl Clients {
    async fn create_tokens(&self) {
        let Some(owner) = self.owners.get(REGISTRY) else { return };
        for _ in 0..self.world.chance.within(3..8) {
            if let Some(token) = owner.create_token().await {
                self.tokens.lock().push(token);
            }
        }
    }

    /// Every gateway decides, and admits new sessions of every token that is on.
    async fn everybody_is_back(self: &Arc<Self>) {
        for gateway in &self.gateways {
            if !gateway.is_live() {
                let gates =
                    gateway.life().map(|life| life.gates.each_ref().map(|gate| gate.fenced_for_good()));
                let detail = format!("{} has no lease again; fenced for good: {gates:?}", gateway.name);
                self.world.checker.violated(Promise::EverybodyComesBack, detail);
                return;
            }
        }
        let tokens = self.tokens.lock().clone();
        let Some(owner) = self.owners.get(REGISTRY) else { return };
        let Some(application) = self.applications.first().copied() else { return };
        for token in tokens {
            let row = owner.store.peek(|tables| tables.tokens.get(&token).copied());
            let Some(row) = row.filter(|row| row.is_enabled) else { continue };
            if self.world.checker.has_lost_a_change_of(&format!("token/{token}")) {
                continue;
            }
            for gateway in &self.gateways {
                let Some(life) = gateway.life() else { continue };
                let credential = Credential { token, version: row.version, application };
                let Some(session) = self.exchange(&life, credential).await else { continue };
                let is_same = owner.store.peek(|tables| tables.tokens.get(&token) == Some(&row));
                if self.decide(gateway, &life, &session).await != Verdict::Admitted && is_same {
                    let detail = format!("{} refuses a new session of token {}", gateway.name, short(&token));
                    self.world.checker.violated(Promise::EverybodyComesBack, detail);
                }
            }
        }
    }
}

impl fmt::Display for Outcome {
    /// For whoever has to find the cause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Simulation { seed, profile, wiring, .. } = self.simulation;
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        match &self.violation {
            Some(violation) => writeln!(f, "\nseed {seed}, {profile}: {violation}")?,
            None => writeln!(f, "\nseed {seed}, {profile}: every promise kept")?,
        }
        let mutant = wiring.0.map(|mutant| format!(" --mutant {mutant:?}")).unwrap_or_default();
        write!(f, "cargo run -p feed-simulation -- --seed {seed} --profile {profile}{mutant} --trace")
    }
}
