//! Durations: Go's reading of them.

use model::{SessionDuration, Timestamp, TokenDuration, duration};
use std::time::Duration;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const CENTURY: u128 = 876_000 * 3_600_000_000_000;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = duration::parse(text);
    match naive(text) {
        // It is kept as a binary fraction: exact to a part in a million million.
        Some(nanos) if text.len() <= 64 && nanos < CENTURY - 1_000_000 => {
            let read = read.expect("Go reads it").as_nanos();
            assert!(read.abs_diff(nanos) <= 2 + nanos / 1_000_000_000_000, "{read} {nanos}");
        }
        Some(_) => {}
        None => assert!(read.is_err(), "Go does not read it"),
    }
    if let Ok(read) = read {
        assert!(read.as_nanos() <= CENTURY);
    }
    let now = Timestamp::from_millis(1_800_000_000_000);
    match TokenDuration::parse(text) {
        Ok(token) => {
            assert_eq!(token.as_str(), text);
            assert!(token.expiry(now) >= now.after(Duration::from_secs(1)));
        }
        Err(error) => assert_eq!(error.violations()[0].field, "duration"),
    }
    match SessionDuration::parse(text) {
        Ok(session) => assert!(session.length() <= SessionDuration::LONGEST),
        Err(error) => assert_eq!(error.violations()[0].field, "session_duration"),
    }
}

/// Nanoseconds; none if Go would refuse it, or for what takes many digits.
fn naive(text: &str) -> Option<u128> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut nanos) = (text, 0_u128);
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let length = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (_, scale) = UNITS.into_iter().find(|(unit, _)| *unit == &tail[..length])?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let whole = if whole.is_empty() { 0 } else { whole.parse::<u128>().unwrap_or(u128::MAX) };
        let digits = &fraction[..fraction.len().min(18)];
        let part = if digits.is_empty() {
            0
        } else {
            digits.parse::<u128>().unwrap() * scale / 10_u128.pow(u32::try_from(digits.len()).unwrap())
        };
        nanos = nanos.saturating_add(whole.saturating_mul(scale)).saturating_add(part);
        rest = &tail[length..];
        if rest.is_empty() {
            return Some(nanos);
        }
    }
}
