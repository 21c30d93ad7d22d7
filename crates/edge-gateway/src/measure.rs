//! What the operator sees of the decisions.

use crate::decide::{Admission, Basis, Refused};
use crate::decisions::{Decisions, Front, Ray, Turned};
use crate::exchange::Exchanged;
use crate::refusal::Refusal;
use http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};
use model::{BootTime, Clock};
use std::cell::Cell;
use std::net::IpAddr;

/// One decision in so many is timed: reading the clock twice costs a tenth of deciding.
const TIMED: u32 = 16;

thread_local! {
    static DECISIONS: Cell<u32> = const { Cell::new(0) };
}

/// Counters of what happens most, found once.
pub struct Measures {
    admitted: Counter,
    /// Let through without identity.
    passed: Counter,
    admitted_in: Histogram,
    passed_in: Histogram,
    refused_in: Histogram,
}

impl Measures {
    pub fn new() -> Self {
        let decided = |outcome| counter!("sallyport_requests_total", "outcome" => outcome, "reason" => "");
        let timed = |outcome| histogram!("sallyport_decision_seconds", "outcome" => outcome);
        Self {
            admitted: decided("admitted"),
            passed: decided("passed"),
            admitted_in: timed("admitted"),
            passed_in: timed("passed"),
            refused_in: timed("refused"),
        }
    }

    /// When a decision begins, if it is one of those that are timed.
    pub fn begin(clock: &dyn Clock) -> Option<BootTime> {
        let number = DECISIONS.get();
        DECISIONS.set(number.wrapping_add(1));
        number.is_multiple_of(TIMED).then(|| clock.boot())
    }

    pub fn decided(&self, outcome: &Result<Admission, Refused>, begun: Option<BootTime>, clock: &dyn Clock) {
        let took = match outcome {
            Ok(Admission { basis: Basis::Session(_), .. }) => {
                self.admitted.increment(1);
                &self.admitted_in
            }
            Ok(_) => {
                self.passed.increment(1);
                &self.passed_in
            }
            Err(Refused { refusal, .. }) => {
                refused(refusal);
                &self.refused_in
            }
        };
        if let Some(begun) = begun {
            took.record(clock.boot().since(begun).as_secs_f64());
        }
    }
}

/// What was refused before there was anything to decide. It leaves a line in the log, as far as there is room.
pub fn turned_away(
    decisions: &Decisions,
    front: Front,
    peer: Option<IpAddr>,
    ray: Option<Ray>,
    refusal: &Refusal,
) {
    refused(refusal);
    decisions.record_turned(Turned { ray, front, peer, reason: refusal.reason.clone() });
}

/// Also what was refused before anything was decided. The reasons are ours: there are few.
pub fn refused(refusal: &Refusal) {
    let reason = refusal.reason.to_string();
    counter!("sallyport_requests_total", "outcome" => "refused", "reason" => reason).increment(1);
}

/// An attempt that nobody was asked about: reason `client_id` or `source`.
pub fn throttled(reason: &'static str) {
    counter!("sallyport_attempts_throttled_total", "reason" => reason).increment(1);
}

/// A request that was sent away because too many wait: reason `full`, `turn` or `silent`.
pub fn shed(reason: &'static str) {
    counter!("sallyport_requests_shed_total", "reason" => reason).increment(1);
}

/// A client asked which application refuses it: outcome `remembered`, `signed`, `throttled` or `failed`.
pub fn metadata(outcome: &'static str) {
    counter!("sallyport_metadata_total", "outcome" => outcome).increment(1);
}

pub fn exchanged(outcome: &Result<Exchanged, Refusal>) {
    let outcome = match outcome {
        Ok(Exchanged::Session(_)) => "session",
        Ok(Exchanged::Bypass) => "bypass",
        Err(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        Err(_) => "refused",
    };
    counter!("sallyport_exchanges_total", "outcome" => outcome).increment(1);
}
