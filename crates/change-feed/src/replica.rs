//! The enforcement point's side: a lease, a view of the owner's objects, and the rule when it may decide.

use crate::source::Source;
use crate::subject;
use bus::{Bus, Subscription};
use model::{BootTime, Clock, Error};
use prost::Message as _;
use proto::change_feed::{self as wire, Entry};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a replica knows of the owner's objects.
///
/// Both calls return only when the new state is visible to every thread that decides.
pub trait View: Send + Sync + 'static {
    /// Forgets everything and takes these objects instead.
    fn load(&self, objects: Vec<Entry>);
    /// Applies changes in order. An entry older than what is known of its object changes nothing.
    fn apply(&self, entries: &[Entry]);
}

/// Whether this replica may decide, and as of which position. Read on every request: two loads, no lock.
#[derive(Debug, Default)]
pub struct Gate {
    /// Nanoseconds of boot time; 0: no lease.
    live_until: AtomicU64,
    applied: AtomicU64,
}

/// The lease at one moment. Taken *before* the view is looked up and checked *after*: a lease that was lost and won
/// again in between does not cover what was looked up before.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    live_until: u64,
}

impl Lease {
    /// Whether a decision made now, from what was looked up since the lease was taken, may stand.
    pub fn covers(self, now: BootTime) -> bool {
        nanos(now) < self.live_until
    }
}

impl Gate {
    /// Taken after the last await before a decision.
    pub fn lease(&self) -> Lease {
        Lease { live_until: self.live_until.load(Ordering::Acquire) }
    }

    /// Whether a decision may be made now.
    pub fn is_live(&self, now: BootTime) -> bool {
        self.lease().covers(now)
    }

    /// Highest position applied. Everything at or before it is visible.
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    fn set_applied(&self, position: u64) {
        self.applied.fetch_max(position, Ordering::AcqRel);
    }

    fn extend(&self, until: BootTime) {
        self.live_until.fetch_max(nanos(until), Ordering::AcqRel);
    }

    fn fence(&self) {
        self.live_until.store(0, Ordering::Release);
    }
}

fn nanos(time: BootTime) -> u64 {
    u64::try_from(time.as_duration().as_nanos()).unwrap_or(u64::MAX)
}

/// Follows one feed for as long as it runs.
pub struct Replica<V> {
    /// The owning service's name.
    pub feed: &'static str,
    /// This process's name, for people.
    pub name: String,
    pub source: Arc<dyn Source>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub view: Arc<V>,
    pub gate: Arc<Gate>,
}

/// Part of a lease that is given up, for clocks that do not run at exactly the same rate.
const DRIFT_DIVISOR: u32 = 10;
/// Between attempts when the owner does not answer.
const RETRY: Duration = Duration::from_millis(200);

/// One life of a replica: its own incarnation, and what it has loaded.
struct Life<'a, V> {
    replica: &'a Replica<V>,
    incarnation: String,
    epoch: Option<String>,
    acknowledged: u64,
    /// The length of the last lease, which paces the heartbeats.
    lease: Duration,
}

impl<V: View> Replica<V> {
    /// Until `stop`; then gives the lease back.
    pub async fn follow(self, stop: CancellationToken) {
        let mut life = Life {
            replica: &self,
            incarnation: uuid::Uuid::new_v4().simple().to_string(),
            epoch: None,
            acknowledged: 0,
            lease: Duration::from_secs(1),
        };
        stop.run_until_cancelled(life.live()).await;
        self.gate.fence();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.source.release(life.incarnation)).await;
    }
}

impl<V: View> Life<'_, V> {
    async fn live(&mut self) {
        // Subscribed before the first heartbeat: nothing committed after it can be missed unnoticed.
        let mut broadcasts = self.subscribe().await;
        loop {
            let renewal = self.renew().await;
            if let Err(error) = &renewal {
                tracing::warn!(feed = self.replica.feed, %error, "renewing the lease failed");
            }
            let pause = if renewal.is_ok() { self.lease / 3 } else { RETRY };
            let next = self.follow_until(&mut broadcasts, tokio::time::Instant::now() + pause).await;
            if let Err(error) = next {
                tracing::warn!(feed = self.replica.feed, %error, "catching up failed; the next heartbeat tries again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    async fn subscribe(&self) -> Subscription {
        loop {
            match self.replica.bus.subscribe(&subject(self.replica.feed)).await {
                Ok(subscription) => return subscription,
                Err(error) => {
                    tracing::warn!(feed = self.replica.feed, %error, "subscribing failed; retrying")
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// One heartbeat. The lease counts from before it was sent, and only once everything up to its head is applied.
    async fn renew(&mut self) -> Result<(), Error> {
        let sent_at = self.replica.clock.boot();
        let applied = self.replica.gate.applied();
        let request = wire::HeartbeatRequest {
            replica: self.replica.name.clone(),
            incarnation: self.incarnation.clone(),
            applied,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let answer = self.replica.source.heartbeat(request).await?;
        self.acknowledged = self.acknowledged.max(applied);
        self.check_history(&answer)?;
        if self.epoch.is_none() {
            self.load().await?;
            self.epoch = Some(answer.epoch);
        }
        self.catch_up(answer.head).await?;
        self.lease = Duration::from_millis(u64::try_from(answer.lease_ms).unwrap_or_default());
        self.replica.gate.extend(sent_at.after(self.lease - self.lease / DRIFT_DIVISOR));
        self.acknowledge().await
    }

    /// A history that went backwards or changed its name is a restored database: nothing is decided on it until
    /// somebody has looked and restarted this process.
    fn check_history(&self, answer: &wire::HeartbeatResponse) -> Result<(), Error> {
        let is_same = self.epoch.as_ref().is_none_or(|epoch| *epoch == answer.epoch);
        if is_same && answer.head >= self.replica.gate.applied() {
            return Ok(());
        }
        self.replica.gate.fence();
        Err(Error::internal(format!(
            "the history of {} went backwards: head {} of epoch {}, applied {} of epoch {:?}",
            self.replica.feed,
            answer.head,
            answer.epoch,
            self.replica.gate.applied(),
            self.epoch
        )))
    }

    async fn load(&mut self) -> Result<(), Error> {
        let (mut objects, mut from, mut after) = (Vec::new(), None, String::new());
        loop {
            let page = self.replica.source.objects(after).await?;
            // Followed from the first page's head: later pages may hold newer states, which is harmless.
            from.get_or_insert(page.head);
            after = page.objects.last().map(|entry| entry.object.clone()).unwrap_or_default();
            objects.extend(page.objects);
            if !page.has_more {
                break;
            }
        }
        self.replica.view.load(objects);
        self.replica.gate.set_applied(from.unwrap_or_default());
        Ok(())
    }

    async fn catch_up(&mut self, head: u64) -> Result<(), Error> {
        while self.replica.gate.applied() < head {
            let page = self.replica.source.entries(self.replica.gate.applied()).await?;
            if page.compacted {
                self.load().await?;
                continue;
            }
            if page.entries.is_empty() {
                return Err(Error::internal("the log ends before its head"));
            }
            self.apply(&page.entries);
        }
        Ok(())
    }

    /// Applies what follows on; anything else waits for a catch-up.
    fn apply(&self, entries: &[Entry]) {
        let applied = self.replica.gate.applied();
        let news = entries.iter().position(|entry| entry.position == applied + 1);
        let Some(news) = news.and_then(|first| entries.get(first..)) else { return };
        let dense =
            (applied + 1..).zip(news).take_while(|(expected, entry)| entry.position == *expected).count();
        let Some(news) = news.get(..dense) else { return };
        self.replica.view.apply(news);
        if let Some(last) = news.last() {
            self.replica.gate.set_applied(last.position);
        }
    }

    async fn acknowledge(&mut self) -> Result<(), Error> {
        let applied = self.replica.gate.applied();
        if applied <= self.acknowledged {
            return Ok(());
        }
        let request = wire::AcknowledgeRequest { incarnation: self.incarnation.clone(), applied };
        self.replica.source.acknowledge(request).await?;
        self.acknowledged = applied;
        Ok(())
    }

    async fn follow_until(
        &mut self,
        broadcasts: &mut Subscription,
        until: tokio::time::Instant,
    ) -> Result<(), Error> {
        while let Ok(message) = tokio::time::timeout_at(until, broadcasts.next()).await {
            let Some(message) = message else {
                // The bus is gone: heartbeats carry on, and a new subscription is tried at each.
                tokio::time::sleep_until(until).await;
                *broadcasts = self.subscribe().await;
                return Ok(());
            };
            match wire::Broadcast::decode(message) {
                Ok(broadcast) => self.receive(&broadcast).await?,
                Err(error) => {
                    tracing::warn!(feed = self.replica.feed, %error, "unreadable broadcast ignored")
                }
            }
        }
        Ok(())
    }

    async fn receive(&mut self, broadcast: &wire::Broadcast) -> Result<(), Error> {
        if self.epoch.as_ref() != Some(&broadcast.epoch) {
            return Ok(());
        }
        self.apply(&broadcast.entries);
        let announced = broadcast.entries.last().map_or(0, |entry| entry.position);
        // A gap, or a message that overtook another: read what is missing.
        self.catch_up(announced).await?;
        self.acknowledge().await
    }
}
