//! Owners of another version, another service's feed, strangers on the bus.

use super::World;
use super::world::{FEED, LONG, SHORT, eventually, heartbeat};
use crate::replica::Fence;
use crate::source::Source;
use crate::{Feed, Wait};
use async_trait::async_trait;
use model::{Clock as _, Error, ErrorKind, SystemClock};
use proto::change_feed as wire;
use proto::change_feed::{Broadcast, Entry};
use std::sync::Arc;
use std::time::Duration;

pub async fn an_entry_of_an_unknown_kind_fences_for_good(world: World) {
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    let news = world.write("quarantine/1", &["from a newer version"]).await;
    let propagation = feed.announce(news, Wait::Confirmed).await;
    assert_eq!((propagation.confirmed.len(), propagation.fenced), (0, vec!["edge-1".to_owned()]));
    assert!(!follower.is_live());
    assert_eq!(follower.gate.fenced_for_good(), Some(Fence::UnknownKind));
    assert_eq!(follower.gate.applied(), 0);
    // What comes later makes it no better, and it holds nobody up.
    let propagation = feed.announce(world.write("a", &["1"]).await, Wait::Confirmed).await;
    assert_eq!((propagation.confirmed.len(), propagation.not_confirmed.len()), (0, 0));
    assert!(!follower.is_live());
}

pub async fn an_object_of_an_unknown_kind_is_not_loaded(world: World) {
    assert_eq!(world.write("quarantine/1", &["from a newer version"]).await.position(), 1);
    let follower = world.replica(world.feed(SHORT).await);
    eventually(async || follower.gate.fenced_for_good() == Some(Fence::UnknownKind)).await;
    assert!(!follower.is_live());
    assert_eq!(follower.view.now().loads, 0);
}

pub async fn what_is_not_the_owners_on_the_bus_is_ignored(world: World) {
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    let forged = Entry { position: 1, object: "a".into(), state: b"forged".to_vec(), removed: false };
    let forged = Broadcast { epoch: world.epoch().await, entries: vec![forged], position: 1 };
    world.broadcast_with(&[7; 32], &forged).await;
    for junk in [b"".as_slice(), b"\xff\xff", &[0; 1000]] {
        world.bus.publish(&crate::subject(FEED), junk.to_vec().into()).await.unwrap();
    }
    // In order behind them.
    let propagation = feed.announce(world.write("a", &["true"]).await, Wait::Confirmed).await;
    assert_eq!(propagation.confirmed.len(), 1);
    assert_eq!(follower.view.now().states["a"], "true");
    assert_eq!(follower.view.now().applied, [1]);
}

/// The owner, with its heartbeat's answers altered.
struct Altered {
    feed: Arc<Feed>,
    alter: fn(&mut wire::HeartbeatResponse),
}

#[async_trait]
impl Source for Altered {
    async fn heartbeat(&self, request: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Error> {
        let mut answer = self.feed.heartbeat(request).await?;
        (self.alter)(&mut answer);
        Ok(answer)
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
        Source::entries(&self.feed, after).await
    }
}

pub async fn a_replica_that_was_led_to_another_feed_follows_nothing(world: World) {
    let feed = world.feed(SHORT).await;
    let another = |answer: &mut wire::HeartbeatResponse| answer.feed = "another".to_owned();
    let follower = world.replica(Altered { feed, alter: another });
    eventually(async || follower.gate.fenced_for_good() == Some(Fence::WrongFeed)).await;
    assert!(!follower.is_live());
    assert_eq!(follower.view.now().loads, 0);
}

pub async fn a_lease_longer_than_allowed_counts_a_minute(world: World) {
    let feed = world.feed(SHORT).await;
    let an_hour = |answer: &mut wire::HeartbeatResponse| answer.lease_ms = 3_600_000;
    let follower = world.replica(Altered { feed, alter: an_hour });
    follower.is_live_soon().await;
    assert!(!follower.gate.is_live(SystemClock.boot().after(Duration::from_mins(1))));
}

pub async fn two_replicas_of_one_name_are_two(world: World) {
    let feed = world.feed(LONG).await;
    let followers = [world.replica(feed.clone()), world.replica(feed.clone())];
    for follower in &followers {
        follower.is_live_soon().await;
    }
    let propagation = feed.announce(world.write("a", &["1"]).await, Wait::Confirmed).await;
    assert_eq!(propagation.confirmed, ["edge-1", "edge-1"]);
    for follower in &followers {
        assert_eq!(follower.view.now().states["a"], "1");
    }
}

pub async fn who_may_still_admit_is_named(world: World) {
    let feed = world.feed(SHORT).await;
    let stale = |number, staleness_ms| wire::HeartbeatRequest { staleness_ms, ..heartbeat(number, 0) };
    for request in [heartbeat(1, 0), stale(2, 600_000), stale(3, -1)] {
        feed.heartbeat(request).await.unwrap();
    }
    let leases = feed.replicas().await.unwrap().replicas;
    let until = leases.iter().find(|lease| lease.replica == "edge-2").unwrap().lease_until_ms + 600_000;
    // Those whose lease ends while it is waited for, and those whose lease had ended before.
    for state in ["1", "2"] {
        let propagation = feed.announce(world.write("a", &[state]).await, Wait::Confirmed).await;
        assert!(propagation.confirmed.is_empty() && propagation.not_confirmed.is_empty());
        let named: Vec<_> =
            propagation.may_be_stale.iter().map(|it| (it.replica.as_str(), it.until_ms)).collect();
        assert_eq!(named, [("edge-2", until), ("edge-3", 0)]);
    }
}

pub async fn a_repeated_change_is_confirmed_again(world: World) {
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    // Committed by a process that died before it could announce it.
    assert_eq!(world.write("a", &["1"]).await.position(), 1);
    let propagation = feed.confirm_head(Wait::Confirmed).await.unwrap();
    assert_eq!((propagation.position, propagation.confirmed.len()), (1, 1));
    assert_eq!(follower.view.now().states["a"], "1");
    // Deleted by a process that died; asked for again.
    assert_eq!(world.write("a", &["2"]).await.position(), 2);
    let gone = feed.gone(Wait::Confirmed, Error::not_found("it")).await;
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(follower.gate.applied(), 2);
}
