//! Whom a confirmation waits for.

use crate::lease::Lease;
use model::{BootTime, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// The leases at one moment.
pub(super) struct Look {
    pub leases: Vec<Lease>,
    /// By the database's clock, read before the leases.
    pub now: Timestamp,
    /// Read after `now`.
    pub boot: BootTime,
    /// The database's clock cannot be believed.
    pub have_stepped: bool,
}

/// The enforcement points that a confirmation waits for: those whose lease was live when it began.
pub(super) struct Waiting {
    position: u64,
    /// The longest that any of them can last.
    lease: Duration,
    /// By incarnation: name, and when the lease that was running at the first look has ended. What was left of it is
    /// counted on the clock that never steps.
    pending: Option<HashMap<String, (String, BootTime)>>,
    pub confirmed: u32,
    pub fenced: u32,
}

impl Waiting {
    pub const fn new(position: u64, lease: Duration) -> Self {
        Self { position, lease, pending: None, confirmed: 0, fenced: 0 }
    }

    /// A lease that is renewed meanwhile counts by its first end: the renewal's answer names this position, and the
    /// replica may not use it before it has applied that.
    pub fn is_over(&mut self, look: &Look) -> bool {
        let Look { leases, now, boot, have_stepped } = look;
        let pending = self.pending.get_or_insert_with(|| {
            let live = leases.iter().filter_map(|lease| {
                let left =
                    u64::try_from(lease.lease_until_ms.saturating_sub(now.as_millis())).unwrap_or_default();
                let left =
                    if *have_stepped { self.lease } else { Duration::from_millis(left).min(self.lease) };
                let ends = boot.after(left);
                (!left.is_zero()).then(|| (lease.incarnation.clone(), (lease.replica.clone(), ends)))
            });
            live.collect()
        });
        let applied: HashMap<&str, u64> =
            leases.iter().map(|lease| (lease.incarnation.as_str(), lease.applied())).collect();
        pending.retain(|incarnation, (_, ends)| match applied.get(incarnation.as_str()) {
            Some(applied) if *applied >= self.position => {
                self.confirmed += 1;
                false
            }
            Some(_) if boot < ends => true,
            // Its lease has run out, or it gave it back.
            Some(_) | None => {
                self.fenced += 1;
                false
            }
        });
        pending.is_empty()
    }

    /// Who is neither confirmed nor fenced.
    pub fn names(&self) -> Vec<String> {
        let Some(pending) = &self.pending else {
            // Not nobody: it is not known who there is.
            return vec!["(unknown: the leases could not be read)".to_owned()];
        };
        let mut names: Vec<_> = pending.values().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }
}
