//! When a replica renews its lease, in time that is simulated.

use super::world::{FEED, Known, heartbeat};
use crate::source::Source;
use crate::{Gate, Replica, broadcast, replica};
use async_trait::async_trait;
use model::{BootTime, Clock, Error, Timestamp};
use proto::change_feed as wire;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const LEASE: Duration = Duration::from_secs(6);

/// Follows the runtime's time.
struct Simulated(Instant);

impl Clock for Simulated {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0).after(self.0.elapsed())
    }

    fn boot(&self) -> BootTime {
        BootTime::from_duration(self.0.elapsed())
    }
}

/// An owner without changes, whose objects are read for so long.
struct Slow(Duration);

#[async_trait]
impl Source for Slow {
    async fn heartbeat(&self, _request: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Error> {
        Ok(wire::HeartbeatResponse {
            epoch: "one".into(),
            lease_ms: i64::try_from(LEASE.as_millis()).unwrap(),
            feed: FEED.into(),
            broadcast_key: vec![1; broadcast::KEY],
            ..wire::HeartbeatResponse::default()
        })
    }

    async fn acknowledge(&self, _request: wire::AcknowledgeRequest) -> Result<(), Error> {
        Ok(())
    }

    async fn release(&self, _incarnation: String) -> Result<(), Error> {
        Ok(())
    }

    async fn objects(&self, _after: String) -> Result<wire::ListObjectsResponse, Error> {
        sleep(self.0).await;
        Ok(wire::ListObjectsResponse { epoch: "one".into(), ..wire::ListObjectsResponse::default() })
    }

    async fn entries(&self, _after: u64) -> Result<wire::ListEntriesResponse, Error> {
        Err(Error::internal("there are none"))
    }
}

/// Asserts that a replica whose load takes `load` is live after it, at the latest when a moment has passed, and remains so.
async fn is_live_after(load: Duration) {
    let clock: Arc<dyn Clock> = Arc::new(Simulated(Instant::now()));
    let gate = Arc::new(Gate::default());
    let replica = Replica {
        feed: FEED,
        name: heartbeat(1, 0).replica,
        source: Arc::new(Slow(load)),
        bus: bus::connect("memory:").await.unwrap(),
        clock: clock.clone(),
        view: Arc::new(Known::default()),
        gate: gate.clone(),
        staleness: replica::never_stale(),
    };
    let stop = CancellationToken::new();
    let task = tokio::spawn(replica.follow(stop.clone()));
    sleep(load + Duration::from_millis(300)).await;
    let lapse = async {
        while gate.is_live(clock.boot()) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        timeout(LEASE * 2, lapse).await.is_err(),
        "a load of {load:?}: without a lease {:?}",
        clock.boot()
    );
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_over_when_its_load_ends_is_renewed_at_once() {
    is_live_after(LEASE * 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_short_when_its_load_ends_is_renewed_before_its_end() {
    is_live_after(LEASE * 3 / 4).await;
}
