//! What is counted while one fault is at work and until the next begins.

use super::history::{Act, Answer};
use super::{Finding, Outcome, is_carried_out};
use std::time::Duration;

/// Counts of one fault.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How long each confirmed revocation took.
    confirmations: Vec<Duration>,
    unconfirmed: u64,
    /// Acts that nobody knows the end of, or that were refused.
    pub failed_acts: u64,
    pub other_acts: u64,
    pub requests: u64,
    pub admitted: u64,
    pub refused: u64,
    pub unavailable: u64,
    /// Admitted although dead.
    pub wrongly_admitted: u64,
    /// Refused although live.
    pub wrongly_refused: u64,
    pub late: u64,
    /// Other violations.
    pub others: u64,
    /// `Some(None)`: not in time.
    pub recovered: Option<Option<Duration>>,
}

impl Tally {
    pub(super) fn act(&mut self, act: Act, answer: Answer, took: Duration) {
        match answer {
            Answer::Confirmed if act.is_revocation() => self.confirmations.push(took),
            Answer::Unconfirmed if is_carried_out(act, answer) => self.unconfirmed += 1,
            Answer::Refused | Answer::Unknown => self.failed_acts += 1,
            Answer::Confirmed | Answer::Unconfirmed => self.other_acts += 1,
        }
    }

    pub(super) fn request(&mut self, outcome: &Outcome, finding: Option<Finding>) {
        self.requests += 1;
        match outcome {
            Outcome::Admitted => self.admitted += 1,
            Outcome::Refused(..) => self.refused += 1,
            Outcome::Unavailable(_) => self.unavailable += 1,
        }
        match finding {
            Some(Finding::Admitted) => self.wrongly_admitted += 1,
            Some(Finding::Refused) => self.wrongly_refused += 1,
            _ => {}
        }
    }

    /// Those that were carried out, confirmed or not.
    pub fn revocations(&self) -> u64 {
        u64::try_from(self.confirmations.len()).unwrap_or(u64::MAX) + self.unconfirmed
    }

    /// Sorted.
    pub fn confirmations(&self) -> Vec<Duration> {
        let mut sorted = self.confirmations.clone();
        sorted.sort_unstable();
        sorted
    }

    pub fn is_clean(&self) -> bool {
        self.wrongly_admitted == 0 && self.wrongly_refused == 0 && self.late == 0 && self.others == 0
    }

    /// Both together, without the recovery.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.confirmations.extend(&other.confirmations);
        self.unconfirmed += other.unconfirmed;
        self.failed_acts += other.failed_acts;
        self.other_acts += other.other_acts;
        self.requests += other.requests;
        self.admitted += other.admitted;
        self.refused += other.refused;
        self.unavailable += other.unavailable;
        self.wrongly_admitted += other.wrongly_admitted;
        self.wrongly_refused += other.wrongly_refused;
        self.late += other.late;
        self.others += other.others;
        self
    }
}
