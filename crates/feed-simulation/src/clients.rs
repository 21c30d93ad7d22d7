//! Requests, decided as the gateway decides: the leases, then the look-up by the one rule, then the leases again.

use crate::change::{self, Change, Whose, Wish};
use crate::checker::Decision;
use crate::gateway::{Gateway, Life};
use crate::owner::Owner;
use crate::session::{Credential, Session, issue};
use crate::store::Connection;
use crate::wiring::Mutant;
use crate::world::World;
use change_feed::Staleness;
use model::{ApplicationId, Clock as _, TokenId};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many sessions the clients hold on to.
const HELD: usize = 40;

pub struct Clients {
    pub world: Arc<World>,
    pub owners: [Arc<Owner>; 2],
    pub gateways: Vec<Arc<Gateway>>,
    pub applications: Vec<ApplicationId>,
    pub tokens: Mutex<Vec<TokenId>>,
    held: Mutex<Vec<Arc<Session>>>,
    issued: AtomicU64,
}

/// What one decision came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Admitted,
    Refused,
    /// Without live leases.
    Undecided,
}

impl Clients {
    pub fn new(world: Arc<World>, owners: [Arc<Owner>; 2], gateways: Vec<Arc<Gateway>>) -> Arc<Self> {
        let applications = (0..2).map(|_| ApplicationId::from_bytes(world.chance.bytes())).collect();
        let (tokens, held, issued) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { world, owners, gateways, applications, tokens, held, issued })
    }

    /// Requests without end, at any gateway.
    pub async fn send(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.world.chance.millis(10..120)).await;
            let chance = &self.world.chance;
            let Some(gateway) = chance.pick(&self.gateways).cloned() else { return };
            let held = chance.pick(&self.held.lock()).cloned();
            match held.filter(|_| chance.permille(600)) {
                Some(session) => self.present(&gateway, session),
                None => self.present_pair(&gateway),
            }
        }
    }

    /// At the gateway's process, whenever it runs again.
    fn present(self: &Arc<Self>, gateway: &Arc<Gateway>, session: Arc<Session>) {
        let Some(life) = gateway.life() else { return };
        let (clients, gateway) = (self.clone(), gateway.clone());
        life.process.clone().spawn(async move {
            clients.decide(&gateway, &life, &session).await;
        });
    }

    fn credential(&self) -> Option<Credential> {
        let chance = &self.world.chance;
        let token = *chance.pick(&self.tokens.lock())?;
        let newest =
            self.owners.first()?.store.peek(|tables| tables.tokens.get(&token).map_or(1, |row| row.version));
        let version = newest.saturating_sub(i64::try_from(chance.below(3)).unwrap_or_default()).max(1);
        Some(Credential { token, version, application: *chance.pick(&self.applications)? })
    }

    fn present_pair(self: &Arc<Self>, gateway: &Arc<Gateway>) {
        let (Some(life), Some(credential)) = (gateway.life(), self.credential()) else { return };
        let (clients, gateway) = (self.clone(), gateway.clone());
        life.process.clone().spawn(async move {
            let kept = life.kept.lock().get(&credential).cloned();
            if let Some(session) = kept {
                if clients.decide(&gateway, &life, &session).await != Verdict::Refused {
                    return;
                }
                life.kept.lock().remove(&credential);
            }
            if let Some(session) = clients.exchange(&life, credential).await {
                clients.decide(&gateway, &life, &session).await;
            }
        });
    }

    pub async fn exchange(&self, life: &Life, credential: Credential) -> Option<Arc<Session>> {
        let stores: [&Connection; 2] = self.owners.each_ref().map(|owner| &owner.store);
        let number = self.issued.fetch_add(1, Ordering::Relaxed) + 1;
        let session = issue(&self.world, stores, credential, number).await?;
        let session = if self.world.wiring.is(Mutant::FillWithoutPosition) {
            let session = Arc::into_inner(session)?;
            Arc::new(Session { as_of: life.positions(), ..session })
        } else {
            session
        };
        life.kept.lock().insert(credential, session.clone());
        let mut held = self.held.lock();
        if held.len() >= HELD {
            held.remove(usize::try_from(self.world.chance.below(HELD as u64)).unwrap_or_default());
        }
        held.push(session.clone());
        Some(session)
    }

    /// A thread may stop anywhere.
    async fn stall(&self) {
        if self.world.befalls(self.world.faults.stalls) {
            self.world.nap(self.world.chance.millis(0..7_000)).await;
        }
    }

    pub async fn decide(&self, gateway: &Gateway, life: &Life, session: &Session) -> Verdict {
        let world = &self.world;
        let mut leases = life.leases();
        self.stall().await;
        let (looked_up, seen) = (world.moment(), life.seen.now());
        let judged = judge(gateway, life, session);
        self.stall().await;
        if world.wiring.is(Mutant::LeaseTakenAfter) {
            leases = life.leases();
        }
        let (decided, now) = (world.moment(), gateway.clock.boot());
        let is_covered =
            leases.iter().all(|lease| lease.covers(now)) || world.wiring.is(Mutant::LeaseUnchecked);
        let stands =
            is_covered || leases.iter().all(|lease| lease.allows(Staleness::UpTo(gateway.staleness), now));
        let verdict = match (stands, judged) {
            (false, _) => Verdict::Undecided,
            (true, true) => Verdict::Admitted,
            (true, false) => Verdict::Refused,
        };
        if verdict != Verdict::Undecided || world.chance.below(20) == 0 {
            world.note(&life.name, &format!("{verdict:?}: {session}"));
        }
        world.checker.decided(&Decision {
            gateway: &gateway.name,
            session,
            looked_up,
            decided,
            is_admitted: verdict == Verdict::Admitted,
            is_refused: verdict == Verdict::Refused && is_covered,
            staleness: gateway.staleness,
            seen: &seen,
        });
        verdict
    }

    /// Somebody changes something, until all faults are over; then the clients try at once what should be refused.
    pub async fn change(self: Arc<Self>) {
        while !self.world.is_healed() {
            tokio::time::sleep(self.world.chance.millis(100..2_500)).await;
            let Some(wish) = self.wish() else { continue };
            let Some(owner) = self.owners.get(wish.feed()) else { return };
            let Some(instance) = self.world.chance.pick(&owner.instances).cloned() else { return };
            let Some((process, feed)) = instance.running() else { continue };
            let (clients, owner) = (self.clone(), owner.clone());
            process.spawn(async move {
                let made = change::make(&clients.world, &owner, &instance.name, &feed, wish).await;
                if let Some(change) = made.and_then(|number| clients.world.checker.change(number)) {
                    tokio::spawn(async move { clients.probe(&change).await });
                }
            });
        }
    }

    fn wish(&self) -> Option<Wish> {
        let chance = &self.world.chance;
        let token = *chance.pick(&self.tokens.lock())?;
        Some(match chance.below(12) {
            0 => Wish::Delete(token),
            1..=3 => Wish::Disable(token),
            4 | 5 => Wish::Enable(token),
            6 | 7 => Wish::Rotate { token, overlaps: chance.below(2) == 0 },
            8 => Wish::End(Whose::Application(*chance.pick(&self.applications)?)),
            9 => Wish::End(Whose::Token(token)),
            _ => Wish::End(Whose::Session(chance.pick(&self.held.lock())?.id)),
        })
    }

    async fn probe(self: &Arc<Self>, change: &Change) {
        for pause in [0, 30, 200, 1_000] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let held = self.held.lock().clone();
            let ended = held.into_iter().rev().filter(|session| change.concerns(session));
            let ended: Vec<_> = ended.take(3).collect();
            for gateway in &self.gateways {
                for session in &ended {
                    self.present(gateway, session.clone());
                }
            }
        }
    }
}

fn judge(gateway: &Gateway, life: &Life, session: &Session) -> bool {
    let [registry, issuer] = session.as_of;
    let Session { id, token, version, application, .. } = session;
    life.sessions.judge_session(id, application, Some(token), issuer).is_ok()
        && life.tokens.judge_token(token, *version, registry, gateway.clock.now()).is_ok()
}
