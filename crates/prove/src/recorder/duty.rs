//! How soon an act must be answered, given what is broken.

use super::history::{Act, Answer, LEASE};
use super::moment::Moment;
use std::time::Duration;

/// The longest that a call to an owner may take: to reach its database, and then ten seconds for the confirmation.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long an owner or its database that was away may take to be itself again.
const CONVALESCENCE: Duration = Duration::from_secs(5);

/// What an act needs to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Admin,
    Registry,
    Evaluator,
    Issuer,
}

impl Part {
    /// Whoever stands behind the database.
    pub const ALL: &'static [Self] = &[Self::Admin, Self::Registry, Self::Evaluator, Self::Issuer];
}

impl Act {
    const fn needs(self) -> &'static [Part] {
        match self {
            Self::Create
            | Self::Disable
            | Self::Enable
            | Self::Rotate
            | Self::RotateWithOverlap
            | Self::EndOverlap
            | Self::Delete => &[Part::Admin, Part::Registry],
            // Whether there is such an application is the evaluator's to say.
            Self::EndSessions => &[Part::Admin, Part::Issuer, Part::Evaluator],
            // Which tokens a policy names is kept with the tokens.
            Self::Include | Self::Exclude | Self::DeleteApplication => {
                &[Part::Admin, Part::Evaluator, Part::Registry]
            }
        }
    }
}

/// Parts that are not themselves for a time.
#[derive(Debug, Clone)]
pub struct Breakage {
    pub parts: &'static [Part],
    pub from: Moment,
    /// None: still.
    pub until: Option<Moment>,
}

impl Breakage {
    fn touches(&self, act: Act, invoked: Moment, answered: Moment) -> bool {
        let overlaps =
            self.from <= answered && self.until.is_none_or(|until| until.after(CONVALESCENCE) >= invoked);
        overlaps && act.needs().iter().any(|part| self.parts.contains(part))
    }
}

/// What an act owes its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// A success within a lease.
    Lease,
    /// A success within the deadline, or an error.
    Deadline,
}

impl Duty {
    pub fn of(act: Act, invoked: Moment, answered: Moment, breakages: &[Breakage]) -> Self {
        // The newest are last; of those that ended long ago there are many.
        let is_touched = breakages.iter().rev().take(20).any(|it| it.touches(act, invoked, answered));
        if is_touched { Self::Deadline } else { Self::Lease }
    }

    /// The rule that was broken, if one was.
    pub fn judge(self, answer: Answer, took: Duration, margin: Duration) -> Result<(), String> {
        let limit = margin
            + match self {
                Self::Lease => LEASE,
                Self::Deadline => DEADLINE,
            };
        match (self, answer) {
            (Self::Lease, _) if took > limit => {
                Err(format!("at most {limit:?} are allowed while its owner and database are well"))
            }
            (Self::Lease, Answer::Unknown | Answer::Unconfirmed) => {
                Err("its owner and database are well: it must succeed and be confirmed".to_owned())
            }
            (Self::Deadline, Answer::Confirmed | Answer::Unconfirmed) if took > limit => {
                Err(format!("at most {limit:?} are allowed while its owner or database is not well"))
            }
            _ => Ok(()),
        }
    }
}
