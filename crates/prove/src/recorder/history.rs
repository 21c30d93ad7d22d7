//! What was done to one token at one application, as seen from outside, and what follows from it.
//!
//! The judgement knows the public contract and two facts of each act: when it was sent and when its answer had arrived.
//! Whatever may have happened in between, or is not known, is left open: a request is called wrong only when no order
//! of events makes it right.

use super::moment::Moment;
use std::time::Duration;

/// How long a lease may last.
pub const LEASE: Duration = Duration::from_secs(5);
/// How much later than promised something may be seen on a busy machine.
pub const MARGIN: Duration = Duration::from_secs(1);
/// When an act without an answer can no longer take effect.
const ZOMBIE: Duration = Duration::from_secs(30);

/// What the management API was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Make the token, enabled, with its first secret.
    Create,
    Disable,
    Enable,
    /// A new secret; the old ones stop now.
    Rotate,
    /// A new secret; the one before works on for hours.
    RotateWithOverlap,
    /// The one before stops now.
    EndOverlap,
    Delete,
    /// End every session of the application.
    EndSessions,
    /// A policy edit that lets the token in.
    Include,
    /// A policy edit that keeps it out.
    Exclude,
    /// Takes the whole application away.
    DeleteApplication,
}

impl Act {
    /// Whether it takes something away that worked.
    pub const fn is_revocation(self) -> bool {
        !matches!(self, Self::Create | Self::Enable | Self::RotateWithOverlap | Self::Include)
    }

    const fn makes_secret(self) -> bool {
        matches!(self, Self::Create | Self::Rotate | Self::RotateWithOverlap)
    }
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done, and the answer says that nobody is left who has not heard of it.
    Confirmed,
    /// Done, and somebody may not have heard of it yet.
    Unconfirmed,
    /// Not done: the answer says so.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// One act.
#[derive(Debug, Clone)]
pub struct Done {
    pub act: Act,
    pub invoked: Moment,
    pub ended: Option<(Moment, Answer)>,
    /// How many secrets were known when it was sent; the one that it makes has this index.
    secrets: usize,
    /// Whether its answer brought the secret that it made.
    has_secret: bool,
}

impl Done {
    fn happens(&self) -> bool {
        !matches!(self.ended, Some((_, Answer::Refused)))
    }

    /// From when on it has taken effect everywhere, for certain.
    fn settled(&self) -> Option<Moment> {
        match self.ended? {
            (at, Answer::Confirmed) => Some(at),
            (at, Answer::Unconfirmed) => Some(at.after(LEASE + MARGIN)),
            (_, Answer::Refused | Answer::Unknown) => None,
        }
    }

    fn is_settled_by(&self, moment: Moment) -> bool {
        self.settled().is_some_and(|settled| settled <= moment)
    }

    /// Whether it may still take effect after `moment`.
    fn may_follow(&self, moment: Moment) -> bool {
        match self.ended {
            None => true,
            Some((at, Answer::Unknown)) => at.after(ZOMBIE) > moment,
            Some((_, Answer::Refused)) => false,
            Some(_) => self.settled().is_none_or(|settled| settled > moment),
        }
    }
}

/// A session that a gateway handed out for a secret. It was made at some time before `received`.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    pub secret: usize,
    pub asked: Moment,
    pub received: Moment,
}

/// What a request carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// Client ID and the secret with this index.
    Pair(usize),
    /// The session with this index.
    Session(usize),
}

/// What is known about a credential for the whole time of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// By this act, an index.
    Dead(usize),
    Live,
    Open,
}

/// Everything that was done to one token at one application.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub done: Vec<Done>,
    pub sessions: Vec<Session>,
    secrets: usize,
}

impl History {
    /// Notes an act that is about to be sent. Its index.
    pub fn invoke(&mut self, act: Act, at: Moment) -> usize {
        let done = Done { act, invoked: at, ended: None, secrets: self.secrets, has_secret: false };
        self.done.push(done);
        self.done.len() - 1
    }

    /// Notes its answer; `has_secret` if that brought a secret. The secret's index.
    pub fn answer(&mut self, index: usize, at: Moment, answer: Answer, has_secret: bool) -> Option<usize> {
        let done = self.done.get_mut(index)?;
        done.ended = Some((at, answer));
        if !(has_secret && done.act.makes_secret()) {
            return None;
        }
        done.has_secret = true;
        done.secrets = self.secrets;
        self.secrets += 1;
        Some(done.secrets)
    }

    /// Notes a session. Its index.
    pub fn add_session(&mut self, session: Session) -> usize {
        self.sessions.push(session);
        self.sessions.len() - 1
    }

    /// What is certain about this credential from `sent` until `received`.
    pub fn certainty(&self, credential: Credential, sent: Moment, received: Moment) -> Certainty {
        let (secret, session) = match credential {
            Credential::Pair(secret) => (secret, None),
            Credential::Session(index) => match self.sessions.get(index) {
                Some(session) => (session.secret, Some(session)),
                None => return Certainty::Open,
            },
        };
        let span = Span { sent, received };
        let mut all = vec![self.enabled(span), self.included(span), self.secret(secret, span)];
        all.extend(session.map(|session| self.session(session, span)));
        let dead = all.iter().find(|certainty| matches!(certainty, Certainty::Dead(_)));
        match dead {
            Some(dead) => *dead,
            None if all.iter().all(|certainty| *certainty == Certainty::Live) => Certainty::Live,
            None => Certainty::Open,
        }
    }

    /// On or off, or gone.
    fn enabled(&self, span: Span) -> Certainty {
        let gone = self.last(|done| done.act == Act::Delete && done.is_settled_by(span.sent));
        if let Some((index, _)) = gone {
            return Certainty::Dead(index);
        }
        let on = |act| matches!(act, Act::Create | Act::Enable);
        let off = |act| matches!(act, Act::Disable | Act::Delete);
        self.switched(span, on, off)
    }

    /// Whether the application's policies let the token in.
    fn included(&self, span: Span) -> Certainty {
        let gone = self.last(|done| done.act == Act::DeleteApplication && done.is_settled_by(span.sent));
        if let Some((index, _)) = gone {
            return Certainty::Dead(index);
        }
        let on = |act| act == Act::Include;
        let off = |act| matches!(act, Act::Exclude | Act::DeleteApplication);
        self.switched(span, on, off)
    }

    /// Something that goes on and off: certain if the last switch has settled and none the other way may follow it.
    fn switched(&self, span: Span, on: impl Fn(Act) -> bool, off: impl Fn(Act) -> bool) -> Certainty {
        let is_certain = |this: &dyn Fn(Act) -> bool, other: &dyn Fn(Act) -> bool| {
            let (index, last) = self.last(|done| this(done.act) && done.is_settled_by(span.sent))?;
            let mut others = self.done.iter().filter(|done| other(done.act));
            let is_disturbed = others
                .any(|done| done.happens() && done.invoked < span.received && done.may_follow(last.invoked));
            (!is_disturbed).then_some(index)
        };
        if let Some(index) = is_certain(&off, &on) {
            return Certainty::Dead(index);
        }
        if is_certain(&on, &off).is_some() { Certainty::Live } else { Certainty::Open }
    }

    /// A secret works until something stops it, for ever.
    fn secret(&self, secret: usize, span: Span) -> Certainty {
        let Some((made, _)) = self.last(|done| done.has_secret && done.secrets == secret) else {
            return Certainty::Open;
        };
        let mut later = self.done.iter().enumerate().skip(made + 1);
        let stopped = later
            .clone()
            .find(|(_, done)| done.is_settled_by(span.sent) && stops(done, secret) == Stops::Yes);
        if let Some((index, _)) = stopped {
            return Certainty::Dead(index);
        }
        let is_disturbed = later.any(|(_, done)| {
            done.happens() && done.invoked < span.received && stops(done, secret) != Stops::No
        });
        // Whoever has the answer has the secret, and it works at once.
        let is_made = self.done.get(made).and_then(|done| done.ended).is_some_and(|(at, _)| at <= span.sent);
        if is_made && !is_disturbed { Certainty::Live } else { Certainty::Open }
    }

    /// A session works until something ends it, for ever.
    fn session(&self, session: &Session, span: Span) -> Certainty {
        let ends = |done: &&Done| matches!(done.act, Act::Disable | Act::EndSessions);
        let ended = self
            .last(|done| ends(&done) && done.is_settled_by(span.sent) && done.invoked >= session.received);
        if let Some((index, _)) = ended {
            return Certainty::Dead(index);
        }
        let mut others = self.done.iter().filter(ends);
        let is_disturbed = others
            .any(|done| done.happens() && done.invoked < span.received && done.may_follow(session.asked));
        let is_there = session.received <= span.sent;
        if is_there && !is_disturbed { Certainty::Live } else { Certainty::Open }
    }

    fn last(&self, is_wanted: impl Fn(&Done) -> bool) -> Option<(usize, &Done)> {
        self.done.iter().enumerate().rev().find(|(_, done)| is_wanted(done))
    }
}

/// From before a request was sent until its answer had arrived.
#[derive(Clone, Copy)]
struct Span {
    sent: Moment,
    received: Moment,
}

#[derive(PartialEq, Eq)]
enum Stops {
    Yes,
    Perhaps,
    No,
}

/// Whether an act that came after a secret was made stops it.
fn stops(done: &Done, secret: usize) -> Stops {
    // A rotation that nobody knows of may have made a secret that is not counted here.
    let is_lost = matches!(done.ended, Some((_, Answer::Unknown)));
    let is_newest = secret + 1 == done.secrets;
    match done.act {
        Act::Rotate => Stops::Yes,
        Act::EndOverlap | Act::RotateWithOverlap if !is_newest => Stops::Yes,
        Act::RotateWithOverlap if is_lost => Stops::Perhaps,
        _ => Stops::No,
    }
}
