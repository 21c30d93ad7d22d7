use super::World;
use super::world::LONG;
use crate::log::{compact, entries_after, head, objects_after};
use crate::{Appended, Change, FeedConnection as _};
use database::Database;
use model::{Error, ManualClock, SystemClock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const WRITERS: u64 = 8;
const EACH: u64 = 25;

fn change(object: &str, state: Option<&str>) -> Change {
    Change { object: object.into(), state: state.map(Into::into), keep_until: None }
}

/// Writes two entries in one transaction, or takes it back at the last moment.
async fn write_two(database: &Database, is_taken_back: bool) -> Result<u64, Error> {
    let now = Timestamp::from_millis(0);
    let mut appended = Appended::default();
    database::transaction!(database, |tx| {
        let next = tx.next_position().await?;
        let first = tx.record(&mut appended, change("a", Some("1")), now).await?;
        assert_eq!(first, next);
        // Others get their turn, if anything lets them.
        tokio::task::yield_now().await;
        let second = tx.record(&mut appended, change("b", Some("2")), now).await?;
        assert_eq!(second, first + 1);
        if is_taken_back {
            return Err(Error::not_found("reason to commit"));
        }
    });
    Ok(appended.position())
}

pub async fn positions_are_dense_and_commit_ordered_under_concurrent_writers(world: World) {
    let is_over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (database, is_over) = (world.database.clone(), is_over.clone());
        async move {
            let mut looks = 0;
            while !is_over.load(Ordering::SeqCst) {
                let before = head(&database).await.unwrap().position;
                let entries = entries_after(&database, 0, 10_000).await.unwrap().unwrap();
                let seen: Vec<_> = entries.iter().map(|entry| entry.position).collect();
                // Whoever sees a position sees every one before it.
                assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
                assert!(seen.len() as u64 >= before);
                looks += 1;
            }
            looks
        }
    });
    let writers = (0..WRITERS).map(|_| {
        let database = world.database.clone();
        tokio::spawn(async move {
            let mut positions = Vec::new();
            for round in 0..EACH {
                match write_two(&database, round % 5 == 4).await {
                    Ok(position) => positions.push(position),
                    Err(error) => assert_eq!(error.message(), "no such reason to commit"),
                }
            }
            positions
        })
    });
    let mut committed = Vec::new();
    for positions in futures::future::join_all(writers).await {
        let positions = positions.unwrap();
        assert!(positions.is_sorted(), "one writer's commits follow one another");
        committed.extend(positions);
    }
    is_over.store(true, Ordering::SeqCst);
    assert!(reader.await.unwrap() > 0);
    committed.sort_unstable();
    let transactions = WRITERS * EACH * 4 / 5;
    assert_eq!(committed, (1..=transactions).map(|n| n * 2).collect::<Vec<_>>());
    assert_eq!(head(&world.database).await.unwrap().position, transactions * 2);
}

pub async fn a_rolled_back_transaction_leaves_no_gap(world: World) {
    assert_eq!(write_two(&world.database, false).await.unwrap(), 2);
    write_two(&world.database, true).await.unwrap_err();
    assert_eq!(head(&world.database).await.unwrap().position, 2);
    assert_eq!(write_two(&world.database, false).await.unwrap(), 4);
    assert_eq!(entries_after(&world.database, 0, 10).await.unwrap().unwrap().len(), 4);
}

pub async fn the_last_state_of_each_object_is_listed_in_pages(world: World) {
    for object in ["a", "c", "b"] {
        world.write(object, &["1", "2"]).await.position();
    }
    let now = Timestamp::from_millis(0);
    let mut appended = Appended::default();
    let removed: Result<(), Error> = async {
        database::transaction!(&world.database, |tx| {
            tx.record(&mut appended, change("b", None), now).await?;
        });
        Ok(())
    }
    .await;
    removed.unwrap();
    let page = objects_after(&world.database, "", 1).await.unwrap();
    assert_eq!((page.len(), page[0].object.as_str(), page[0].position), (1, "a", 2));
    let page = objects_after(&world.database, "a", 10).await.unwrap();
    assert_eq!((page.len(), page[0].object.as_str(), page[0].position), (1, "c", 4));
    assert_eq!(page[0].state, b"2");
    // The log still tells of the removal.
    let entries = entries_after(&world.database, 6, 10).await.unwrap().unwrap();
    assert_eq!(entries, appended.entries);
    assert!(entries[0].removed && entries[0].state.is_empty());
}

pub async fn a_log_that_no_longer_reaches_back_says_so(world: World) {
    assert_eq!(entries_after(&world.database, 0, 10).await.unwrap(), Some(Vec::new()));
    assert_eq!(world.write("a", &["1", "2", "3"]).await.position(), 3);
    let everything = Timestamp::FAR_FUTURE;
    compact(&world.database, &SystemClock, everything).await.unwrap();
    for after in [0, 1, 2] {
        assert_eq!(entries_after(&world.database, after, 10).await.unwrap(), None);
    }
    assert_eq!(entries_after(&world.database, 3, 10).await.unwrap(), Some(Vec::new()));
    assert_eq!(world.write("a", &["4"]).await.position(), 4);
    assert_eq!(entries_after(&world.database, 2, 10).await.unwrap(), None);
    assert_eq!(entries_after(&world.database, 3, 10).await.unwrap().unwrap().len(), 1);
    assert_eq!(objects_after(&world.database, "", 10).await.unwrap().len(), 1);
}

pub async fn writers_whose_clocks_differ_leave_no_hole_when_compacted(world: World) {
    for millis in [1_000, 3_000, 2_000, 4_000] {
        let mut appended = Appended::default();
        let written: Result<(), Error> = async {
            database::transaction!(&world.database, |tx| {
                tx.record(&mut appended, change("a", Some("1")), Timestamp::from_millis(millis)).await?;
            });
            Ok(())
        }
        .await;
        written.unwrap();
    }
    compact(&world.database, &SystemClock, Timestamp::from_millis(2_500)).await.unwrap();
    assert_eq!(entries_after(&world.database, 1, 10).await.unwrap(), None);
    let left = entries_after(&world.database, 3, 10).await.unwrap().unwrap();
    assert_eq!(left.iter().map(|entry| entry.position).collect::<Vec<_>>(), [4]);
}

pub async fn objects_past_their_time_are_forgotten(world: World) {
    let now = world.clock.now();
    let soon = now.after(std::time::Duration::from_hours(1));
    let past = Timestamp::from_millis(now.as_millis() - 1);
    let mut appended = Appended::default();
    let written: Result<(), Error> = async {
        database::transaction!(&world.database, |tx| {
            for (object, keep_until) in [("past", Some(past)), ("soon", Some(soon)), ("kept", None)] {
                let change = Change { keep_until, ..change(object, Some("1")) };
                tx.record(&mut appended, change, now).await?;
            }
        });
        Ok(())
    }
    .await;
    written.unwrap();
    let clock = ManualClock::new(now);
    compact(&world.database, &clock, Timestamp::from_millis(0)).await.unwrap();
    let objects = objects_after(&world.database, "", 10).await.unwrap();
    assert_eq!(objects.iter().map(|entry| entry.object.as_str()).collect::<Vec<_>>(), ["kept", "soon"]);
    // What happened is not forgotten with it.
    assert_eq!(entries_after(&world.database, 0, 10).await.unwrap().unwrap().len(), 3);
}

pub async fn a_page_ends_before_it_is_too_large_for_a_message(world: World) {
    let state = "x".repeat(3 << 20);
    for object in ["a", "b", "c", "d", "e"] {
        world.write(object, &[&state]).await.position();
    }
    let feed = world.feed(LONG).await;
    let (mut after, mut objects, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = feed.objects(&after, 0).await.unwrap();
        objects.extend(page.objects.iter().map(|entry| entry.object.clone()));
        after = objects.last().unwrap().clone();
        pages += 1;
        if !page.has_more {
            break;
        }
    }
    assert_eq!((objects.join(""), pages), ("abcde".to_owned(), 2));
    let (first, second) = (feed.entries(0, 0).await.unwrap(), feed.entries(3, 0).await.unwrap());
    assert_eq!((first.entries.len(), second.entries.len()), (3, 2));
    assert!(!first.compacted && first.head == 5);
}
