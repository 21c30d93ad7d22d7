//! What happens to machines, databases and the bus, each in its own time, and the end of all of it.

use crate::bus::SimulatedBus;
use crate::clients::Clients;
use crate::gateway::Gateway;
use crate::owner::{Instance, Owner};
use crate::wiring::Mutant;
use crate::world::{REGISTRY, World};
use model::TokenId;
use prost::Message as _;
use proto::change_feed::{Broadcast, Entry};
use proto::token_registry::TokenState;
use proto::token_registry::token_state::Status;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Whatever is needed to break things.
#[derive(Clone)]
pub struct Breaker {
    pub world: Arc<World>,
    pub bus: Arc<SimulatedBus>,
    pub clients: Arc<Clients>,
}

impl Breaker {
    /// Every fault of the profile, until they are over.
    pub fn start(&self) {
        let faults = self.world.faults;
        self.every(faults.partition, Self::partition);
        self.every(faults.bus_outage, Self::bus_outage);
        self.every(faults.forgery, async |it: Self| it.forge());
        self.every(faults.gateway_killed, Self::kill_gateway);
        self.every(faults.gateway_stopped, Self::stop_gateway);
        self.every(faults.gateway_paused, Self::pause_gateway);
        self.every(faults.owner_killed, Self::kill_owner);
        self.every(faults.owner_paused, Self::pause_owner);
        self.every(faults.database_trouble, Self::database_trouble);
        self.every(faults.database_clock, async |it: Self| it.step_database_clock());
        self.every(faults.calendar, async |it: Self| it.step_calendar());
        self.every(faults.failover, Self::fail_over);
        self.every(20, async |it: Self| {
            if let Some(owner) = it.owner() {
                owner.compact().await;
            }
        });
    }

    /// `mean` seconds between one and the next.
    fn every<F>(&self, mean: u64, fault: impl Fn(Self) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if mean == 0 {
            return;
        }
        let it = self.clone();
        tokio::spawn(async move {
            loop {
                it.world.nap(it.world.chance.millis(0..mean * 2_000)).await;
                if it.world.is_healed() {
                    return;
                }
                fault(it.clone()).await;
            }
        });
    }

    fn gateway(&self) -> Option<Arc<Gateway>> {
        self.world.chance.pick(&self.clients.gateways).cloned()
    }

    fn owner(&self) -> Option<Arc<Owner>> {
        self.world.chance.pick(&self.clients.owners).cloned()
    }

    fn instance(&self) -> Option<(Arc<Owner>, Arc<Instance>)> {
        let owner = self.owner()?;
        let instance = self.world.chance.pick(&owner.instances).cloned()?;
        Some((owner, instance))
    }

    /// Mostly about as long as a lease.
    fn a_while(&self) -> Duration {
        let lease = u64::try_from(self.world.lease.as_millis()).unwrap_or_default();
        self.world.chance.millis(10..lease * 3)
    }

    async fn partition(self) {
        let Some(gateway) = self.gateway() else { return };
        let ways = self.world.chance.within(1..4);
        let is_both = self.world.chance.below(2) == 0;
        self.cut_off(&gateway, ways, is_both).await;
    }

    /// `ways`: 1 to the owner, 2 from it, 3 both.
    async fn cut_off(&self, gateway: &Gateway, ways: u64, is_both: bool) {
        let cuts = gateway.cuts.iter().take(if is_both { 2 } else { 1 });
        let set = |is_cut: bool| {
            for cut in cuts.clone() {
                cut.to_owner.store(is_cut && ways & 1 > 0, Ordering::Relaxed);
                cut.to_gateway.store(is_cut && ways & 2 > 0, Ordering::Relaxed);
            }
        };
        self.world.fault(&gateway.name, &format!("is cut off (ways {ways}, both feeds {is_both})"));
        set(true);
        self.world.nap(self.a_while()).await;
        set(false);
        self.world.note(&gateway.name, "is connected again");
    }

    async fn bus_outage(self) {
        self.world.fault("bus", "is away");
        self.bus.set_away(true);
        if self.world.chance.below(2) == 0 {
            self.bus.disconnect();
        }
        self.world.nap(self.a_while()).await;
        self.bus.set_away(false);
        self.world.note("bus", "is back");
    }

    /// The next position, with something else in it.
    fn forge(self) {
        let Some(owner) = self.clients.owners.get(REGISTRY) else { return };
        let (key, epoch, position) = owner.store.peek(|tables| {
            (
                tables.broadcast_key().unwrap_or_default().to_vec(),
                tables.epoch().unwrap_or_default().to_owned(),
                tables.position() + 1,
            )
        });
        let token = TokenId::from_bytes(self.world.chance.bytes());
        let state = TokenState { status: Status::Live.into(), ..TokenState::default() }.encode_to_vec();
        let entries = vec![Entry { position, object: format!("token/{token}"), state, removed: false }];
        self.world.fault("bus", &format!("carries a lie about {position}"));
        self.bus.forge(owner.store.feed, &key, &epoch, Broadcast { epoch: String::new(), entries, position });
    }

    async fn kill_gateway(self) {
        let Some(gateway) = self.gateway() else { return };
        gateway.kill();
        self.world.nap(self.a_while()).await;
        if gateway.life().is_none() {
            gateway.start();
        }
    }

    async fn stop_gateway(self) {
        let Some(gateway) = self.gateway() else { return };
        let Some(stopped) = gateway.stop() else { return };
        self.world.nap(self.world.chance.millis(0..3_000)).await;
        let is_still = gateway.life().is_some_and(|life| Arc::ptr_eq(&life, &stopped));
        if is_still {
            gateway.kill();
            gateway.start();
        }
    }

    async fn pause_gateway(self) {
        let Some(gateway) = self.gateway() else { return };
        let Some(life) = gateway.life() else { return };
        self.world.fault(&life.name, "is suspended");
        life.process.pause();
        let stops = self.world.wiring.is(Mutant::ClockStopsSuspended);
        if stops {
            gateway.clock.freeze();
        }
        self.world.nap(self.a_while()).await;
        if stops {
            gateway.clock.thaw();
        }
        life.process.resume();
        self.world.note(&life.name, "runs on");
    }

    async fn kill_owner(self) {
        let Some((owner, instance)) = self.instance() else { return };
        self.world.fault(&instance.name, "is killed");
        instance.kill();
        self.world.nap(self.world.chance.millis(0..6_000)).await;
        if instance.process().is_dead() {
            owner.start(&instance);
        }
    }

    async fn pause_owner(self) {
        let Some((owner, instance)) = self.instance() else { return };
        let process = instance.process();
        self.world.fault(&instance.name, "is suspended");
        let pause = self.a_while();
        process.pause();
        self.world.checker.owner_is_stopped(owner.number, self.world.start.elapsed() + pause);
        self.world.nap(pause).await;
        process.resume();
        self.world.note(&instance.name, "runs on");
    }

    async fn database_trouble(self) {
        let Some(owner) = self.owner() else { return };
        let (store, chance) = (&owner.store, &self.world.chance);
        let trouble = match chance.below(3) {
            0 => {
                store.set_away(true);
                "is away"
            }
            1 => {
                store.set_slow(chance.within(50..1_000));
                "is slow"
            }
            _ => {
                store.set_failing(chance.within(50..600));
                "fails now and then"
            }
        };
        if self.world.wiring.is(Mutant::LeasesForgotten) {
            store.lose_leases();
        }
        self.world.fault(&format!("{} db", store.feed), trouble);
        let trouble = self.a_while();
        // What is slow stays so for a while.
        let end = self.world.start.elapsed() + trouble + Duration::from_secs(10);
        self.world.checker.database_is_away(owner.number, end);
        self.world.nap(trouble).await;
        store.set_away(false);
        store.set_slow(2);
        store.set_failing(0);
        self.world.note(&format!("{} db", store.feed), "is well again");
    }

    fn step_database_clock(self) {
        let Some(owner) = self.owner() else { return };
        let step = self.world.chance.around(30_000);
        self.world.fault(&format!("{} db", owner.store.feed), &format!("its clock steps by {step} ms"));
        owner.store.clock.step(step);
    }

    fn step_calendar(self) {
        let step = self.world.chance.around(3_600_000);
        match (self.gateway(), self.instance(), self.world.chance.below(2)) {
            (Some(gateway), _, 0) => {
                self.world.fault(&gateway.name, &format!("its calendar jumps by {step} ms"));
                gateway.clock.step(step);
            }
            (_, Some((_, instance)), _) => {
                self.world.fault(&instance.name, &format!("its calendar jumps by {step} ms"));
                instance.clock.step(step);
            }
            _ => {}
        }
    }

    /// At its worst, a gateway has just started, of which the standby does not know yet, and is cut off then; and the
    /// other server's clock is put right a moment later.
    async fn fail_over(self) {
        let (Some(owner), chance) = (self.owner(), &self.world.chance) else { return };
        let newcomer = self.gateway().filter(|_| chance.below(3) == 0);
        if let Some(gateway) = &newcomer {
            gateway.stop();
            self.world.nap(chance.millis(20..200)).await;
            gateway.kill();
            gateway.start();
            self.world.nap(chance.millis(10..200)).await;
        }
        let writes = usize::try_from(chance.below(10)).unwrap_or_default();
        let (survived, last) = owner.store.fail_over(writes);
        let database = format!("{} db", owner.store.feed);
        self.world.fault(&database, &format!("fails over: {survived} of {last} survive"));
        self.world.checker.failed_over(owner.number, survived, last, self.world.moment());
        if chance.below(2) == 0 {
            owner.store.clock.step(chance.around(10_000));
        }
        if let Some(gateway) = newcomer {
            let it = self.clone();
            tokio::spawn(async move { it.cut_off(&gateway, 3, true).await });
        }
        if chance.below(3) == 0 {
            self.world.nap(self.world.lease.mul_f64(0.5)).await;
            self.world.fault(&database, "its clock is put right");
            owner.store.clock.step(chance.around(10_000));
        }
    }

    /// Everything runs and answers from here on.
    pub fn heal(&self) {
        for gateway in &self.clients.gateways {
            for cut in &gateway.cuts {
                cut.to_owner.store(false, Ordering::Relaxed);
                cut.to_gateway.store(false, Ordering::Relaxed);
            }
            match gateway.life() {
                Some(life) => life.process.resume(),
                None => gateway.start(),
            }
        }
        for owner in &self.clients.owners {
            let store = &owner.store;
            store.set_away(false);
            store.set_slow(2);
            store.set_failing(0);
            for instance in &owner.instances {
                instance.process().resume();
                if instance.process().is_dead() {
                    owner.start(instance);
                }
            }
        }
        self.bus.set_away(false);
        self.world.heal();
    }

    /// Two heartbeats and a few retries.
    pub fn grace(&self) -> Duration {
        self.world.lease * 2 / 3 + Duration::from_secs(2)
    }
}
