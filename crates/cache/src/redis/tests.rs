use super::*;
use local_servers::Search;
use model::{ManualClock, Timestamp};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

const TTL: Duration = Duration::from_mins(1);
/// Longer than a busy machine takes for anything here.
const LIMIT: Duration = Duration::from_mins(1);
/// For a Redis that answers.
pub(crate) const PATIENCE: Limits = Limits { call: LIMIT, dial: LIMIT };
/// For one that does not: a busy machine rarely takes so long three times in a row.
const SOON: Limits = Limits { call: Duration::from_secs(1), dial: LIMIT };

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(0)))
}

/// Until what was put can be read again.
async fn is_back(cache: &Redis) {
    let back = async {
        loop {
            cache.put(b"probe", b"1", TTL).await;
            if cache.get(b"probe").await.is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, back).await.expect("the cache comes back");
}

#[tokio::test]
async fn a_restarted_redis_is_used_again_without_waiting() -> anyhow::Result<()> {
    let mut server = local_servers::Redis::throwaway(&Search::workspace()).await?;
    let clock = clock();
    let cache = Redis::connect_within(PATIENCE, server.url(), Arc::clone(&clock) as Arc<dyn Clock>).await?;
    is_back(&cache).await;
    server.server.kill().await;
    server.server.restart().await?;
    // The clock stands still: a broken connection asks for no pause.
    is_back(&cache).await;
    assert!(cache.failures() > 0);
    Ok(())
}

#[tokio::test]
async fn a_dead_redis_is_tried_once_per_pause() -> anyhow::Result<()> {
    let mut server = local_servers::Redis::throwaway(&Search::workspace()).await?;
    let clock = clock();
    let cache = Redis::connect_within(PATIENCE, server.url(), Arc::clone(&clock) as Arc<dyn Clock>).await?;
    is_back(&cache).await;
    server.server.stop().await?;
    // Finds the connection broken, then finds nobody to connect to.
    let gave_up = async {
        while !matches!(*cache.link.state.lock(), State::Down { retry_at, .. } if retry_at > clock.boot()) {
            assert_eq!(cache.get(b"probe").await, None);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LIMIT, gave_up).await?;

    server.server.restart().await?;
    for _ in 0..1000 {
        assert_eq!(cache.get(b"probe").await, None);
    }
    assert!(matches!(*cache.link.state.lock(), State::Down { is_dialling: false, .. }));
    clock.advance(PAUSE);
    is_back(&cache).await;
    Ok(())
}

#[tokio::test]
async fn a_silent_redis_costs_a_few_short_waits_and_then_nothing() -> anyhow::Result<()> {
    let server = local_servers::Redis::throwaway(&Search::workspace()).await?;
    let clock = clock();
    let cache = Redis::connect_within(SOON, server.url(), Arc::clone(&clock) as Arc<dyn Clock>).await?;
    is_back(&cache).await;
    server.server.freeze()?;
    let waits = async {
        for _ in 0..FAILURES {
            assert_eq!(cache.get(b"probe").await, None);
        }
    };
    tokio::time::timeout(LIMIT, waits).await?;
    assert!(matches!(*cache.link.state.lock(), State::Down { .. }));
    let skipped = async {
        for _ in 0..10_000 {
            assert_eq!(cache.get(b"probe").await, None);
        }
    };
    // Waiting for answers would take hours.
    tokio::time::timeout(LIMIT, skipped).await?;
    server.server.thaw()?;
    clock.advance(PAUSE);
    is_back(&cache).await;
    Ok(())
}

#[tokio::test]
async fn one_slow_answer_does_not_switch_the_cache_off() -> anyhow::Result<()> {
    let server = local_servers::Redis::throwaway(&Search::workspace()).await?;
    let cache = Redis::connect_within(SOON, server.url(), clock()).await?;
    is_back(&cache).await;
    server.server.freeze()?;
    assert_eq!(cache.get(b"probe").await, None);
    server.server.thaw()?;
    assert!(matches!(*cache.link.state.lock(), State::Up { failed: 1, .. }));
    is_back(&cache).await;
    assert!(matches!(*cache.link.state.lock(), State::Up { failed: 0, number: 1, .. }));
    Ok(())
}

#[tokio::test]
async fn a_late_failure_says_nothing_about_the_next_connection() -> anyhow::Result<()> {
    let mut server = local_servers::Redis::throwaway(&Search::workspace()).await?;
    let cache = Redis::connect_within(PATIENCE, server.url(), clock()).await?;
    server.server.kill().await;
    server.server.restart().await?;
    is_back(&cache).await;
    for _ in 0..FAILURES {
        cache.link.failed(1, &Failure::TimedOut(LIMIT));
    }
    assert!(matches!(*cache.link.state.lock(), State::Up { failed: 0, number: 2, .. }));
    Ok(())
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_found_later() -> anyhow::Result<()> {
    let mut server = local_servers::Redis::throwaway(&Search::workspace()).await?;
    server.server.stop().await?;
    let clock = clock();
    let cache = Redis::connect_within(PATIENCE, server.url(), Arc::clone(&clock) as Arc<dyn Clock>).await?;
    assert_eq!(cache.get(b"probe").await, None);
    server.server.restart().await?;
    clock.advance(PAUSE);
    is_back(&cache).await;
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_repeated() -> anyhow::Result<()> {
    let server = local_servers::Redis::throwaway(&Search::workspace()).await?;
    let (_, address) = server.url().split_once('@').unwrap();
    let error =
        Redis::connect_within(PATIENCE, &format!("redis://:hunter2@{address}"), clock()).await.err().unwrap();
    assert_eq!(error.reason(), "CACHE_REFUSED");
    let error =
        Redis::connect_within(PATIENCE, "redis://:hunter2@host:port:port/", clock()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_rediss_url_speaks_tls() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("rediss://{}", listener.local_addr()?);
    let hello = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut start = [0; 2];
        stream.read_exact(&mut start).await?;
        std::io::Result::Ok(start)
    });
    let cache = Redis::connect_within(PATIENCE, &url, clock()).await?;
    assert_eq!(cache.get(b"probe").await, None);
    // A handshake record of TLS.
    assert_eq!(hello.await??, [0x16, 0x03]);
    Ok(())
}
