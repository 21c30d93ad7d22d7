use super::World;
use super::sources::{Flaky, Racing, Watched};
use super::world::{FEED, LONG, PACED, SHORT, eventually};
use crate::{Staleness, Wait, lease};
use bytes::Bytes;
use proto::change_feed as wire;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub async fn a_change_is_visible_before_its_confirmation(world: World) {
    let feed = world.feed(LONG).await;
    let followers = [world.replica(feed.clone()), world.replica(feed.clone())];
    for follower in &followers {
        follower.is_live_soon().await;
    }
    for round in 1..=20 {
        let appended = world.write("a", &["before", &round.to_string()]).await;
        let propagation = feed.announce(appended, Wait::Confirmed).await;
        assert_eq!((propagation.confirmed.len() as u64, propagation.position), (2, round * 2));
        for follower in &followers {
            assert_eq!(follower.view.now().states["a"], round.to_string());
            assert!(follower.is_live() && follower.gate.applied() == round * 2);
        }
    }
}

pub async fn objects_are_loaded_and_then_followed(world: World) {
    world.write("a", &["1", "2"]).await.position();
    world.write("b", &["1"]).await.position();
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    let known = follower.view.now();
    assert_eq!((known.states["a"].as_str(), known.states["b"].as_str(), known.loads), ("2", "1", 1));
    assert!(known.applied.is_empty());
    assert_eq!(follower.gate.applied(), 3);
    feed.announce(world.write("c", &["1"]).await, Wait::None).await;
    assert_eq!(follower.view.until_state("c", "1").await.applied, [4]);
}

pub async fn with_nobody_publishing_changes_arrive_by_heartbeat(world: World) {
    let feed = world.feed(PACED).await;
    let silent = bus::connect("memory:").await.unwrap();
    let follower = world.replica_on(silent, feed.clone());
    follower.is_live_soon().await;
    let propagation = feed.announce(world.write("a", &["1"]).await, Wait::Confirmed).await;
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (1, 0));
    assert_eq!(follower.view.now().states["a"], "1");
}

pub async fn the_owner_is_told_at_once_that_more_may_be_stale(world: World) {
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    follower.staleness.send_replace(Staleness::Unbounded);
    let is_told = async || follower.gate.staleness() == Staleness::Unbounded;
    let before_the_next_heartbeat = LONG.lease / 6;
    tokio::time::timeout(before_the_next_heartbeat, eventually(is_told)).await.unwrap();
    let replicas = feed.replicas().await.unwrap().replicas;
    assert_eq!(replicas.iter().map(|it| it.staleness_ms).collect::<Vec<_>>(), [-1]);
}

pub async fn a_change_too_large_for_the_bus_is_asked_for_at_once(world: World) {
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    let large = "x".repeat(bus::LARGEST_PAYLOAD);
    let propagation = feed.announce(world.write("a", &[&large]).await, Wait::Confirmed).await;
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (1, 0));
    assert_eq!(follower.view.now().states["a"].len(), large.len());
}

pub async fn a_bus_that_refuses_subscriptions_costs_speed_alone(world: World) {
    let feed = world.feed(PACED).await;
    let dead = Flaky { is_back: AtomicBool::new(false), bus: world.bus.clone() };
    let follower = world.replica_on(Arc::new(dead), feed.clone());
    follower.is_live_soon().await;
    let propagation = feed.announce(world.write("a", &["1"]).await, Wait::Confirmed).await;
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (1, 0));
    assert!(follower.is_live());
}

pub async fn a_bus_that_comes_back_is_used_again(world: World) {
    let feed = world.feed(PACED).await;
    let flaky = Arc::new(Flaky { is_back: AtomicBool::new(false), bus: world.bus.clone() });
    let source = Watched::new(feed.clone());
    let follower = world.replica_on(flaky.clone(), source.clone());
    follower.is_live_soon().await;
    flaky.is_back.store(true, Ordering::SeqCst);
    // From the next heartbeat on a change needs no asking.
    source.after_heartbeats(2).await;
    let asked = source.entries.borrow().to_owned();
    feed.announce(world.write("a", &["1"]).await, Wait::None).await;
    follower.view.until_state("a", "1").await;
    assert_eq!(*source.entries.borrow(), asked);
}

pub async fn a_gap_is_filled_by_asking(world: World) {
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    // The broadcasts of 1 and 2 are lost, and that of 3 arrives.
    world.write("a", &["1", "2"]).await.position();
    let third = world.write("a", &["3"]).await;
    let propagation = feed.announce(third, Wait::Confirmed).await;
    assert_eq!(propagation.confirmed.len(), 1);
    assert_eq!(follower.view.now().applied, [1, 2, 3]);
}

pub async fn repeated_and_reordered_and_foreign_messages_change_nothing(world: World) {
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    let entries = world.write("a", &["1", "2", "3", "4"]).await.entries;
    let epoch = world.epoch().await;
    let mut forged = entries[0].clone();
    forged.state = b"forged".to_vec();
    world.broadcast("another", &[forged.clone()]).await;
    world.bus.publish(&format!("sallyport.feed.{FEED}"), Bytes::from_static(b"\xff\xff")).await.unwrap();
    world.broadcast(&epoch, &[]).await;
    for _ in 0..10 {
        world.broadcast(&epoch, &entries[1..2]).await;
        world.broadcast(&epoch, &entries[0..1]).await;
        world.broadcast(&epoch, &[entries[3].clone(), entries[2].clone()]).await;
        world.broadcast(&epoch, &entries).await;
        world.broadcast(&epoch, &[forged.clone()]).await;
    }
    let fifth = world.write("a", &["5"]).await;
    feed.announce(fifth, Wait::Confirmed).await;
    let known = follower.view.now();
    assert_eq!((known.applied, known.states["a"].as_str(), known.loads), (vec![1, 2, 3, 4, 5], "5", 1));
}

pub async fn a_compacted_log_is_loaded_again(world: World) {
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    world.write("a", &["1", "2"]).await.position();
    world.execute("DELETE FROM feed_entries").await;
    let third = world.write("b", &["3"]).await;
    let propagation = feed.announce(third, Wait::Confirmed).await;
    assert_eq!(propagation.confirmed.len(), 1);
    let known = follower.view.now();
    assert_eq!((known.states["a"].as_str(), known.states["b"].as_str(), known.loads), ("2", "3", 2));
    assert_eq!(follower.gate.applied(), 3);
}

pub async fn a_lease_counts_only_once_its_head_is_applied(world: World) {
    let feed = world.feed(LONG).await;
    let source = Watched::new(feed.clone());
    source.is_held.send_replace(true);
    // Committed after the objects were read, before the next heartbeat.
    let writer = Racing { watched: source.clone(), world: World { bus: world.bus.clone(), ..world } };
    let world = &writer.world;
    let (database, clock, bus) = (world.database.clone(), world.clock.clone(), world.bus.clone());
    let world = World { database, clock, bus };
    let follower = world.replica(writer);
    let mut asked = source.entries.subscribe();
    asked.wait_for(|asked| *asked > 0).await.unwrap();
    assert!(!follower.is_live());
    assert_eq!(follower.view.now().loads, 1);
    source.is_held.send_replace(false);
    follower.is_live_soon().await;
    assert_eq!(follower.view.now().states["a"], "late");
}

pub async fn a_replica_that_cannot_catch_up_stops_deciding(world: World) {
    let feed = world.feed(PACED).await;
    let source = Watched::new(feed.clone());
    let silent = bus::connect("memory:").await.unwrap();
    let follower = world.replica_on(silent, source.clone());
    follower.is_live_soon().await;
    source.is_held.send_replace(true);
    let propagation = feed.announce(world.write("a", &["1"]).await, Wait::Confirmed).await;
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (0, 1));
    // Its own lease ended before the owner's record of it.
    assert!(!follower.is_live());
    source.is_held.send_replace(false);
    follower.is_live_soon().await;
    assert_eq!(follower.view.now().states["a"], "1");
}

/// Fenced, its lease given back, and so it stays when the history looks right again.
async fn stays_fenced(world: &World, follower: &super::world::Follower, repair: &'static str) {
    eventually(async || !follower.is_live()).await;
    eventually(async || lease::list(&world.database).await.unwrap().is_empty()).await;
    world.execute(repair).await;
    world.write("a", &["1", "2", "3"]).await.position();
    tokio::time::sleep(SHORT.lease).await;
    assert!(!follower.is_live());
    assert!(lease::list(&world.database).await.unwrap().is_empty());
}

pub async fn a_head_that_went_backwards_fences_for_good(world: World) {
    world.write("a", &["1", "2", "3"]).await.position();
    let feed = world.feed(SHORT).await;
    let follower = world.replica(feed);
    follower.is_live_soon().await;
    world.execute("UPDATE feed_head SET position = 2").await;
    stays_fenced(&world, &follower, "UPDATE feed_head SET position = 30").await;
}

pub async fn a_stopped_replica_gives_its_lease_back(world: World) {
    let feed = world.feed(LONG).await;
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    let gate = follower.gate.clone();
    follower.stop().await;
    assert!(!gate.is_live(world.clock.boot()));
    assert!(lease::list(&world.database).await.unwrap().is_empty());
    let propagation = feed.announce(world.write("a", &["1"]).await, Wait::Confirmed).await;
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (0, 0));
}

pub async fn messages_without_end_do_not_starve_the_heartbeat(world: World) {
    let feed = world.feed(PACED).await;
    let source = Watched::new(feed.clone());
    let follower = world.replica(source.clone());
    follower.is_live_soon().await;
    let (bus, epoch) = (world.bus.clone(), world.epoch().await);
    let entries = world.write("a", &["1"]).await.entries;
    let flood = tokio::spawn(async move {
        let message = wire::Broadcast { epoch, entries, position: 1 };
        let message = Bytes::from(prost::Message::encode_to_vec(&message));
        loop {
            // More than are received in one go.
            for _ in 0..500 {
                bus.publish(&crate::subject(FEED), message.clone()).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    });
    source.after_heartbeats(4).await;
    flood.abort();
    assert!(follower.is_live());
}
