//! The way between a replica and its owner: it loses, repeats, delays and reorders, in each direction.

use crate::owner::Owner;
use crate::wiring::Mutant;
use crate::world::World;
use async_trait::async_trait;
use change_feed::{Feed, Source};
use model::Error;
use proto::change_feed as wire;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// What the channel gives a call.
const DEADLINE: Duration = Duration::from_secs(15);

/// A partition, one way or both.
#[derive(Default)]
pub struct Cut {
    pub to_owner: AtomicBool,
    pub to_gateway: AtomicBool,
}

#[derive(Clone)]
pub struct Link {
    world: Arc<World>,
    owner: Arc<Owner>,
    cut: Arc<Cut>,
    /// The instance that it is connected to.
    connected: Arc<AtomicUsize>,
}

type Answering<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;
type Handler<T> = Arc<dyn Fn(Arc<Feed>) -> Answering<T> + Send + Sync>;

impl Link {
    pub fn new(world: Arc<World>, owner: Arc<Owner>, cut: Arc<Cut>) -> Self {
        let connected = usize::try_from(world.chance.below(2)).unwrap_or_default();
        Self { world, owner, cut, connected: Arc::new(AtomicUsize::new(connected)) }
    }

    async fn call<T: Send + 'static>(&self, handler: Handler<T>) -> Result<T, Error> {
        let (answered, answer) = oneshot::channel();
        tokio::spawn(self.clone().carry(handler, answered));
        let unavailable = |why| Error::unavailable("the feed's owner", why);
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unavailable("the connection was reset")),
            Err(_) => Err(unavailable("the deadline has passed")),
        }
    }

    async fn carry<T: Send + 'static>(
        self,
        handler: Handler<T>,
        answered: oneshot::Sender<Result<T, Error>>,
    ) {
        let (world, cut) = (&self.world, &self.cut);
        if cut.to_owner.load(Ordering::Relaxed) || world.befalls(world.faults.lost) {
            return self.lose(answered).await;
        }
        self.travel().await;
        if cut.to_owner.load(Ordering::Relaxed) {
            return self.lose(answered).await;
        }
        let answer = self.handle(&handler).await;
        if world.befalls(world.faults.duplicated) {
            let (link, handler) = (self.clone(), handler.clone());
            tokio::spawn(async move {
                link.world.nap(link.world.chance.millis(0..10_000)).await;
                let _ = link.handle(&handler).await;
            });
        }
        if cut.to_gateway.load(Ordering::Relaxed) || world.befalls(world.faults.lost) {
            return self.lose(answered).await;
        }
        self.travel().await;
        if cut.to_gateway.load(Ordering::Relaxed) {
            return self.lose(answered).await;
        }
        if let Some(answer) = answer {
            let _ = answered.send(answer);
        }
    }

    async fn travel(&self) {
        let (world, chance) = (&self.world, &self.world.chance);
        let late = world.befalls(world.faults.late);
        world.nap(if late { chance.millis(200..20_000) } else { chance.delay(8) }).await;
    }

    /// The caller learns of it by and by, or by its own patience.
    async fn lose<T>(&self, answered: oneshot::Sender<T>) {
        let after = self.world.chance.millis(100..14_000);
        self.world.nap(after).await;
        drop(answered);
    }

    /// At the instance that this is connected to; `None`: it is not there, or was killed meanwhile.
    async fn handle<T: Send + 'static>(&self, handler: &Handler<T>) -> Option<Result<T, Error>> {
        let instances = &self.owner.instances;
        let connected = self.connected.load(Ordering::Relaxed).checked_rem(instances.len())?;
        let answer = match instances.get(connected)?.running() {
            Some((process, feed)) => process.run(handler(feed)).await,
            None => None,
        };
        if answer.is_none() {
            self.connected.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}

fn handler<T, F>(handle: impl Fn(Arc<Feed>) -> F + Send + Sync + 'static) -> Handler<T>
where
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    Arc::new(move |feed| Box::pin(handle(feed)))
}

#[async_trait]
impl Source for Link {
    async fn heartbeat(&self, request: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Error> {
        let incarnation = request.incarnation.clone();
        let handler = handler(move |feed: Arc<Feed>| {
            let request = request.clone();
            async move { Source::heartbeat(&feed, request).await }
        });
        let answer = self.call(handler).await?;
        if self.world.wiring.is(Mutant::AcknowledgedByProxy) {
            let request = wire::AcknowledgeRequest { incarnation, applied: answer.head };
            let _ = self.acknowledge(request).await;
            self.world.nap(Duration::from_millis(100)).await;
        }
        Ok(answer)
    }

    async fn acknowledge(&self, request: wire::AcknowledgeRequest) -> Result<(), Error> {
        self.call(handler(move |feed: Arc<Feed>| {
            let request = request.clone();
            async move { Source::acknowledge(&feed, request).await }
        }))
        .await
    }

    async fn release(&self, incarnation: String) -> Result<(), Error> {
        self.call(handler(move |feed: Arc<Feed>| {
            let incarnation = incarnation.clone();
            async move { Source::release(&feed, incarnation).await }
        }))
        .await
    }

    async fn objects(&self, after: String) -> Result<wire::ListObjectsResponse, Error> {
        self.call(handler(move |feed: Arc<Feed>| {
            let after = after.clone();
            async move { Source::objects(&feed, after).await }
        }))
        .await
    }

    async fn entries(&self, after: u64) -> Result<wire::ListEntriesResponse, Error> {
        self.call(handler(move |feed: Arc<Feed>| async move { Source::entries(&feed, after).await })).await
    }
}
