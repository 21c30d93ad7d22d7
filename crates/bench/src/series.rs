//! Rounds of one measurement.

use crate::cpu;
use model::{BootTime, Clock as _, SystemClock};
use std::time::Duration;

/// What one turn brought.
pub struct Turn {
    pub elapsed: Duration,
    /// Of each request, in nanoseconds; longer than four seconds counts as four.
    pub latencies: Vec<u32>,
}

/// Times since the machine started.
pub fn now() -> BootTime {
    SystemClock.boot()
}

/// As one latency.
pub fn nanos(duration: Duration) -> u32 {
    u32::try_from(duration.as_nanos()).unwrap_or(u32::MAX)
}

/// One row of the table in the making.
pub struct Series {
    pub label: String,
    /// Per round.
    rates: Vec<f64>,
    /// Server's processor time of each request, per round, in microseconds.
    cpu_us: Vec<f64>,
    latencies: Vec<u32>,
    /// 99th percentile, per round, in nanoseconds.
    tails: Vec<f64>,
}

impl Series {
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            rates: Vec::new(),
            cpu_us: Vec::new(),
            latencies: Vec::new(),
            tails: Vec::new(),
        }
    }

    /// Takes one turn. `each` latency stands for that many pieces of work.
    pub fn take<E>(&mut self, each: u32, turn: impl FnOnce() -> Result<Turn, E>) -> Result<(), E> {
        let before = cpu::spent_by_server();
        let Turn { elapsed, latencies } = turn()?;
        let spent = cpu::spent_by_server().zip(before).map(|(after, before)| after.saturating_sub(before));
        let count = f64::from(u32::try_from(latencies.len()).unwrap_or(u32::MAX)) * f64::from(each);
        self.rates.push(count / elapsed.as_secs_f64().max(1e-9));
        self.cpu_us.extend(spent.map(|spent| spent.as_secs_f64() * 1e6 / count.max(1.0)));
        let mut sorted = latencies.clone();
        sorted.sort_unstable();
        self.tails.push(f64::from(percentile(&sorted, 99)) / f64::from(each));
        self.latencies.extend(latencies.iter().map(|latency| latency / each));
        Ok(())
    }

    /// How many latencies there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.latencies.len()).unwrap_or(u32::MAX)
    }

    pub fn per_second(&self) -> f64 {
        median(&self.rates)
    }

    pub fn cpu_us(&self) -> Option<f64> {
        (!self.cpu_us.is_empty()).then(|| median(&self.cpu_us))
    }

    /// Median over the rounds of this rate by the floor's in the same round.
    pub fn ratio(&self, floor: &Self) -> f64 {
        let ratios: Vec<f64> =
            self.rates.iter().zip(&floor.rates).map(|(path, floor)| path / floor.max(1e-9)).collect();
        median(&ratios)
    }

    /// Median over the rounds of the floor's 99th percentile by this one in the same round: 1 is as good, less is worse.
    pub fn tail_ratio(&self, floor: &Self) -> f64 {
        let ratios: Vec<f64> =
            self.tails.iter().zip(&floor.tails).map(|(path, floor)| floor / path.max(1e-9)).collect();
        median(&ratios)
    }

    /// The median, the 99th percentile and the maximum, in microseconds, over all rounds.
    pub fn percentiles_us(&self) -> [f64; 3] {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        [50, 99, 100].map(|percent| f64::from(percentile(&sorted, percent)) / 1e3)
    }
}

/// The smallest value that at least `percent` of them do not exceed; 0 of none.
fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// The middle value, or half-way between the two in the middle; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn series(turns: &[(u64, usize)]) -> Series {
        let mut series = Series::new("x");
        for (millis, count) in turns {
            let turn = Turn { elapsed: Duration::from_millis(*millis), latencies: vec![2_000; *count] };
            series.take(1, || Ok::<_, Infallible>(turn)).unwrap();
        }
        series
    }

    #[test]
    fn a_percentile_is_a_value_that_occurred() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 99)), (100, 198));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99), percentile(&[], 99)), (7, 7, 0));
    }

    #[test]
    fn the_median_of_two_is_between_them() {
        let medians =
            [&[][..], &[3.0], &[4.0, 2.0], &[9.0, 1.0, 2.0]].map(|values| median(values).to_string());
        assert_eq!(medians, ["0", "3", "3", "2"]);
    }

    #[test]
    fn a_machine_that_slows_down_for_a_round_changes_no_ratio() {
        let floor = series(&[(1000, 100), (1000, 10), (1000, 100)]);
        let path = series(&[(1000, 80), (1000, 8), (1000, 80)]);
        assert!((path.ratio(&floor) - 0.8).abs() < 1e-9);
        assert!((path.per_second() - 80.0).abs() < 1e-9);
        assert!((path.tail_ratio(&floor) - 1.0).abs() < 1e-9);
        assert_eq!(path.percentiles_us().map(|us| us.to_string()), ["2", "2", "2"]);
    }

    #[test]
    fn a_batch_counts_as_its_pieces() {
        let mut series = Series::new("x");
        let turn = Turn { elapsed: Duration::from_secs(1), latencies: vec![64_000; 10] };
        series.take(64, || Ok::<_, Infallible>(turn)).unwrap();
        assert!((series.per_second() - 640.0).abs() < 1e-9);
        assert_eq!(series.percentiles_us().map(|us| us.to_string()), ["1", "1", "1"]);
    }
}
