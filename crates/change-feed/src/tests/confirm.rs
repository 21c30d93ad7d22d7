use super::World;
use super::world::{LONG, PACED, SHORT, heartbeat, is_waiting};
use crate::{Feed, Settings, Wait, lease};
use model::{BootTime, Clock, ManualClock, Timestamp};
use proto::change_feed::Propagation;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Announces one change in the background.
async fn announce(world: &World, feed: &Arc<Feed>) -> JoinHandle<Propagation> {
    let (appended, feed) = (world.write("a", &["1"]).await, feed.clone());
    tokio::spawn(async move { feed.announce(appended, Wait::Confirmed).await })
}

fn incarnation(number: u8) -> String {
    heartbeat(number, 0).incarnation
}

pub async fn a_commit_sees_the_lease_or_the_lease_sees_the_commit(world: World) {
    let feed = world.feed(LONG).await;
    let (mut seen_by_commit, mut seen_by_lease) = (0, 0);
    for number in 0..=99 {
        let owner = async {
            let position = world.write("a", &["1"]).await.position();
            (position, lease::list(&world.database).await.unwrap())
        };
        // Both orders, and what lies between.
        let replica = async {
            tokio::time::sleep(Duration::from_micros(u64::from(number) * 20)).await;
            feed.heartbeat(&heartbeat(number, 0)).await.unwrap()
        };
        let ((position, leases), answer) = tokio::join!(owner, replica);
        let sees_lease = leases.iter().any(|lease| lease.incarnation == incarnation(number));
        assert!(sees_lease || answer.head >= position, "round {number}: neither saw the other");
        seen_by_commit += u32::from(sees_lease);
        seen_by_lease += u32::from(answer.head >= position);
    }
    assert!(seen_by_commit + seen_by_lease >= 100);
}

pub async fn nobody_is_waited_for_when_there_are_no_leases(world: World) {
    let feed = world.feed(LONG).await;
    let propagation = announce(&world, &feed).await.await.unwrap();
    assert_eq!(
        propagation,
        Propagation { position: 1, elapsed_ms: propagation.elapsed_ms, ..Propagation::default() }
    );
    // Nothing changed: what was changed before is confirmed again.
    let again = feed.announce(crate::Appended::default(), Wait::Confirmed).await;
    assert_eq!(again.position, 1);
    assert_eq!(feed.announce(crate::Appended::default(), Wait::None).await, Propagation::default());
    // Not asked to wait: returns although somebody holds a lease.
    feed.heartbeat(&heartbeat(1, 0)).await.unwrap();
    let propagation = feed.announce(world.write("a", &["2"]).await, Wait::None).await;
    assert_eq!((propagation.position, propagation.confirmed.len(), propagation.fenced.len()), (2, 0, 0));
}

pub async fn each_live_replica_is_waited_for(world: World) {
    let feed = world.feed(LONG).await;
    for number in [1, 2] {
        feed.heartbeat(&heartbeat(number, 0)).await.unwrap();
    }
    let started = world.clock.boot();
    let mut announced = announce(&world, &feed).await;
    assert!(is_waiting(&mut announced).await);
    feed.acknowledge(&incarnation(1), 1);
    assert!(is_waiting(&mut announced).await);
    // One that comes later has read the position with its lease.
    assert_eq!(feed.heartbeat(&heartbeat(3, 0)).await.unwrap().head, 1);
    feed.heartbeat(&heartbeat(2, 1)).await.unwrap();
    let propagation = announced.await.unwrap();
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (2, 0));
    assert!(propagation.not_confirmed.is_empty());
    let waited = Duration::from_millis(propagation.elapsed_ms.cast_unsigned());
    assert!(!waited.is_zero() && waited <= world.clock.boot().since(started), "{waited:?}");
}

pub async fn an_earlier_position_does_not_count(world: World) {
    let feed = world.feed(LONG).await;
    assert_eq!(world.write("a", &["0"]).await.position(), 1);
    feed.heartbeat(&heartbeat(1, 1)).await.unwrap();
    let mut announced = announce(&world, &feed).await;
    feed.acknowledge(&incarnation(1), 1);
    assert!(is_waiting(&mut announced).await);
    feed.acknowledge(&incarnation(1), 2);
    assert_eq!(announced.await.unwrap().confirmed.len(), 1);
}

pub async fn applied_never_goes_backwards(world: World) {
    let feed = world.feed(LONG).await;
    assert_eq!(world.write("a", &["0"; 7]).await.position(), 7);
    feed.heartbeat(&heartbeat(1, 7)).await.unwrap();
    let before = feed.replicas().await.unwrap().replicas[0].clone();
    feed.acknowledge(&incarnation(1), 3);
    // An old heartbeat that was under way, through an instance with shorter leases.
    world.feed(SHORT).await.heartbeat(&heartbeat(1, 0)).await.unwrap();
    let after = feed.replicas().await.unwrap().replicas[0].clone();
    assert_eq!(after.applied, 7);
    assert_eq!(after.lease_until_ms, before.lease_until_ms);
    assert!(after.is_live);
    // Nobody's acknowledgement makes no lease.
    feed.acknowledge(&incarnation(2), 9);
    assert_eq!(feed.replicas().await.unwrap().replicas.len(), 1);
}

pub async fn a_replica_that_only_renews_is_fenced_after_its_first_lease(world: World) {
    let feed = world.feed(PACED).await;
    feed.heartbeat(&heartbeat(1, 0)).await.unwrap();
    let mut announced = announce(&world, &feed).await;
    let propagation = loop {
        match tokio::time::timeout(Duration::from_millis(50), &mut announced).await {
            Ok(propagation) => break propagation.unwrap(),
            Err(_) => drop(feed.heartbeat(&heartbeat(1, 0)).await.unwrap()),
        }
    };
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (0, 1));
    assert!(propagation.not_confirmed.is_empty());
    assert!(propagation.elapsed_ms > 2_000, "{} ms: its first lease had not ended", propagation.elapsed_ms);
    assert!(feed.replicas().await.unwrap().replicas[0].is_live, "it went on renewing");
}

pub async fn a_replica_that_gives_its_lease_back_is_not_waited_for(world: World) {
    let feed = world.feed(LONG).await;
    feed.heartbeat(&heartbeat(1, 0)).await.unwrap();
    let mut announced = announce(&world, &feed).await;
    assert!(is_waiting(&mut announced).await);
    feed.release(&incarnation(1)).await.unwrap();
    let propagation = announced.await.unwrap();
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (0, 1));
}

pub async fn a_lease_that_ran_out_is_not_waited_for(world: World) {
    let instant = Settings { lease: Duration::from_millis(1), ..LONG };
    world.feed(instant).await.heartbeat(&heartbeat(1, 0)).await.unwrap();
    let feed = world.feed(PACED).await;
    // A process that has just started believes no calendar for a lease.
    super::world::eventually(async || !feed.replicas().await.unwrap().replicas[0].is_live).await;
    let propagation = announce(&world, &feed).await.await.unwrap();
    let Propagation { confirmed, fenced, not_confirmed, elapsed_ms, .. } = propagation;
    assert_eq!((confirmed.len(), fenced.len(), not_confirmed.len()), (0, 0, 0));
    assert!(Duration::from_millis(elapsed_ms.cast_unsigned()) < PACED.lease, "{elapsed_ms} ms");
}

pub async fn who_has_not_confirmed_at_the_deadline_is_named(world: World) {
    let feed = world.feed(Settings { deadline: Duration::from_millis(200), ..LONG }).await;
    for number in [2, 1, 3] {
        feed.heartbeat(&heartbeat(number, 0)).await.unwrap();
    }
    let announced = announce(&world, &feed).await;
    feed.acknowledge(&incarnation(3), 1);
    let propagation = announced.await.unwrap();
    assert_eq!(propagation.not_confirmed, ["edge-1", "edge-2"]);
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (1, 0));
}

pub async fn a_database_that_is_away_confirms_nothing(world: World) {
    let feed = world.feed(Settings { deadline: Duration::from_secs(3), ..LONG }).await;
    feed.heartbeat(&heartbeat(1, 0)).await.unwrap();
    let (seen, unseen) = (world.write("a", &["1"]).await, world.write("a", &["2"]).await);
    let announced = tokio::spawn({
        let feed = feed.clone();
        async move { feed.announce(seen, Wait::Confirmed).await }
    });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    world.database.close().await;
    // It was seen that somebody must confirm, and nobody could.
    let propagation = announced.await.unwrap();
    assert_eq!(propagation.not_confirmed, ["edge-1"]);
    // Nothing was seen: that is not the same as nobody.
    let propagation = feed.announce(unseen, Wait::Confirmed).await;
    assert_eq!((propagation.position, propagation.confirmed.len(), propagation.fenced.len()), (2, 0, 0));
    assert_eq!(propagation.not_confirmed.len(), 1);
}

pub async fn an_acknowledgement_through_another_instance_is_seen(world: World) {
    let (one, other) = (world.feed(LONG).await, world.feed(LONG).await);
    other.heartbeat(&heartbeat(1, 0)).await.unwrap();
    let mut announced = announce(&world, &one).await;
    assert!(is_waiting(&mut announced).await);
    other.acknowledge(&incarnation(1), 1);
    assert_eq!(announced.await.unwrap().confirmed.len(), 1);
}

pub async fn a_restarted_owner_keeps_the_leases(world: World) {
    let before = world.feed(LONG).await;
    before.heartbeat(&heartbeat(1, 0)).await.unwrap();
    let epoch = before.heartbeat(&heartbeat(1, 0)).await.unwrap().epoch;
    drop(before);
    let after = world.feed(LONG).await;
    let mut announced = announce(&world, &after).await;
    assert!(is_waiting(&mut announced).await);
    let answer = after.heartbeat(&heartbeat(1, 1)).await.unwrap();
    assert_eq!((answer.epoch, answer.head), (epoch, 1));
    assert_eq!(announced.await.unwrap().confirmed.len(), 1);
}

/// Says that it is an hour later than it is.
struct Ahead(Arc<dyn Clock>);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.0.now().after(Duration::from_hours(2))
    }

    fn boot(&self) -> BootTime {
        self.0.boot()
    }
}

/// On PostgreSQL whatever this process takes the time to be; on SQLite there is only this process.
pub async fn live_leases_are_never_pruned(mut world: World) {
    let long_ago = Settings { lease: Duration::from_millis(1), ..LONG };
    if matches!(world.database, database::Database::Postgres(_)) {
        world.feed(LONG).await.heartbeat(&heartbeat(1, 0)).await.unwrap();
        world.clock = Arc::new(Ahead(world.clock));
        world.feed(LONG).await.compact().await.unwrap();
        assert_eq!(lease::list(&world.database).await.unwrap().len(), 1);
        return;
    }
    let start = world.clock.now();
    let clock = Arc::new(ManualClock::new(start));
    world.clock = clock.clone();
    world.feed(long_ago).await.heartbeat(&heartbeat(2, 0)).await.unwrap();
    clock.advance(Duration::from_mins(61));
    let feed = world.feed(LONG).await;
    // Of a process that has just started, the calendar is not believed.
    clock.advance(LONG.lease);
    feed.heartbeat(&heartbeat(1, 0)).await.unwrap();
    feed.compact().await.unwrap();
    let left = lease::list(&world.database).await.unwrap();
    assert_eq!(left.iter().map(|lease| lease.replica.as_str()).collect::<Vec<_>>(), ["edge-1"]);
}

/// A calendar that can be set, beside a clock that runs.
struct Stepping {
    calendar: AtomicI64,
    boot: ManualClock,
}

impl Clock for Stepping {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.boot.now().as_millis() + self.calendar.load(Ordering::SeqCst))
    }

    fn boot(&self) -> BootTime {
        self.boot.boot()
    }
}

#[tokio::test]
async fn a_calendar_that_steps_ends_no_lease_early() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::new(&format!("sqlite:{}", directory.path().join("feed.db").display())).await;
    let boot = ManualClock::new(Timestamp::from_millis(1_000_000));
    let clock = Arc::new(Stepping { calendar: AtomicI64::new(0), boot });
    world.clock = clock.clone();
    let feed = world.feed(LONG).await;
    feed.heartbeat(&heartbeat(1, 0)).await.unwrap();
    let mut announced = announce(&world, &feed).await;
    assert!(is_waiting(&mut announced).await);
    clock.calendar.store(3_600_000, Ordering::SeqCst);
    clock.boot.advance(LONG.lease.saturating_sub(Duration::from_millis(1)));
    assert!(is_waiting(&mut announced).await);
    clock.boot.advance(Duration::from_millis(1));
    assert_eq!(announced.await.unwrap().fenced.len(), 1);
}

#[tokio::test]
async fn a_calendar_that_was_set_hides_no_live_lease_and_stretches_none() {
    for step in [3_600_000, -3_600_000] {
        let directory = tempfile::tempdir().unwrap();
        let mut world = World::new(&format!("sqlite:{}", directory.path().join("feed.db").display())).await;
        let boot = ManualClock::new(Timestamp::from_millis(10_000_000));
        let clock = Arc::new(Stepping { calendar: AtomicI64::new(0), boot });
        world.clock = clock.clone();
        let feed = world.feed(LONG).await;
        feed.heartbeat(&heartbeat(1, 0)).await.unwrap();
        clock.calendar.store(step, Ordering::SeqCst);
        let mut announced = announce(&world, &feed).await;
        assert!(is_waiting(&mut announced).await, "{step}");
        clock.boot.advance(LONG.lease.saturating_sub(Duration::from_millis(1)));
        assert!(is_waiting(&mut announced).await, "{step}");
        clock.boot.advance(Duration::from_millis(1));
        assert_eq!(announced.await.unwrap().fenced.len(), 1, "{step}");
    }
}

pub async fn nobody_has_applied_what_is_not_there(world: World) {
    let feed = world.feed(PACED).await;
    feed.heartbeat(&heartbeat(1, 99)).await.unwrap();
    feed.acknowledge(&heartbeat(1, 0).incarnation, 99);
    let propagation = feed.announce(world.write("a", &["1"]).await, Wait::Confirmed).await;
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (0, 1));
}
