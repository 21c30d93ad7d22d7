//! What `GET /sallyport/v1/fleet` answers with.

use serde::Deserialize;
use std::process::ExitCode;

#[derive(Debug, Deserialize)]
pub struct Fleet {
    pub feeds: Vec<Feed>,
    pub replicas: Vec<Replica>,
}

#[derive(Debug, Deserialize)]
pub struct Feed {
    pub feed: String,
    /// Why its owner could not be asked.
    pub error: Option<Failure>,
}

#[derive(Debug, Deserialize)]
pub struct Failure {
    pub reason: String,
    pub message: String,
}

#[derive(Debug, Deserialize)]
pub struct Replica {
    #[serde(rename = "replica")]
    pub name: String,
    pub state: State,
    /// Another replica has the same name.
    pub shares_name: bool,
    /// How many starts of it ended without giving their lease back.
    pub earlier_starts: u64,
    pub version: Option<String>,
    pub feeds: Vec<Place>,
    /// Feeds on which it should have a lease and is not even known.
    pub missing: Vec<String>,
}

/// A replica on one feed.
#[derive(Debug, Deserialize)]
pub struct Place {
    pub feed: String,
    pub state: State,
    pub applied: u64,
    /// Entries between the feed's head and what is applied.
    pub lag: u64,
    /// It has no lease, and an application's failure mode lets it admit on what it knew.
    pub may_be_stale: bool,
    pub lease_left_ms: Option<u64>,
    pub last_contact_at: String,
    pub last_contact_ago_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Current,
    Behind,
    Lapsed,
}

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Current,
    CannotAsk,
    NotCurrent,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(match verdict {
            Verdict::Current => 0,
            Verdict::CannotAsk => 1,
            Verdict::NotCurrent => 3,
        })
    }
}

impl Fleet {
    /// A replica that is known to be away weighs more than a feed that is not known.
    pub fn verdict(&self) -> Verdict {
        if self.replicas.iter().any(|replica| replica.state != State::Current) {
            Verdict::NotCurrent
        } else if self.feeds.iter().any(|feed| feed.error.is_some()) {
            Verdict::CannotAsk
        } else {
            Verdict::Current
        }
    }
}
