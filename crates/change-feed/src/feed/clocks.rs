//! Whether the database's clock has stepped, judged by this process's clock that never does.
//!
//! Leases are judged by the database's clock. Set ahead, it makes live leases look as if they had run out; set back, it
//! stretches dead ones. So after a step every lease counts as live for one lease, and none for longer. A process that
//! has just started cannot tell, and does the same.

use model::{BootTime, Timestamp};
use parking_lot::Mutex;
use std::time::Duration;

pub(super) struct Clocks {
    feed: &'static str,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    last: Option<(Timestamp, BootTime)>,
    suspect_until: Option<BootTime>,
}

impl Clocks {
    /// Of a process that starts now.
    pub fn suspecting(feed: &'static str, boot: BootTime, lease: Duration) -> Self {
        Self { feed, seen: Mutex::new(Seen { last: None, suspect_until: Some(boot.after(lease)) }) }
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
    fn at_the_start_nothing_is_believed_for_a_lease() {
        let clocks = Clocks::suspecting("tests", BootTime::from_duration(Duration::ZERO), LEASE);
        assert!(reading(&clocks, 100_000, 0));
        assert!(reading(&clocks, 104_999, 4_999));
        assert!(!reading(&clocks, 105_000, 5_000));
    }
}
