//! Buses and owners that misbehave when they are told to.

use super::World;
use crate::Feed;
use crate::source::Source;
use async_trait::async_trait;
use bus::{Bus, Subscription};
use bytes::Bytes;
use model::Error;
use proto::change_feed as wire;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Refuses subscriptions until it is told not to.
pub struct Flaky {
    pub is_back: AtomicBool,
    pub bus: Arc<dyn Bus>,
}

#[async_trait]
impl Bus for Flaky {
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), Error> {
        self.bus.publish(subject, payload).await
    }

    async fn subscribe(&self, subject: &str) -> Result<Subscription, Error> {
        if self.is_back.load(Ordering::SeqCst) {
            return self.bus.subscribe(subject).await;
        }
        Err(Error::unavailable("the bus", "it is away"))
    }

    async fn subscribe_shared(&self, subject: &str, _group: &str) -> Result<Subscription, Error> {
        self.subscribe(subject).await
    }
}

/// Counts what is asked, and holds entries back when it is told to.
#[derive(Clone)]
pub struct Watched {
    feed: Arc<Feed>,
    heartbeats: watch::Sender<usize>,
    pub entries: watch::Sender<usize>,
    pub is_held: watch::Sender<bool>,
}

impl Watched {
    pub fn new(feed: Arc<Feed>) -> Self {
        let (heartbeats, entries) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { feed, heartbeats, entries, is_held: watch::Sender::new(false) }
    }

    pub async fn after_heartbeats(&self, number: usize) {
        let now = *self.heartbeats.borrow();
        self.heartbeats.subscribe().wait_for(|count| *count >= now + number).await.unwrap();
    }
}

#[async_trait]
impl Source for Watched {
    async fn heartbeat(&self, request: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Error> {
        let answer = Source::heartbeat(&self.feed, request).await;
        self.heartbeats.send_modify(|count| *count += 1);
        answer
    }

    async fn acknowledge(&self, request: wire::AcknowledgeRequest) -> Result<(), Error> {
        Source::acknowledge(&self.feed, request).await
    }

    async fn release(&self, incarnation: String) -> Result<(), Error> {
        Source::release(&self.feed, incarnation).await
    }

    async fn objects(&self, after: String) -> Result<wire::ListObjectsResponse, Error> {
        Source::objects(&self.feed, after).await
    }

    async fn entries(&self, after: u64) -> Result<wire::ListEntriesResponse, Error> {
        self.entries.send_modify(|count| *count += 1);
        self.is_held.subscribe().wait_for(|is_held| !is_held).await.unwrap();
        Source::entries(&self.feed, after).await
    }
}

/// Answers the objects as they were before a change, and the heartbeat as if it had come after it.
pub struct Racing {
    pub watched: Watched,
    pub world: World,
}

#[async_trait]
impl Source for Racing {
    async fn heartbeat(&self, request: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Error> {
        let mut answer = self.watched.heartbeat(request).await?;
        answer.head += 1;
        Ok(answer)
    }

    async fn acknowledge(&self, request: wire::AcknowledgeRequest) -> Result<(), Error> {
        self.watched.acknowledge(request).await
    }

    async fn release(&self, incarnation: String) -> Result<(), Error> {
        self.watched.release(incarnation).await
    }

    async fn objects(&self, after: String) -> Result<wire::ListObjectsResponse, Error> {
        let page = self.watched.objects(after).await;
        self.world.write("a", &["late"]).await.position();
        page
    }

    async fn entries(&self, after: u64) -> Result<wire::ListEntriesResponse, Error> {
        self.watched.entries(after).await
    }
}
