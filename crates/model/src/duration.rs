//! Durations as the wire contract writes them: Go's form (`2h45m`, `8760h`), and `forever` for tokens.

use crate::error::Error;
use crate::time::Timestamp;
use std::time::Duration;

/// Longest finite duration: a hundred years.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// Reads a Go duration. Signs are refused: nothing here can last less than nothing.
///
/// # Errors
/// The rule that was broken, for [`Error::invalid`].
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    const RULE: &str = "must be a duration such as \"30m\", \"24h\" or \"2h45m\" (units ns, us, ms, s, m, h)";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() || text.len() > 64 || !text.is_ascii() {
        return Err(if text.contains(['µ', 'μ']) {
            return parse(&text.replace(['µ', 'μ'], "u"));
        } else {
            RULE
        });
    }
    let (mut rest, mut nanos) = (text, 0_f64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(RULE)?;
        let (number, tail) = rest.split_at(digits);
        let length = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(length);
        let scale = match unit {
            "ns" => 1.0,
            "us" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return Err(RULE),
        };
        nanos += number.parse::<f64>().map_err(|_| RULE)? * scale;
        rest = tail;
    }
    if nanos > 3600e9 * 24.0 * 365.0 * 100.0 {
        return Err("must not be longer than 100 years (876000h)");
    }
    Ok(Duration::from_secs_f64(nanos / 1e9).min(LONGEST))
}

/// How long a service token lives, counted from when it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDuration {
    text: String,
    length: Option<Duration>,
}

impl TokenDuration {
    /// `8760h`.
    pub const DEFAULT: &'static str = "8760h";
    /// What a refresh adds.
    pub const YEAR: Duration = Duration::from_hours(8760);

    /// At least a second, at most 100 years, or `forever`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text == "forever" {
            return Ok(Self { text: text.to_owned(), length: None });
        }
        let length =
            parse(text).map_err(|rule| Error::invalid("duration", format!("{rule}, or \"forever\"")))?;
        if length < Duration::from_secs(1) {
            return Err(Error::invalid("duration", "must be at least 1s, or \"forever\""));
        }
        Ok(Self { text: text.to_owned(), length: Some(length) })
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When a token that starts now ends.
    pub fn expiry(&self, now: Timestamp) -> Timestamp {
        self.length.map_or(Timestamp::FAR_FUTURE, |length| now.after(length))
    }
}

/// How long a session lives: nothing (this request only) to one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDuration {
    text: String,
    length: Duration,
}

impl SessionDuration {
    /// `24h`.
    pub const DEFAULT: &'static str = "24h";
    /// No session outlives this; revocations older than it can be forgotten.
    pub const LONGEST: Duration = Duration::from_hours(720);

    pub fn parse(text: &str) -> Result<Self, Error> {
        let length = parse(text).map_err(|rule| Error::invalid("session_duration", rule))?;
        if length > Self::LONGEST {
            return Err(Error::invalid("session_duration", "must not be longer than one month (720h)"));
        }
        Ok(Self { text: text.to_owned(), length })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub const fn length(&self) -> Duration {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn go_durations_are_read() {
        for (text, millis) in [("300ms", 300), ("2h45m", 9_900_000), ("1.5h", 5_400_000), ("0s", 0), ("0", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        // The micro sign, and the Greek letter.
        for text in ["5us", "5\u{b5}s", "5\u{3bc}s"] {
            assert_eq!(parse(text), Ok(Duration::from_micros(5)));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in
            ["", "-1h", "+1h", "1y", "1d", "h", "1", "1h 2m", "1e9h", "∞", "NaNh", "1..2h", "999999999999h"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["0s", "1ms", "-1h", "Forever"] {
            assert!(TokenDuration::parse(text).is_err(), "{text}");
        }
        assert!(SessionDuration::parse("721h").is_err());
    }

    #[test]
    fn forever_has_a_date() {
        let forever = TokenDuration::parse("forever").unwrap();
        assert_eq!(forever.expiry(Timestamp::from_millis(0)), Timestamp::FAR_FUTURE);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn whole_hours_are_exact(hours in 1_u64..876_000) {
            prop_assert_eq!(parse(&format!("{hours}h")), Ok(Duration::from_hours(hours)));
        }
    }
}
