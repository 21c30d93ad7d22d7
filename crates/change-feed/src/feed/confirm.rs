//! Whom a confirmation waits for.

use crate::lease::Lease;
use model::{BootTime, Timestamp};
use proto::change_feed as wire;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The leases at one moment.
pub(super) struct Look {
    pub leases: Vec<Held>,
    /// By the database's clock, read before the leases.
    pub now: Timestamp,
    /// Read after `now`.
    pub boot: BootTime,
    /// The database's clock cannot be believed.
    pub have_stepped: bool,
    /// The head, read after the leases.
    pub epoch: String,
    pub head: u64,
}

/// A lease, and the longest that it can still run.
pub(super) struct Held {
    pub row: Lease,
    pub left: Duration,
}

/// In which a change committed.
pub(super) struct History {
    pub epoch: String,
    /// When it began, if another was lost; else long ago.
    pub resumed_at: Timestamp,
}

/// The enforcement points that a confirmation waits for: those whose lease was live when it began.
pub(super) struct Waiting {
    position: u64,
    /// The longest that any of them can last.
    lease: Duration,
    history: History,
    /// It was lost while this waited, and the change perhaps with it.
    is_lost: bool,
    /// From the first look on.
    known: Option<Known>,
    confirmed: Vec<String>,
    fenced: Vec<String>,
}

struct Known {
    /// Leases that were lost with a history had all run out by then.
    settled_at: BootTime,
    /// By incarnation.
    pending: HashMap<String, Pending>,
    /// Without a lease, and yet admitting: until when; none: without a bound.
    stale: BTreeMap<String, Option<Timestamp>>,
}

struct Pending {
    replica: String,
    /// When the lease that was running at the first look has ended. What was left of it is counted on the clock that
    /// never steps.
    ends: BootTime,
}

impl Waiting {
    pub const fn new(position: u64, lease: Duration, history: History) -> Self {
        Self {
            position,
            lease,
            history,
            is_lost: false,
            known: None,
            confirmed: Vec::new(),
            fenced: Vec::new(),
        }
    }

    /// A lease that is renewed meanwhile counts by its first end: the renewal's answer names this position, and the
    /// replica may not use it before it has applied that.
    pub fn is_over(&mut self, look: &Look) -> bool {
        if look.epoch != self.history.epoch {
            self.is_lost = true;
            return true;
        }
        let first = || Known::of(look, self.lease, self.history.resumed_at);
        let Known { settled_at, pending, stale } = self.known.get_or_insert_with(first);
        let leases: HashMap<&str, &Lease> =
            look.leases.iter().map(|Held { row, .. }| (row.incarnation.as_str(), row)).collect();
        pending.retain(|incarnation, Pending { replica, ends }| {
            let lease = leases.get(incarnation.as_str());
            if lease.is_some_and(|lease| lease.applied() >= self.position) {
                self.confirmed.push(replica.clone());
                return false;
            }
            if lease.is_some() && look.boot < *ends {
                return true;
            }
            // Its lease has run out, or it gave it back.
            self.fenced.push(replica.clone());
            if let Some(until) = lease.and_then(|lease| stale_until(lease, look.now)) {
                stale.insert(replica.clone(), until);
            }
            false
        });
        pending.is_empty() && *settled_at <= look.boot
    }

    /// Whether it is known who is waited for, and all of them have come so far.
    pub fn is_applied_by_all(&self, applied: impl Fn(&str) -> u64) -> bool {
        let Some(Known { pending, .. }) = &self.known else { return false };
        !pending.is_empty() && pending.keys().all(|incarnation| applied(incarnation) >= self.position)
    }

    /// Says how far it has come.
    pub fn tell(self, propagation: &mut wire::Propagation, is_finished: bool) {
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        propagation.confirmed = sorted(self.confirmed);
        propagation.fenced = sorted(self.fenced);
        if self.is_lost {
            propagation.not_confirmed =
                vec!["(unknown: the database lost a history meanwhile, and perhaps this change)".to_owned()];
            return;
        }
        let Some(Known { pending, stale, .. }) = self.known else {
            // Not nobody: it is not known who there is.
            propagation.not_confirmed = vec!["(unknown: the leases could not be read)".to_owned()];
            return;
        };
        propagation.not_confirmed = sorted(pending.into_values().map(|pending| pending.replica).collect());
        if !is_finished && propagation.not_confirmed.is_empty() {
            propagation.not_confirmed =
                vec!["(unknown: leases of the history that was lost may still run)".to_owned()];
        }
        let wire = |(replica, until): (String, Option<Timestamp>)| wire::StaleReplica {
            replica,
            until_ms: until.map_or(0, Timestamp::as_millis),
        };
        propagation.may_be_stale = stale.into_iter().map(wire).collect();
    }
}

impl Known {
    fn of(look: &Look, lease: Duration, resumed_at: Timestamp) -> Self {
        let Look { leases, now, boot, have_stepped, epoch: _, head: _ } = look;
        let mut known = Self {
            settled_at: boot.after(unsettled(*now, *have_stepped, lease, resumed_at)),
            pending: HashMap::new(),
            stale: BTreeMap::new(),
        };
        for Held { row, left } in leases {
            if !left.is_zero() {
                let pending = Pending { replica: row.replica.clone(), ends: boot.after(*left) };
                known.pending.insert(row.incarnation.clone(), pending);
            } else if let Some(until) = stale_until(row, *now) {
                known.stale.insert(row.replica.clone(), until);
            }
        }
        known
    }
}

/// How long leases of a lost history, of which nothing may be known here, can still run.
fn unsettled(now: Timestamp, have_stepped: bool, lease: Duration, resumed_at: Timestamp) -> Duration {
    if resumed_at.as_millis() == 0 {
        return Duration::ZERO;
    }
    if have_stepped {
        return lease;
    }
    let since = u64::try_from(now.as_millis().saturating_sub(resumed_at.as_millis())).unwrap_or_default();
    lease.saturating_sub(Duration::from_millis(since))
}

/// Until when a replica whose lease has ended may admit on what it knew; `Some(None)`: without a bound. `None`: it does
/// not.
#[expect(clippy::option_option, reason = "whether, and until when")]
fn stale_until(lease: &Lease, now: Timestamp) -> Option<Option<Timestamp>> {
    match u64::try_from(lease.staleness_ms) {
        Ok(0) => None,
        Ok(staleness) => {
            let until = Timestamp::from_millis(lease.lease_until_ms).after(Duration::from_millis(staleness));
            (until > now).then_some(Some(until))
        }
        Err(_) => Some(None),
    }
}
