//! Time as an argument.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 with `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 9999-01-01T00:00:00Z: what "forever" means where a date is required.
    pub const FAR_FUTURE: Self = Self(253_370_764_800_000);

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Rounded down: what JWT claims carry.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Never later than [`Self::FAR_FUTURE`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis)).min(Self::FAR_FUTURE)
    }

    /// Any RFC 3339 form, with or without a fraction, with any offset.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// As HTTP writes it, RFC 9110 section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`. Empty if out of range.
    pub fn http_date(self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.0);
        time.map(|t| t.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "out of range"),
        }
    }
}

/// Time since the machine started, running on while it is suspended. Never steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(Duration);

impl BootTime {
    pub const fn from_duration(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The calendar's time; may step.
    fn now(&self) -> Timestamp;
    /// For leases and waiting; never steps.
    fn boot(&self) -> BootTime;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        Timestamp(t.tv_sec * 1000 + t.tv_nsec / 1_000_000)
    }

    fn boot(&self) -> BootTime {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let nanos = u32::try_from(t.tv_nsec).unwrap_or_default();
        BootTime(Duration::new(u64::try_from(t.tv_sec).unwrap_or_default(), nanos))
    }
}

/// A clock that moves when told to.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    boot: AtomicI64,
}

impl ManualClock {
    pub fn new(now: Timestamp) -> Self {
        Self { now: AtomicI64::new(now.0), boot: AtomicI64::new(0) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.now.fetch_add(millis, Ordering::SeqCst);
        self.boot.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn boot(&self) -> BootTime {
        let millis = u64::try_from(self.boot.load(Ordering::SeqCst)).unwrap_or_default();
        BootTime(Duration::from_millis(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_writes_them() {
        assert_eq!(Timestamp::from_millis(784_111_777_123).http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(Timestamp::from_millis(0).http_date(), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn rfc3339_is_read_in_every_form_the_sdks_send() {
        for text in ["2014-01-01T05:20:00Z", "2014-01-01T05:20:00+00:00", "2014-01-01T07:20:00.000000+02:00"]
        {
            assert_eq!(Timestamp::parse_rfc3339(text), Some(Timestamp(1_388_553_600_000)), "{text}");
        }
        for text in ["", "2014-01-01", "yesterday", "2014-01-01T05:20:00", "2014-13-01T05:20:00Z"] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn the_far_future_is_written_as_a_date() {
        assert_eq!(Timestamp::FAR_FUTURE.to_string(), "9999-01-01T00:00:00Z");
        assert_eq!(Timestamp(0).after(Duration::MAX), Timestamp::FAR_FUTURE);
    }
}
