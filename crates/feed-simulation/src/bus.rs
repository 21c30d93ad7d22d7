//! The bus: it loses, repeats, delays and reorders, goes away and comes back, and carries what strangers say.

use crate::wiring::Mutant;
use crate::world::World;
use ::bus::{Bus, Memory, Subscription};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use bytes::Bytes;
use model::Error;
use parking_lot::Mutex;
use prost::Message as _;
use proto::change_feed::{Broadcast, SealedBroadcast};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub struct SimulatedBus {
    world: Arc<World>,
    is_away: AtomicBool,
    inboxes: Mutex<BTreeMap<String, Arc<Memory>>>,
    said: Mutex<Vec<(String, Bytes)>>,
}

/// One machine's connection.
pub struct Endpoint {
    bus: Arc<SimulatedBus>,
    machine: String,
}

impl SimulatedBus {
    pub fn new(world: Arc<World>) -> Arc<Self> {
        let (is_away, inboxes, said) = (AtomicBool::new(false), Mutex::default(), Mutex::default());
        Arc::new(Self { world, is_away, inboxes, said })
    }

    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// Every subscription ends.
    pub fn disconnect(&self) {
        for inbox in self.inboxes.lock().values_mut() {
            *inbox = Arc::default();
        }
    }

    fn inbox(&self, machine: &str) -> Arc<Memory> {
        self.inboxes.lock().entry(machine.to_owned()).or_default().clone()
    }

    fn deliver(self: &Arc<Self>, subject: &str, payload: &Bytes) {
        let machines: Vec<String> = self.inboxes.lock().keys().cloned().collect();
        for machine in machines {
            let (world, chance) = (&self.world, &self.world.chance);
            let copies = if world.befalls(world.faults.bus) { chance.below(4) } else { 1 };
            for _ in 0..copies {
                let is_late = world.befalls(world.faults.bus / 2);
                let delay = if is_late { chance.millis(0..20_000) } else { chance.delay(4) };
                let (bus, subject, payload) = (self.clone(), subject.to_owned(), payload.clone());
                let machine = machine.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    if !bus.is_away.load(Ordering::Relaxed) {
                        let _ = bus.inbox(&machine).publish(&subject, payload).await;
                    }
                });
            }
        }
    }

    /// Says something that is not the owner's, or not now.
    pub fn forge(self: &Arc<Self>, feed: &str, key: &[u8], epoch: &str, lie: Broadcast) {
        let chance = &self.world.chance;
        let subject = format!("sallyport.feed.{feed}");
        let old = chance.pick(&self.said.lock()).cloned();
        let (subject, payload) = match (chance.below(3), old) {
            (0, Some(old)) => old,
            (1, _) => (subject, Bytes::copy_from_slice(&chance.bytes::<40>())),
            _ => {
                let key = if self.world.wiring.is(Mutant::StrangerHasKey) { key } else { &[7; 32] };
                let broadcast = Broadcast { epoch: epoch.to_owned(), ..lie }.encode_to_vec();
                let key = hmac::Key::new(hmac::HMAC_SHA256, key);
                let tag = hmac::sign(&key, &broadcast).as_ref().to_vec();
                (subject, SealedBroadcast { broadcast, tag }.encode_to_vec().into())
            }
        };
        self.deliver(&subject, &payload);
    }
}

impl Endpoint {
    pub fn new(bus: Arc<SimulatedBus>, machine: &str) -> Self {
        Self { bus, machine: machine.to_owned() }
    }

    async fn reach(&self) -> Result<(), Error> {
        let world = &self.bus.world;
        tokio::time::sleep(world.chance.delay(2)).await;
        if !self.bus.is_away.load(Ordering::Relaxed) {
            return Ok(());
        }
        tokio::time::sleep(world.chance.millis(0..200)).await;
        Err(Error::unavailable("the bus", "simulated to be away"))
    }
}

#[async_trait]
impl Bus for Endpoint {
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), Error> {
        self.reach().await?;
        self.bus.said.lock().push((subject.to_owned(), payload.clone()));
        self.bus.deliver(subject, &payload);
        Ok(())
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, Error> {
        self.reach().await?;
        self.bus.inbox(&self.machine).subscribe(subject).await
    }

    async fn subscribe_shared(&self, subject: &str, group: &str) -> Result<Subscription, Error> {
        self.reach().await?;
        self.bus.inbox(&self.machine).subscribe_shared(subject, group).await
    }
}
