//! The owner's side: announce a change after its commit, and confirm that it has arrived.

mod acknowledged;
mod clocks;
mod confirm;
mod measure;
mod serving;

use crate::broadcast::BroadcastKey;
use crate::lease;
use crate::log::{Appended, Head, signed};
use crate::store::{Sql, Store};
use crate::subject;
use acknowledged::Acknowledged;
use bus::Bus;
use clocks::Clocks;
use confirm::{Held, History, Look, Waiting};
use database::Database;
use model::{BootTime, Clock, Error, ErrorKind, SessionDuration, Timestamp};
use prost::Message as _;
use proto::change_feed as wire;
use std::sync::Arc;
use std::time::Duration;
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

/// How soon other processes' acknowledgements are looked for, at first and at the least; those that arrive here wake
/// the waiter at once.
const POLL: Duration = Duration::from_millis(10);
const SLOWEST_POLL: Duration = Duration::from_millis(100);
const MEASURE: Duration = Duration::from_secs(10);
const MEASURES_PER_MINUTE: u32 = 6;
/// Leases that ran out are shown to the operator for this long.
const KEEP_LEASES: Duration = Duration::from_hours(1);
/// What its seal adds is far less than what is left.
const LARGEST_BROADCAST: usize = bus::LARGEST_PAYLOAD - 1024;

/// One owning service's feed.
pub struct Feed {
    name: &'static str,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    broadcast_key: BroadcastKey,
    clocks: Clocks,
    acknowledged: Acknowledged,
}

impl Feed {
    /// Opens the feed of a migrated database. `name` is the service's.
    ///
    /// # Errors
    /// The database cannot be read, or the settings make no sense.
    pub async fn open(
        name: &'static str,
        database: Database,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let store = Sql { database, clock: clock.clone() };
        Self::open_on(name, Arc::new(store), bus, clock, settings).await
    }

    /// As [`Self::open`], on any store.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_on(
        name: &'static str,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<Self, Error> {
        if settings.lease.is_zero() || settings.lease > lease::LONGEST {
            let rule =
                format!("must be more than 0 and at most {:?}, and is {:?}", lease::LONGEST, settings.lease);
            return Err(Error::invalid("lease", rule));
        }
        let Head { broadcast_key, .. } = store.open().await?;
        // Whether the database's clock stepped while nobody looked is not known: for one lease it is not believed.
        let clocks = Clocks::suspecting(name, clock.boot(), settings.lease);
        let broadcast_key = BroadcastKey::new(&broadcast_key.0)?;
        Ok(Self {
            name,
            store,
            bus,
            clock,
            settings,
            broadcast_key,
            clocks,
            acknowledged: Acknowledged::default(),
        })
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
            return self.unchanged(wait).await;
        }
        let started = self.clock.boot();
        let Appended { epoch, resumed_at, entries } = appended;
        self.broadcast(wire::Broadcast { epoch: epoch.clone(), entries, position }).await;
        self.confirmed_since(position, History { epoch, resumed_at }, wait, started).await
    }

    /// Nothing was left to change: perhaps because it was changed before, and the answer was lost.
    async fn unchanged(&self, wait: Wait) -> wire::Propagation {
        if wait == Wait::None {
            return wire::Propagation::default();
        }
        self.confirm_head(wait).await.unwrap_or_else(|error| {
            tracing::warn!(feed = self.name, %error, "reading the head failed");
            let unknown = "(unknown: the head could not be read)".to_owned();
            wire::Propagation { not_confirmed: vec![unknown], ..wire::Propagation::default() }
        })
    }

    /// What to answer when there is nothing left to change or delete: a `NotFound` only once everything committed is
    /// confirmed, so that whoever repeats a deletion whose answer was lost hears that it is gone once it is gone
    /// everywhere. Other errors are handed back.
    pub async fn gone(&self, wait: Wait, error: Error) -> Error {
        if error.kind() != ErrorKind::NotFound || wait == Wait::None {
            return error;
        }
        match self.confirm_head(wait).await {
            Ok(propagation) if propagation.not_confirmed.is_empty() => error,
            Ok(propagation) => {
                let waiting = propagation.not_confirmed.join(", ");
                Error::unavailable("the enforcement points", format!("not confirmed by {waiting}"))
            }
            Err(unread) => unread,
        }
    }

    /// Waits, if asked, until everything that is committed now has arrived as [`Self::announce`] says: for a caller who
    /// repeats a change whose answer was lost.
    ///
    /// # Errors
    /// The head cannot be read.
    pub async fn confirm_head(&self, wait: Wait) -> Result<wire::Propagation, Error> {
        let started = self.clock.boot();
        let Head { epoch, position, resumed_at, .. } = self.store.head().await?;
        self.broadcast(wire::Broadcast { epoch: epoch.clone(), entries: Vec::new(), position }).await;
        Ok(self.confirmed_since(position, History { epoch, resumed_at }, wait, started).await)
    }

    async fn broadcast(&self, mut broadcast: wire::Broadcast) {
        if broadcast.encoded_len() > LARGEST_BROADCAST {
            broadcast.entries.clear();
        }
        let position = broadcast.position;
        let sealed = self.broadcast_key.seal(&broadcast);
        if let Err(error) = self.bus.publish(&subject(self.name), sealed).await {
            metrics::counter!("sallyport_feed_broadcast_failures_total", "feed" => self.name).increment(1);
            tracing::warn!(feed = self.name, position, %error, "broadcast failed; replicas catch up by heartbeat");
        }
    }

    async fn confirmed_since(
        &self,
        position: u64,
        history: History,
        wait: Wait,
        started: BootTime,
    ) -> wire::Propagation {
        let mut propagation = wire::Propagation { position, ..wire::Propagation::default() };
        if wait == Wait::Confirmed {
            self.confirm(position, history, &mut propagation).await;
        }
        let elapsed = self.clock.boot().since(started);
        propagation.elapsed_ms = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        if wait == Wait::Confirmed {
            measure::propagation(self.name, &propagation, elapsed);
        }
        propagation
    }

    async fn confirm(&self, position: u64, history: History, propagation: &mut wire::Propagation) {
        let mut waiting = Waiting::new(position, self.settings.lease, history);
        let outcome = tokio::time::timeout(self.settings.deadline, async {
            let (mut pause, mut has_heard) = (POLL, false);
            loop {
                match self.look().await {
                    Ok(look) if waiting.is_over(&look) => return,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(feed = self.name, position, %error, "reading leases failed; retrying");
                    }
                }
                if has_heard {
                    // And yet it is not over: there is more to it than acknowledgements.
                    tokio::time::sleep(pause).await;
                }
                has_heard = tokio::time::timeout(pause, self.heard_of_all(&waiting)).await.is_ok();
                pause = (pause * 2).min(SLOWEST_POLL);
            }
        });
        let finished = outcome.await.is_ok();
        waiting.tell(propagation, finished);
        if !finished {
            tracing::error!(feed = self.name, position, waiting = ?propagation.not_confirmed, "not confirmed in time");
        }
    }

    /// Until everybody who is waited for has acknowledged it here. Acknowledgements through other processes are read.
    async fn heard_of_all(&self, waiting: &Waiting) {
        loop {
            let arrived = self.acknowledged.arrived.notified();
            if waiting.is_applied_by_all(|incarnation| self.acknowledged.applied(incarnation)) {
                return;
            }
            arrived.await;
        }
    }

    /// The database's clock first: a lease that runs out in between is waited for a moment longer, never shorter.
    async fn read_clocks(&self) -> Result<(Timestamp, BootTime, bool), Error> {
        let now = self.store.now().await?;
        let boot = self.clock.boot();
        Ok((now, boot, self.clocks.have_stepped(now, boot, self.settings.lease)))
    }

    async fn look(&self) -> Result<Look, Error> {
        let (now, boot, have_stepped) = self.read_clocks().await?;
        let rows = self.store.leases().await?;
        let mut leases = self.clocks.judge(rows, now, boot, have_stepped, self.settings.lease);
        // After the leases: of another history they say nothing about positions of this one.
        let Head { epoch, position: head, .. } = self.store.head().await?;
        for Held { row, .. } in &mut leases {
            // Nobody has applied what is not there.
            let heard = Some(self.acknowledged.applied(&row.incarnation)).filter(|heard| *heard <= head);
            row.applied = row.applied.max(signed(heard.unwrap_or_default()));
        }
        self.acknowledged
            .forget_all_but(|incarnation| leases.iter().any(|held| held.row.incarnation == incarnation));
        Ok(Look { leases, now, boot, have_stepped, epoch, head })
    }

    /// Forgets, every minute, what nobody can need any more; measures, more often, who follows.
    pub async fn keep_compact(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(MEASURE);
        for tick in 0_u32.. {
            if stop.run_until_cancelled(ticks.tick()).await.is_none() {
                return;
            }
            if let Ok(answer) = self.replicas().await {
                measure::followers(self.name, &answer);
            }
            if tick % MEASURES_PER_MINUTE == 0
                && let Err(error) = self.compact().await
            {
                tracing::warn!(feed = self.name, %error, "compacting failed; trying again in a minute");
            }
        }
    }

    pub(crate) async fn compact(&self) -> Result<(), Error> {
        // By the clock that granted the leases: one that is live is never forgotten.
        let (now, _, have_stepped) = self.read_clocks().await?;
        if have_stepped {
            return Ok(());
        }
        let now = now.as_millis();
        let ago = |age: Duration| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.saturating_sub(age))
        };
        self.store.compact(ago(self.settings.keep_entries), ago(KEEP_LEASES)).await
    }
}
