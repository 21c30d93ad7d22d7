//! One life of a replica, from its start to its stop.

use super::{DRIFT_DIVISOR, Fence, PATIENCE, RETRY, Replica, View};
use crate::broadcast::BroadcastKey;
use crate::{history, lease, subject};
use bus::{Message, Subscription};
use bytes::Bytes;
use model::Error;
use proto::change_feed::{self as wire, Entry};
use std::time::Duration;
use telemetry::trace::{Kind, Span};
use tokio::time::Instant;

/// Broadcasts that are acknowledged at once.
const TOGETHER: u32 = 256;

/// Its own incarnation, and what it has loaded.
pub(super) struct Life<'a, V> {
    replica: &'a Replica<V>,
    incarnation: String,
    /// The history that it follows, from the first heartbeat on.
    epoch: Option<String>,
    is_loaded: bool,
    broadcast_key: Option<BroadcastKey>,
    acknowledged: u64,
    head: u64,
    /// The length of the last lease, which paces the heartbeats.
    lease: Duration,
}

impl<'a, V: View> Life<'a, V> {
    pub fn new(replica: &'a Replica<V>) -> Self {
        Self {
            replica,
            incarnation: uuid::Uuid::new_v4().simple().to_string(),
            epoch: None,
            is_loaded: false,
            broadcast_key: None,
            acknowledged: 0,
            head: 0,
            lease: Duration::from_secs(1),
        }
    }

    pub async fn live(&mut self) {
        let mut broadcasts = None;
        while self.replica.gate.fenced_for_good().is_none() {
            // A bus that is away costs speed alone: heartbeats bring everything, and it is tried again at each.
            if broadcasts.is_none() {
                broadcasts = self.subscribe().await;
            }
            let begun = Instant::now();
            let renewal = self.renew().await;
            if let Err(error) = &renewal {
                self.count("sallyport_replica_heartbeat_failures_total");
                tracing::warn!(feed = self.replica.feed, %error, "renewing the lease failed");
            }
            self.measure();
            let replica = self.replica;
            let next = if renewal.is_ok() {
                // The lease counts from the heartbeat's beginning: one that loaded for long may be over already.
                let pause = (begun + self.lease / 3).max(Instant::now() + RETRY.min(self.lease / 3));
                tokio::select! {
                    next = self.follow_until(&mut broadcasts, pause) => next,
                    () = replica.has_more_to_tell() => Ok(()),
                }
            } else {
                self.follow_until(&mut broadcasts, Instant::now() + RETRY).await
            };
            if let Err(error) = next {
                tracing::warn!(feed = self.replica.feed, %error, "catching up failed; the next heartbeat tries again");
                tokio::time::sleep(RETRY).await;
            }
        }
        // Nobody need wait for a replica that decides nothing.
        self.release().await;
        loop {
            self.measure();
            let because = self.replica.gate.fenced_for_good().map_or("", Fence::as_str);
            let feed = self.replica.feed;
            tracing::error!(feed, because, "fenced for good; restart this process once somebody has looked");
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    }

    /// Gives the lease back, if the owner can be reached; otherwise it runs out.
    pub async fn release(&self) {
        let release = self.replica.source.release(self.incarnation.clone());
        let _ = tokio::time::timeout(PATIENCE, release).await;
    }

    async fn subscribe(&self) -> Option<Subscription> {
        let subject = subject(self.replica.feed);
        match tokio::time::timeout(RETRY, self.replica.bus.subscribe(&subject)).await {
            Ok(Ok(subscription)) => return Some(subscription),
            Ok(Err(error)) => {
                tracing::warn!(feed = self.replica.feed, %error, "subscribing failed; retrying");
            }
            Err(_) => tracing::warn!(feed = self.replica.feed, "subscribing took too long; retrying"),
        }
        None
    }

    /// One heartbeat. The lease counts from before it was sent, and only once everything up to its head is applied.
    async fn renew(&mut self) -> Result<(), Error> {
        let sent_at = self.replica.clock.boot();
        let applied = self.replica.gate.applied();
        let staleness = *self.replica.staleness.borrow();
        let request = wire::HeartbeatRequest {
            replica: self.replica.name.clone(),
            incarnation: self.incarnation.clone(),
            applied,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            staleness_ms: staleness.as_millis(),
        };
        // Until the answer is here, the owner may have noted this or what it was told before.
        self.replica.gate.tell(staleness.min(self.replica.gate.staleness()));
        // A lease that is answered after its end is worth nothing.
        let answer =
            tokio::time::timeout(self.lease.max(PATIENCE), self.replica.source.heartbeat(request)).await;
        let late = |_| Error::unavailable("the feed's owner", "no answer to a heartbeat");
        let wire::HeartbeatResponse { epoch, head, lease_ms, feed, broadcast_key } =
            answer.map_err(late)??;
        if feed != self.replica.feed {
            return Err(self.fence(Fence::WrongFeed, &format!("this is the feed of {feed}")));
        }
        self.acknowledged = self.acknowledged.max(applied);
        self.check_history(&epoch, head)?;
        self.broadcast_key = Some(BroadcastKey::new(&broadcast_key)?);
        if !self.is_loaded {
            self.load().await?;
            self.is_loaded = true;
        }
        self.catch_up(head).await?;
        self.lease = Duration::from_millis(u64::try_from(lease_ms).unwrap_or_default()).min(lease::LONGEST);
        let counted = self.lease.saturating_sub(self.lease / DRIFT_DIVISOR);
        self.replica.gate.tell(staleness);
        self.replica.gate.extend(sent_at.after(counted));
        self.acknowledge().await
    }

    /// A history that went backwards is a restored database of which its owner knows nothing: nothing is decided until
    /// somebody has looked and restarted this process. One that the owner has begun anew, beyond every position of the
    /// one before, is followed from its start.
    fn check_history(&mut self, epoch: &str, head: u64) -> Result<(), Error> {
        let known = self.epoch.get_or_insert_with(|| epoch.to_owned());
        let applied = self.replica.gate.applied();
        self.head = self.head.max(head);
        if known == epoch && head >= applied {
            return Ok(());
        }
        let histories = format!("head {head} of epoch {epoch}, applied {applied} of epoch {known}");
        if head < applied {
            return Err(self.fence(Fence::History, &histories));
        }
        self.replica.gate.fence();
        *self = Self::new(self.replica);
        self.count("sallyport_replica_histories_resumed_total");
        Err(Error::unavailable("the feed's owner", format!("its history begins anew: {histories}")))
    }

    /// Decides nothing any more.
    fn fence(&self, because: Fence, detail: &str) -> Error {
        let feed = self.replica.feed;
        self.replica.gate.fence_for_good(because);
        metrics::counter!("sallyport_replica_fences_total", "feed" => feed, "reason" => because.as_str())
            .increment(1);
        Error::internal(format!("{feed} cannot be followed: {detail}"))
    }

    /// Every entry is of a kind that can be judged here.
    fn check_kinds(&self, entries: &[Entry]) -> Result<(), Error> {
        let is_known = |entry: &&Entry| {
            let kind = entry.object.split_once('/').map_or(entry.object.as_str(), |(kind, _)| kind);
            kind == history::KIND || V::KINDS.contains(&kind)
        };
        match entries.iter().find(|entry| !is_known(entry)) {
            None => Ok(()),
            Some(entry) => {
                let detail =
                    format!("{:?} at position {} is of an unknown kind", entry.object, entry.position);
                Err(self.fence(Fence::UnknownKind, &detail))
            }
        }
    }

    async fn load(&mut self) -> Result<(), Error> {
        let (mut objects, mut from, mut after) = (Vec::new(), None, String::new());
        loop {
            let page = self.replica.source.objects(after).await?;
            self.check_history(&page.epoch, page.head)?;
            // Followed from the first page's head: later pages may hold newer states, which is harmless.
            from.get_or_insert(page.head);
            after = page.objects.last().map(|entry| entry.object.clone()).unwrap_or_default();
            objects.extend(page.objects);
            if !page.has_more {
                break;
            }
        }
        self.check_kinds(&objects)?;
        self.count("sallyport_replica_loads_total");
        self.replica.view.load(objects);
        self.replica.gate.set_applied(from.unwrap_or_default());
        Ok(())
    }

    async fn catch_up(&mut self, head: u64) -> Result<(), Error> {
        loop {
            let applied = self.replica.gate.applied();
            if applied >= head {
                return Ok(());
            }
            let page = self.replica.source.entries(applied).await?;
            self.check_history(&page.epoch, page.head)?;
            if page.compacted {
                self.load().await?;
            } else {
                self.apply(&page.entries)?;
            }
            if self.replica.gate.applied() == applied {
                return Err(Error::internal("the log ends before its head"));
            }
        }
    }

    /// Applies what follows on; anything else waits for a catch-up.
    fn apply(&self, entries: &[Entry]) -> Result<(), Error> {
        let applied = self.replica.gate.applied();
        let news = entries.iter().position(|entry| entry.position == applied + 1);
        let Some(news) = news.and_then(|first| entries.get(first..)) else { return Ok(()) };
        let dense =
            (applied + 1..).zip(news).take_while(|(expected, entry)| entry.position == *expected).count();
        let Some(news) = news.get(..dense) else { return Ok(()) };
        self.check_kinds(news)?;
        self.replica.view.apply(news);
        if let Some(last) = news.last() {
            self.replica.gate.set_applied(last.position);
        }
        Ok(())
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

    /// Receives broadcasts until the next heartbeat is due, however many there are.
    async fn follow_until(
        &mut self,
        broadcasts: &mut Option<Subscription>,
        until: Instant,
    ) -> Result<(), Error> {
        while let Some(subscription) = broadcasts
            && Instant::now() < until
        {
            // What is cut off here, the heartbeat that is due does.
            let mut message = tokio::time::timeout_at(until, subscription.receive()).await;
            // Those that wait already are acknowledged together.
            for _ in 0..TOGETHER {
                match message {
                    Ok(Some(message)) => {
                        let Message { payload, trace } = message;
                        let span = Span::received(Kind::Consumer, || "process change".to_owned(), &trace);
                        span.set("messaging.destination.name", || subject(self.replica.feed));
                        let received = span.run(self.receive(payload));
                        let received = tokio::time::timeout_at(until, received).await;
                        received.unwrap_or(Ok(()))?;
                    }
                    Ok(None) => {
                        *broadcasts = None;
                        break;
                    }
                    Err(_) => break,
                }
                let Some(subscription) = broadcasts else { break };
                message = tokio::time::timeout(Duration::ZERO, subscription.receive()).await;
            }
            tokio::time::timeout_at(until, self.acknowledge()).await.unwrap_or(Ok(()))?;
        }
        tokio::time::sleep_until(until).await;
        Ok(())
    }

    async fn receive(&mut self, message: Bytes) -> Result<(), Error> {
        // Not one heartbeat was answered yet.
        let Some(key) = &self.broadcast_key else { return Ok(()) };
        let Some(broadcast) = key.open(message) else {
            let feed = self.replica.feed;
            metrics::counter!("sallyport_replica_broadcasts_rejected_total", "feed" => feed, "reason" => "not_the_owners")
                .increment(1);
            tracing::warn!(feed, "a broadcast that is not the owner's was ignored");
            return Ok(());
        };
        if !self.is_loaded || self.epoch.as_ref() != Some(&broadcast.epoch) {
            return Ok(());
        }
        self.head = self.head.max(broadcast.position);
        self.apply(&broadcast.entries)?;
        if self.replica.gate.applied() < broadcast.position {
            // A gap, a message that overtook another, or a change too large for the bus: read what is missing.
            self.count("sallyport_replica_gaps_repaired_total");
            self.catch_up(broadcast.position).await?;
        }
        Ok(())
    }

    fn count(&self, counter: &'static str) {
        metrics::counter!(counter, "feed" => self.replica.feed).increment(1);
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is for people")]
    fn measure(&self) {
        let (feed, gate) = (self.replica.feed, &self.replica.gate);
        let applied = gate.applied();
        let is_live = gate.is_live(self.replica.clock.boot());
        metrics::gauge!("sallyport_replica_applied", "feed" => feed).set(applied as f64);
        metrics::gauge!("sallyport_replica_lag", "feed" => feed)
            .set(self.head.saturating_sub(applied) as f64);
        metrics::gauge!("sallyport_replica_is_live", "feed" => feed).set(f64::from(u8::from(is_live)));
    }
}
