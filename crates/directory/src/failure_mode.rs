//! What is written for an application about the time in which an enforcement point is cut off.

use change_feed::Staleness;
use model::Error;
use proto::policy_evaluator as wire;
use std::time::Duration;
use wire::failure_mode::{LastKnownGood, Mode, Open};

/// What an enforcement point does with an application's requests while it has no live lease on what it decides by.
/// In order of how long they may be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum FailureMode {
    /// They are refused.
    #[default]
    Closed,
    /// They are judged by what was known last.
    LastKnownGood(MaxStaleness),
    /// They are forwarded unjudged.
    Open,
}

/// How long after the end of its lease an enforcement point may at most judge by what it knew then: a second to fifteen
/// minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxStaleness(Duration);

impl FailureMode {
    /// The words without which nothing is ever open.
    pub const ACKNOWLEDGEMENT: &str = "requests are admitted unjudged while a gateway is cut off";

    /// # Errors
    /// `Invalid`, naming `mode`, `max_staleness` or `acknowledge`.
    pub fn read(mode: &wire::FailureMode) -> Result<Self, Error> {
        match &mode.mode {
            Some(Mode::Closed(wire::Empty {})) => Ok(Self::Closed),
            Some(Mode::LastKnownGood(LastKnownGood { max_staleness })) => {
                MaxStaleness::parse(max_staleness).map(Self::LastKnownGood)
            }
            Some(Mode::Open(Open { acknowledge })) if acknowledge == Self::ACKNOWLEDGEMENT => Ok(Self::Open),
            Some(Mode::Open(_)) => {
                let rule = format!("must be exactly \"{}\"", Self::ACKNOWLEDGEMENT);
                Err(Error::invalid("acknowledge", rule))
            }
            None => Err(Error::invalid("mode", "must be closed, last_known_good or open")),
        }
    }

    /// How long after its lease an enforcement point may go on admitting.
    pub const fn staleness(self) -> Staleness {
        match self {
            Self::Closed => Staleness::None,
            Self::LastKnownGood(MaxStaleness(longest)) => Staleness::UpTo(longest),
            Self::Open => Staleness::Unbounded,
        }
    }
}

impl MaxStaleness {
    const SHORTEST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_mins(15);

    /// A Go duration.
    ///
    /// # Errors
    /// `Invalid`, naming `max_staleness`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |rule| Error::invalid("max_staleness", rule);
        let length = model::duration::parse(text).map_err(invalid)?;
        if length < Self::SHORTEST || length > Self::LONGEST {
            return Err(invalid("must be between 1s and 15m"));
        }
        Ok(Self(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mode: Mode) -> Result<FailureMode, String> {
        let read = FailureMode::read(&wire::FailureMode { mode: Some(mode) });
        read.map_err(|error| error.violations()[0].field.clone())
    }

    fn last_known_good(max_staleness: &str) -> Result<FailureMode, String> {
        read(Mode::LastKnownGood(LastKnownGood { max_staleness: max_staleness.into() }))
    }

    #[test]
    fn staleness_is_bounded() {
        for (text, seconds) in [("1s", 1), ("10m", 600), ("900s", 900)] {
            let mode = last_known_good(text).unwrap();
            assert_eq!(mode.staleness(), Staleness::UpTo(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0", "999ms", "15m1s", "-1m", "forever", "10"] {
            assert_eq!(last_known_good(text).unwrap_err(), "max_staleness", "{text}");
        }
    }

    #[test]
    fn nothing_is_open_without_the_exact_words() {
        let open = |acknowledge: &str| read(Mode::Open(Open { acknowledge: acknowledge.into() }));
        assert_eq!(open(FailureMode::ACKNOWLEDGEMENT), Ok(FailureMode::Open));
        let upper = FailureMode::ACKNOWLEDGEMENT.to_uppercase();
        for words in ["", "yes", &upper, &format!("{} ", FailureMode::ACKNOWLEDGEMENT)] {
            assert_eq!(open(words).unwrap_err(), "acknowledge", "{words:?}");
        }
        let error = FailureMode::read(&wire::FailureMode { mode: None }).unwrap_err();
        assert_eq!(error.violations()[0].field, "mode");
    }

    #[test]
    fn modes_are_ordered_by_how_long_they_admit() {
        let [second, minute] = ["1s", "1m"].map(|text| last_known_good(text).unwrap());
        let ascending = [FailureMode::Closed, second, minute, FailureMode::Open];
        assert!(ascending.is_sorted());
        assert!(ascending.map(FailureMode::staleness).is_sorted());
    }
}
