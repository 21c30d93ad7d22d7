//! The enforcement point's side: a lease, a view of the owner's objects, and the rule when it may decide.

mod gate;
mod life;

use crate::source::Source;
use bus::Bus;
use life::Life;
use model::Clock;
use proto::change_feed::Entry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use gate::{Fence, Gate, Lease};

/// What a replica knows of the owner's objects.
///
/// Both calls return only when the new state is visible to every thread that decides.
pub trait View: Send + Sync + 'static {
    /// The kinds of objects that it knows how to judge, as in `<kind>/<id>`. Anything else is a newer owner's: the
    /// replica stops deciding, for what it does not understand may be a revocation.
    const KINDS: &'static [&'static str];

    /// Forgets everything and takes these objects instead.
    fn load(&self, objects: Vec<Entry>);
    /// Applies changes in order. An entry older than what is known of its object changes nothing.
    fn apply(&self, entries: &[Entry]);
}

/// Follows one feed for as long as it runs.
pub struct Replica<V> {
    /// The owning service's name.
    pub feed: &'static str,
    /// This process's name, for people.
    pub name: String,
    pub source: Arc<dyn Source>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub view: Arc<V>,
    pub gate: Arc<Gate>,
    /// How long after a lease this process may still admit on what it knew. The owner is told of more at once, and of less
    /// by the next heartbeat.
    pub staleness: watch::Receiver<Staleness>,
}

/// How long after a lease an enforcement point may still admit on what it knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Staleness {
    /// Not at all.
    #[default]
    None,
    UpTo(Duration),
    /// Somebody has said in so many words that it may.
    Unbounded,
}

/// For a process that admits nothing without a lease.
pub fn never_stale() -> watch::Receiver<Staleness> {
    watch::channel(Staleness::None).1
}

impl Staleness {
    /// As the wire says it.
    fn as_millis(self) -> i64 {
        match self {
            Self::None => 0,
            Self::UpTo(duration) => i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
            Self::Unbounded => -1,
        }
    }
}

/// Part of a lease that is given up, for clocks that do not run at exactly the same rate.
const DRIFT_DIVISOR: u32 = 10;
/// Between attempts when the owner does not answer, the shortest pause between two heartbeats, and the longest wait for
/// the bus to take a subscription.
const RETRY: Duration = Duration::from_millis(200);
/// An answer to a heartbeat is waited for at least this long.
const PATIENCE: Duration = Duration::from_secs(1);

impl<V: View> Replica<V> {
    /// Until `stop`; then gives the lease back.
    pub async fn follow(self, stop: CancellationToken) {
        let mut life = Life::new(&self);
        stop.run_until_cancelled(life.live()).await;
        self.gate.fence();
        life.release().await;
    }

    /// Once an application's failure mode lets more stand than the owner was told.
    async fn has_more_to_tell(&self) {
        let is_more = |staleness: &Staleness| *staleness > self.gate.staleness();
        if self.staleness.clone().wait_for(is_more).await.is_err() {
            // It changes no more.
            std::future::pending::<()>().await;
        }
    }
}
