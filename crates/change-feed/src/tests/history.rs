//! A failover that lost commits, or a restored backup: the database server is another one than the head names.

use super::World;
use super::world::{LONG, PACED, SHORT};
use crate::log::{entries_after, head, objects_after};
use crate::{History, Wait};

const ANOTHER_SERVER: &str = "UPDATE feed_head SET server = 'one that is gone'";
const STRIDE: u64 = 1 << 32;

pub async fn positions_that_were_taken_back_are_not_given_out_again(world: World) {
    assert_eq!(world.write("a", &["1", "2", "3"]).await.position(), 3);
    let before = head(&world.database).await.unwrap();
    world.execute(ANOTHER_SERVER).await;
    let appended = world.write("a", &["4"]).await;
    assert_eq!(appended.position(), STRIDE + 1);
    let after = head(&world.database).await.unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!((appended.epoch.as_str(), after.position), (after.epoch.as_str(), STRIDE + 1));
    assert_eq!(after.broadcast_key, before.broadcast_key);
    // Whoever was at 3, or further, loads everything again.
    for applied in [2, 3, 4, STRIDE - 2] {
        let reaches_back = entries_after(&world.database, applied, 1).await.unwrap().is_some();
        assert_eq!(reaches_back, applied == 2, "{applied}");
    }
    let history = History::default();
    history.learn(&objects_after(&world.database, "", 100).await.unwrap());
    for (position, lost) in [(3, false), (4, true), (STRIDE - 1, true), (STRIDE, false)] {
        assert_eq!(history.has_lost(position), lost, "{position}");
    }
    // Once is enough.
    assert_eq!(world.write("a", &["5"]).await.position(), STRIDE + 2);
    assert_eq!(head(&world.database).await.unwrap().epoch, after.epoch);
    world.execute(ANOTHER_SERVER).await;
    assert_eq!(world.write("a", &["6"]).await.position(), 2 * STRIDE + 1);
}

pub async fn a_reader_of_the_head_notices_another_server_too(world: World) {
    assert_eq!(world.write("a", &["1"]).await.position(), 1);
    let before = head(&world.database).await.unwrap();
    world.execute(ANOTHER_SERVER).await;
    let after = head(&world.database).await.unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!((before.position, after.position), (1, STRIDE));
    assert_eq!(before.resumed_at.as_millis(), 0);
    assert!(after.resumed_at.as_millis() > 0);
    assert_eq!(head(&world.database).await.unwrap(), after);
}

pub async fn a_new_history_is_followed_from_its_start(world: World) {
    let feed = world.feed(PACED).await;
    assert_eq!(world.write("a", &["1"]).await.position(), 1);
    let follower = world.replica(feed.clone());
    follower.is_live_soon().await;
    world.execute(ANOTHER_SERVER).await;
    let propagation = feed.announce(world.write("b", &["2"]).await, Wait::Confirmed).await;
    assert!(propagation.not_confirmed.is_empty(), "{propagation:?}");
    let known = follower.view.until_state("b", "2").await;
    assert_eq!(known.loads, 2);
    follower.is_live_soon().await;
    assert_eq!(follower.gate.applied(), STRIDE + 1);
    let propagation = feed.announce(world.write("b", &["3"]).await, Wait::Confirmed).await;
    assert_eq!(propagation.confirmed, ["edge-1"]);
    assert_eq!(follower.view.now().states["b"], "3");
    assert_eq!(follower.gate.fenced_for_good(), None);
}

pub async fn a_confirmation_waits_for_leases_that_were_lost_with_their_history(world: World) {
    let feed = world.feed(SHORT).await;
    assert_eq!(world.write("a", &["1"]).await.position(), 1);
    world.execute(ANOTHER_SERVER).await;
    let started = world.clock.boot();
    let propagation = feed.announce(world.write("a", &["2"]).await, Wait::Confirmed).await;
    assert!(propagation.not_confirmed.is_empty(), "{propagation:?}");
    assert!(world.clock.boot().since(started) >= SHORT.lease * 9 / 10);
    // One that gives up before it can know says so.
    let hasty = world.feed(crate::Settings { deadline: LONG.deadline / 200, ..LONG }).await;
    world.execute(ANOTHER_SERVER).await;
    let propagation = hasty.announce(world.write("a", &["3"]).await, Wait::Confirmed).await;
    assert_eq!(propagation.not_confirmed.len(), 1);
}

pub async fn a_change_whose_history_is_lost_meanwhile_is_not_confirmed(world: World) {
    let feed = world.feed(SHORT).await;
    let appended = world.write("a", &["1"]).await;
    world.execute(ANOTHER_SERVER).await;
    let propagation = feed.announce(appended, Wait::Confirmed).await;
    assert_eq!((propagation.confirmed.len(), propagation.not_confirmed.len()), (0, 1));
    // Whoever repeats it is answered by what there is now.
    let propagation = feed.confirm_head(Wait::Confirmed).await.unwrap();
    assert_eq!((propagation.position, propagation.not_confirmed.len()), (STRIDE, 0));
}
