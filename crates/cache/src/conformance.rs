//! What every cache does.

use crate::redis::tests::PATIENCE;
use crate::{Cache, LONGEST_TTL, Memory, Redis, connect};
use local_servers::Search;
use model::{Clock, ErrorKind, ManualClock, SystemClock, Timestamp};
use std::sync::Arc;
use std::time::Duration;

const TTL: Duration = Duration::from_mins(1);

/// `pass` lets time go by as the cache sees it.
async fn conforms(cache: &dyn Cache, pass: impl AsyncFn(Duration)) {
    what_was_put_is_got(cache).await;
    any_bytes_are_keys_and_values(cache).await;
    the_last_put_counts(cache).await;
    what_was_removed_is_gone(cache).await;
    each_entry_has_its_own_time(cache, pass).await;
    no_time_is_too_long_or_too_short(cache).await;
    many_may_use_it_at_once(cache).await;
    assert_eq!(cache.failures(), 0);
}

async fn what_was_put_is_got(cache: &dyn Cache) {
    assert_eq!(cache.get(b"first").await, None);
    cache.put(b"first", b"value", TTL).await;
    assert_eq!(cache.get(b"first").await.as_deref(), Some(&b"value"[..]));
    assert_eq!(cache.get(b"firs").await, None);
    assert_eq!(cache.get(b"first ").await, None);
}

async fn any_bytes_are_keys_and_values(cache: &dyn Cache) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let large = vec![7; 200_000];
    for (key, value) in [
        (&b""[..], &b""[..]),
        (b"\r\nDEL first\r\n", b"$-1\r\n"),
        (&every_byte, &every_byte),
        (b"large", &large),
        (&large[..1000], b"long key"),
    ] {
        cache.put(key, value, TTL).await;
        assert_eq!(cache.get(key).await.as_deref(), Some(value));
    }
}

async fn the_last_put_counts(cache: &dyn Cache) {
    cache.put(b"twice", b"1", TTL).await;
    cache.put(b"twice", b"2", TTL).await;
    assert_eq!(cache.get(b"twice").await.as_deref(), Some(&b"2"[..]));
}

async fn what_was_removed_is_gone(cache: &dyn Cache) {
    cache.put(b"removed", b"1", TTL).await;
    cache.put(b"other", b"1", TTL).await;
    cache.remove(b"removed").await;
    cache.remove(b"removed").await;
    assert_eq!(cache.get(b"removed").await, None);
    assert!(cache.get(b"other").await.is_some());
}

async fn each_entry_has_its_own_time(cache: &dyn Cache, pass: impl AsyncFn(Duration)) {
    cache.put(b"short", b"1", Duration::from_millis(20)).await;
    cache.put(b"long", b"1", TTL).await;
    cache.put(b"prolonged", b"1", Duration::from_millis(20)).await;
    cache.put(b"prolonged", b"2", TTL).await;
    cache.put(b"shortened", b"1", TTL).await;
    cache.put(b"shortened", b"2", Duration::from_millis(20)).await;
    pass(Duration::from_millis(40)).await;
    assert_eq!(cache.get(b"short").await, None);
    assert_eq!(cache.get(b"shortened").await, None);
    assert!(cache.get(b"long").await.is_some());
    assert!(cache.get(b"prolonged").await.is_some());
}

async fn no_time_is_too_long_or_too_short(cache: &dyn Cache) {
    cache.put(b"forever", b"1", Duration::MAX).await;
    cache.put(b"month", b"1", LONGEST_TTL).await;
    assert!(cache.get(b"forever").await.is_some());
    assert!(cache.get(b"month").await.is_some());
    for ttl in [Duration::ZERO, Duration::from_nanos(1)] {
        cache.put(b"never", b"1", TTL).await;
        cache.put(b"never", b"2", ttl).await;
        assert_eq!(cache.get(b"never").await, None);
    }
}

async fn many_may_use_it_at_once(cache: &dyn Cache) {
    let calls = (0..64_u32).map(async |n| {
        let key = n.to_be_bytes();
        cache.put(&key, &key, TTL).await;
        assert_eq!(cache.get(&key).await.as_deref(), Some(&key[..]));
    });
    futures::future::join_all(calls).await;
}

#[tokio::test]
async fn memory() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
    let cache = Memory::new(1000, Arc::clone(&clock) as Arc<dyn Clock>);
    conforms(&cache, async |time| clock.advance(time)).await;
}

#[tokio::test]
async fn redis() -> anyhow::Result<()> {
    let server = local_servers::Redis::throwaway(&Search::workspace()).await?;
    let cache = Redis::connect_within(PATIENCE, server.url(), Arc::new(SystemClock)).await?;
    // Redis has a clock of its own, which cannot be moved.
    conforms(&cache, tokio::time::sleep).await;
    Ok(())
}

#[tokio::test]
async fn the_scheme_chooses_the_adapter() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    assert!(connect("memory:", Arc::clone(&clock)).await.is_ok());
    for url in ["", "redis", "http://secret@host", "sqlite:cache.db"] {
        let error = connect(url, Arc::clone(&clock)).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
