//! The owner's side: announce a change after its commit, and confirm that it has arrived.

use crate::lease::{self, Lease};
use crate::log::{self, Appended, Head};
use crate::subject;
use bus::Bus;
use database::Database;
use model::{Clock, Error, SessionDuration, Timestamp};
use prost::Message as _;
use proto::change_feed as wire;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Whether a mutating call waits for the enforcement points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    None,
    Confirmed,
}

impl From<wire::Wait> for Wait {
    fn from(wait: wire::Wait) -> Self {
        match wait {
            wire::Wait::Unspecified | wire::Wait::Confirmed => Self::Confirmed,
            wire::Wait::None => Self::None,
        }
    }
}

/// How long things last.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// A replica that has not been heard of for this long decides nothing.
    pub lease: Duration,
    /// A confirmation gives up after this: longer than a lease, so that it only happens when the database is away.
    pub deadline: Duration,
    /// Replicas that were away for longer load the objects again.
    pub keep_entries: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(5),
            deadline: Duration::from_secs(10),
            keep_entries: Duration::from_hours(1),
        }
    }
}

/// How often other processes' acknowledgements are looked for; those that arrive here wake the waiter at once.
const POLL: Duration = Duration::from_millis(10);

/// One owning service's feed.
pub struct Feed {
    name: &'static str,
    database: Database,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    epoch: String,
    acknowledged: Notify,
}

impl Feed {
    /// Opens the feed of a migrated database. `name` is the service's.
    pub async fn open(
        name: &'static str,
        database: Database,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let Head { epoch, .. } = log::open(&database).await?;
        Ok(Self { name, database, bus, clock, settings, epoch, acknowledged: Notify::new() })
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Until when a revocation must be remembered: no session that it ends can be alive afterwards.
    pub fn keep_revocation_until(&self) -> Timestamp {
        self.clock.now().after(SessionDuration::LONGEST + Duration::from_hours(24))
    }

    /// Sends committed entries out and, if asked, waits until every enforcement point that may decide has applied them
    /// or may not decide any more. Never fails: the change is committed, and the answer says how far it has come.
    pub async fn announce(&self, appended: Appended, wait: Wait) -> wire::Propagation {
        let position = appended.position();
        if position == 0 {
            return wire::Propagation::default();
        }
        let started = self.clock.boot();
        let broadcast = wire::Broadcast { epoch: self.epoch.clone(), entries: appended.entries };
        if let Err(error) = self.bus.publish(&subject(self.name), broadcast.encode_to_vec().into()).await {
            tracing::warn!(feed = self.name, position, %error, "broadcast failed; replicas catch up by heartbeat");
        }
        let mut propagation = wire::Propagation { position, ..wire::Propagation::default() };
        if wait == Wait::Confirmed {
            self.confirm(position, &mut propagation).await;
        }
        let elapsed = self.clock.boot().since(started).as_millis();
        propagation.elapsed_ms = i64::try_from(elapsed).unwrap_or(i64::MAX);
        propagation
    }

    async fn confirm(&self, position: u64, propagation: &mut wire::Propagation) {
        let mut waiting = Waiting::new(position);
        let outcome = tokio::time::timeout(self.settings.deadline, async {
            loop {
                let acknowledged = self.acknowledged.notified();
                match self.leases().await {
                    Ok((leases, now)) if waiting.is_over(&leases, now) => return,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(feed = self.name, position, %error, "reading leases failed; retrying")
                    }
                }
                let _ = tokio::time::timeout(POLL, acknowledged).await;
            }
        });
        let finished = outcome.await.is_ok();
        propagation.confirmed = waiting.confirmed;
        propagation.fenced = waiting.fenced;
        if !finished {
            propagation.not_confirmed = waiting.names();
            tracing::error!(feed = self.name, position, waiting = ?propagation.not_confirmed, "not confirmed in time");
        }
    }

    async fn leases(&self) -> Result<(Vec<Lease>, Timestamp), Error> {
        // The clock first: a lease that runs out in between is waited for a moment longer, never shorter.
        let now = self.database.now(&*self.clock).await?;
        Ok((lease::list(&self.database).await?, now))
    }

    pub(crate) async fn heartbeat(
        &self,
        request: &wire::HeartbeatRequest,
    ) -> Result<wire::HeartbeatResponse, Error> {
        let now = self.database.now(&*self.clock).await?;
        lease::grant(&self.database, request, now, self.settings.lease).await?;
        // After the grant: whoever commits later reads this lease and waits for it.
        let head = log::head(&self.database).await?;
        self.acknowledged.notify_waiters();
        let lease_ms = i64::try_from(self.settings.lease.as_millis()).unwrap_or(i64::MAX);
        Ok(wire::HeartbeatResponse { epoch: head.epoch, head: head.position, lease_ms })
    }

    pub(crate) async fn acknowledge(&self, incarnation: &str, applied: u64) -> Result<(), Error> {
        lease::acknowledge(&self.database, incarnation, applied).await?;
        self.acknowledged.notify_waiters();
        Ok(())
    }

    pub(crate) async fn release(&self, incarnation: &str) -> Result<(), Error> {
        lease::release(&self.database, incarnation).await?;
        self.acknowledged.notify_waiters();
        Ok(())
    }

    pub(crate) async fn objects(&self, after: &str, limit: u32) -> Result<wire::ListObjectsResponse, Error> {
        let limit = page_size(limit);
        // The head first: what the page misses lies after it.
        let head = log::head(&self.database).await?;
        let objects = log::objects_after(&self.database, after, limit).await?;
        let has_more = objects.len() >= limit as usize;
        Ok(wire::ListObjectsResponse { epoch: head.epoch, head: head.position, objects, has_more })
    }

    pub(crate) async fn entries(&self, after: u64, limit: u32) -> Result<wire::ListEntriesResponse, Error> {
        let entries = log::entries_after(&self.database, after, page_size(limit)).await?;
        let head = log::head(&self.database).await?;
        let compacted = entries.is_none();
        let entries = entries.unwrap_or_default();
        Ok(wire::ListEntriesResponse { epoch: head.epoch, head: head.position, entries, compacted })
    }

    pub(crate) async fn replicas(&self) -> Result<wire::ListReplicasResponse, Error> {
        let (leases, now) = self.leases().await?;
        let head = log::head(&self.database).await?.position;
        Ok(wire::ListReplicasResponse {
            head,
            replicas: leases.into_iter().map(|l| l.into_wire(now)).collect(),
        })
    }

    /// Forgets, every minute, what nobody can need any more.
    pub async fn keep_compact(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(Duration::from_mins(1));
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let long_ago = |age: Duration| {
                let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(self.clock.now().as_millis().saturating_sub(age))
            };
            let compacted =
                log::compact(&self.database, &*self.clock, long_ago(self.settings.keep_entries)).await;
            let pruned = lease::prune(&self.database, long_ago(Duration::from_hours(1))).await;
            if let Err(error) = compacted.and(pruned) {
                tracing::warn!(feed = self.name, %error, "compacting failed; trying again in a minute");
            }
        }
    }
}

const fn page_size(asked: u32) -> u32 {
    match asked {
        0 => 1_000,
        1..=10_000 => asked,
        _ => 10_000,
    }
}

/// The enforcement points that a confirmation waits for: those whose lease was live when it began.
struct Waiting {
    position: u64,
    /// By incarnation: name, and when the lease ends that was running at the first look.
    pending: Option<HashMap<String, (String, i64)>>,
    confirmed: u32,
    fenced: u32,
}

impl Waiting {
    const fn new(position: u64) -> Self {
        Self { position, pending: None, confirmed: 0, fenced: 0 }
    }

    /// A lease that is renewed meanwhile counts by its first end: the renewal's answer names this position, and the
    /// replica may not use it before it has applied that.
    fn is_over(&mut self, leases: &[Lease], now: Timestamp) -> bool {
        let pending = self.pending.get_or_insert_with(|| {
            let live = leases.iter().filter(|lease| lease.lease_until_ms > now.as_millis());
            live.map(|lease| (lease.incarnation.clone(), (lease.replica.clone(), lease.lease_until_ms)))
                .collect()
        });
        let applied: HashMap<&str, u64> =
            leases.iter().map(|l| (l.incarnation.as_str(), l.applied())).collect();
        pending.retain(|incarnation, (_, lease_until_ms)| match applied.get(incarnation.as_str()) {
            Some(applied) if *applied >= self.position => {
                self.confirmed += 1;
                false
            }
            Some(_) if *lease_until_ms > now.as_millis() => true,
            Some(_) | None => {
                self.fenced += 1;
                false
            }
        });
        pending.is_empty()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.pending.iter().flat_map(HashMap::values).map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }
}
