//! What was refused before there was anything to decide: its framing, method or target is wrong, it came to the wrong
//! connection, or it was asked by nobody who may ask. Anybody can send as much of it as they like, so it has a small room
//! of its own and never takes the place of a decision. Nothing of the request itself is recorded.

use super::Ray;
use crossbeam_queue::ArrayQueue;
use metrics::{Counter, counter};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many are told singly in one interval of the worker: 64 a second.
const SINGLY: usize = 16;

/// Where it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    Listener,
    ExtAuthz,
    ForwardAuth,
}

impl Front {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::ExtAuthz => "ext_authz",
            Self::ForwardAuth => "forward_auth",
        }
    }
}

/// One request that was never decided.
pub struct Turned {
    /// None: its answer bears no name.
    pub ray: Option<Ray>,
    pub front: Front,
    /// Whose connection it was; of `ext_authz`, whose connection Envoy has accepted.
    pub peer: Option<IpAddr>,
    /// Ours, and stable.
    pub reason: Cow<'static, str>,
}

/// Those that wait for the worker.
pub(super) struct TurnedAway {
    queue: ArrayQueue<Turned>,
    /// Found no room since the worker looked last.
    more: AtomicU64,
    dropped: Counter,
}

impl TurnedAway {
    pub fn new() -> Self {
        Self {
            queue: ArrayQueue::new(SINGLY),
            more: AtomicU64::new(0),
            dropped: counter!("sallyport_decision_events_dropped_total", "reason" => "undecided"),
        }
    }

    /// Never waits.
    pub fn record(&self, turned: Turned) {
        if self.queue.push(turned).is_err() {
            self.more.fetch_add(1, Ordering::Relaxed);
            self.dropped.increment(1);
        }
    }

    /// Log lines of all that wait, and one with the number of the others.
    pub fn tell(&self) {
        let (singly, more) = self.take();
        singly.iter().for_each(write);
        if more > 0 {
            tracing::info!(target: "decision", allowed = false, count = more, "turned away");
        }
    }

    fn take(&self) -> (Vec<Turned>, u64) {
        let singly = std::iter::from_fn(|| self.queue.pop()).take(SINGLY).collect();
        (singly, self.more.swap(0, Ordering::Relaxed))
    }
}

fn write(turned: &Turned) {
    let Turned { ray, front, peer, reason } = turned;
    tracing::info!(
        target: "decision",
        ray = ray.map(|ray| ray.to_string()).unwrap_or_default(),
        allowed = false,
        reason = &**reason,
        front = front.as_str(),
        peer = peer.map(|peer| peer.to_canonical().to_string()).unwrap_or_default(),
        "turned away"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(reason: &'static str) -> Turned {
        Turned { ray: None, front: Front::Listener, peer: None, reason: reason.into() }
    }

    #[test]
    fn a6_a_flood_leaves_a_few_lines_and_a_number() {
        let turned_away = TurnedAway::new();
        for _ in 0..20_000 {
            turned_away.record(turned("REQUEST_MALFORMED"));
        }
        let (singly, more) = turned_away.take();
        assert_eq!((singly.len(), more), (SINGLY, 20_000 - SINGLY as u64));
        turned_away.record(turned("HOST_MISDIRECTED"));
        let (singly, more) = turned_away.take();
        assert_eq!((singly.len(), more), (1, 0));
        assert_eq!(singly[0].reason, "HOST_MISDIRECTED");
    }
}
