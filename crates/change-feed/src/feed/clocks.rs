//! Whether the database's clock has stepped, judged by this process's clock that never does.
//!
//! Leases are judged by the database's clock. Set ahead, it makes live leases look as if they had run out; set back, it
//! stretches dead ones. So after a step every lease counts as live for one lease, and none for longer. A process that
//! has just started cannot tell, and does the same.

use super::confirm::Held;
use crate::lease::{LONGEST, Lease};
use model::{BootTime, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;

pub(super) struct Clocks {
    feed: &'static str,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    last: Option<(Timestamp, BootTime)>,
    suspect_until: Option<BootTime>,
    /// Leases that end later than any lease can, and when each was seen first.
    ahead: HashMap<String, BootTime>,
}

impl Clocks {
    /// Of a process that starts now.
    pub fn suspecting(feed: &'static str, boot: BootTime, lease: Duration) -> Self {
        Self {
            feed,
            seen: Mutex::new(Seen { last: None, suspect_until: Some(boot.after(lease)), ..Seen::default() }),
        }
    }

    /// Takes one reading of both, in that order, and says whether the database's clock has stepped within a lease.
    /// A reading that took long looks like a step, and costs waiting alone.
    pub fn have_stepped(&self, now: Timestamp, boot: BootTime, lease: Duration) -> bool {
        let mut seen = self.seen.lock();
        if let Some((last_now, last_boot)) = seen.last.replace((now, boot)) {
            let by_database = i128::from(now.as_millis()) - i128::from(last_now.as_millis());
            let by_boot = i128::try_from(boot.since(last_boot).as_millis()).unwrap_or(i128::MAX);
            let tolerated = i128::try_from((lease / 10).as_millis()).unwrap_or_default();
            if (by_database - by_boot).abs() > tolerated {
                metrics::counter!("sallyport_feed_clock_steps_total", "feed" => self.feed).increment(1);
                tracing::warn!(
                    feed = self.feed,
                    by_database,
                    by_boot,
                    "the database's clock has stepped; waiting whole leases"
                );
                seen.suspect_until = Some(boot.after(lease));
            }
        }
        seen.suspect_until.is_some_and(|until| boot < until)
    }
}

impl Clocks {
    /// How long each lease can still run. One that ends later than any lease can was granted while the clock was ahead,
    /// nobody knows when: it counts for one lease from when it is seen first.
    pub fn judge(
        &self,
        rows: Vec<Lease>,
        now: Timestamp,
        boot: BootTime,
        have_stepped: bool,
        lease: Duration,
    ) -> Vec<Held> {
        let mut seen = self.seen.lock();
        let before = std::mem::take(&mut seen.ahead);
        let mut judge = |row: Lease| {
            let left = u64::try_from(row.lease_until_ms.saturating_sub(now.as_millis())).unwrap_or_default();
            let mut left = Duration::from_millis(left);
            if left > LONGEST {
                let first = before.get(&row.incarnation).copied().unwrap_or(boot);
                seen.ahead.insert(row.incarnation.clone(), first);
                left = lease.saturating_sub(boot.since(first));
            }
            Held { left: if have_stepped { lease } else { left.min(lease) }, row }
        };
        rows.into_iter().map(&mut judge).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(5);

    fn reading(clocks: &Clocks, now: i64, boot: u64) -> bool {
        let boot = BootTime::from_duration(Duration::from_millis(boot));
        clocks.have_stepped(Timestamp::from_millis(now), boot, LEASE)
    }

    #[test]
    fn a_step_either_way_is_noticed_and_forgotten_a_lease_later() {
        for step in [60_000, -60_000] {
            let clocks = Clocks::suspecting("tests", BootTime::from_duration(Duration::ZERO), LEASE);
            assert!(!reading(&clocks, 100_000, 10_000));
            assert!(!reading(&clocks, 101_000, 11_000));
            assert!(reading(&clocks, 102_000 + step, 12_000));
            assert!(reading(&clocks, 106_000 + step, 16_000));
            assert!(!reading(&clocks, 107_000 + step, 17_000));
        }
    }

    #[test]
    fn a_lease_granted_while_the_clock_was_ahead_counts_for_one_lease() {
        let clocks = Clocks::suspecting("tests", BootTime::from_duration(Duration::ZERO), LEASE);
        let row = |until| Lease {
            incarnation: "1".to_owned(),
            replica: "edge".to_owned(),
            version: String::new(),
            applied: 0,
            lease_until_ms: until,
            last_contact_at_ms: 0,
            staleness_ms: 0,
        };
        let left = |until, boot| {
            let boot = BootTime::from_duration(Duration::from_millis(boot));
            let held = clocks.judge(vec![row(until)], Timestamp::from_millis(0), boot, false, LEASE);
            held.iter().map(|held| held.left.as_millis()).sum::<u128>()
        };
        assert_eq!(left(4_000, 10_000), 4_000);
        assert_eq!(left(3_600_000, 11_000), 5_000);
        assert_eq!(left(3_600_000, 14_000), 2_000);
        assert_eq!(left(3_600_000, 16_000), 0);
        assert_eq!(left(3_600_000, 90_000), 0);
        // It has renewed its lease since.
        assert_eq!(left(5_000, 91_000), 5_000);
        assert_eq!(left(3_600_000, 92_000), 5_000);
    }

    #[test]
    fn at_the_start_nothing_is_believed_for_a_lease() {
        let clocks = Clocks::suspecting("tests", BootTime::from_duration(Duration::ZERO), LEASE);
        assert!(reading(&clocks, 100_000, 0));
        assert!(reading(&clocks, 104_999, 4_999));
        assert!(!reading(&clocks, 105_000, 5_000));
    }
}
