//! A bucket of attempts that fills evenly, in one word.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many attempts a full bucket holds, and how fast it fills.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    burst: u64,
    /// Microseconds until one comes back.
    interval: u64,
}

impl Rate {
    pub fn per_minute(number: u32) -> Self {
        let burst = u64::from(number.max(1));
        Self { burst, interval: (60_000_000 / burst).max(1) }
    }

    fn full(self) -> u64 {
        self.burst.saturating_mul(self.interval)
    }
}

/// When everything that was taken will be back, in microseconds of the caller's clock. A new one is full.
#[derive(Debug, Default)]
pub struct Bucket(AtomicU64);

impl Bucket {
    /// Takes one, or says how long until there is one.
    pub fn take(&self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let now = micros(now);
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |back| {
            let next = back.max(now) + rate.interval;
            (next <= now + rate.full()).then_some(next)
        });
        taken.map(drop).map_err(|back| missing(back, rate, now))
    }

    /// Whether there is one; else how long until there is.
    pub fn check(&self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let (now, back) = (micros(now), self.0.load(Ordering::Relaxed));
        let wait = missing(back, rate, now);
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// Takes one if there is one. It never owes any: whoever waits for the next has it in time.
    pub fn charge(&self, rate: Rate, now: Duration) {
        let _ = self.take(rate, now);
    }

    pub fn give_back(&self, rate: Rate) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |back| {
            Some(back.saturating_sub(rate.interval))
        });
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 4)
}

fn missing(back: u64, rate: Rate, now: u64) -> Duration {
    Duration::from_micros((back.max(now) + rate.interval).saturating_sub(now + rate.full()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 20;

    fn empty(at: Duration) -> Bucket {
        let bucket = Bucket::default();
        for _ in 0..RATE {
            bucket.take(Rate::per_minute(RATE), at).unwrap();
        }
        bucket
    }

    #[test]
    fn it_holds_so_many_and_fills_evenly() {
        let (rate, now) = (Rate::per_minute(RATE), Duration::from_hours(1));
        let bucket = empty(now);
        assert_eq!(bucket.take(rate, now), Err(Duration::from_secs(3)));
        assert_eq!(bucket.take(rate, now + Duration::from_secs(2)), Err(Duration::from_secs(1)));
        let later = now + Duration::from_secs(3);
        assert_eq!(bucket.check(rate, later), Ok(()));
        assert_eq!(bucket.take(rate, later), Ok(()));
        assert_eq!(bucket.take(rate, later), Err(Duration::from_secs(3)));
        // Full again, and no fuller.
        let later = later + Duration::from_hours(5);
        let again = (0..1_000).filter(|_| bucket.take(rate, later).is_ok()).count();
        assert_eq!(again, RATE as usize);
    }

    #[test]
    fn what_is_given_back_is_there_at_once() {
        let (rate, now) = (Rate::per_minute(RATE), Duration::from_hours(1));
        let bucket = empty(now);
        bucket.give_back(rate);
        assert_eq!(bucket.take(rate, now), Ok(()));
        assert!(bucket.take(rate, now).is_err());
        // One that is full stays at that.
        let bucket = Bucket::default();
        bucket.give_back(rate);
        assert_eq!((0..100).filter(|_| bucket.take(rate, now).is_ok()).count(), RATE as usize);
    }

    #[test]
    fn it_is_never_owed() {
        let (rate, now) = (Rate::per_minute(RATE), Duration::from_hours(1));
        let bucket = empty(now);
        for _ in 0..1_000 {
            bucket.charge(rate, now);
        }
        assert_eq!(bucket.check(rate, now), Err(Duration::from_secs(3)));
    }

    #[test]
    fn every_rate_lets_somebody_through() {
        for number in [0, 1, 7, 1_000_000, u32::MAX] {
            let rate = Rate::per_minute(number);
            for now in [Duration::ZERO, Duration::MAX] {
                let bucket = Bucket::default();
                assert_eq!(bucket.take(rate, now), Ok(()), "{number}");
                assert_eq!(bucket.take(rate, now).is_ok(), number > 1, "{number}");
            }
        }
    }
}
