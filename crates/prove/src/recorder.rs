//! The independent judge: it sees what any client could see, and holds it against the guarantees.
//!
//! | module | holds |
//! |---|---|
//! | [`moment`] | the one clock |
//! | [`history`] | what was done to one token, and what is certain about a credential at a time |
//! | [`tally`] | what is counted under each fault |
//! | [`duty`] | how soon an act must be answered, given what is broken |
//! | [`log`] | what was seen, for another judge |
//!
//! | guarantee | the finding that breaks it |
//! |---|---|
//! | G1, G3: nothing that was revoked is admitted after the confirmation | [`Finding::Admitted`] |
//! | G2: a revocation returns within a lease | [`Finding::Late`] |
//! | what is live is never refused as if it were not | [`Finding::Refused`] |
//! | what is live works again soon after a fault is healed | [`Finding::NotRecovered`] |

pub mod duty;
pub mod history;
pub mod log;
pub mod moment;
pub mod tally;

#[cfg(test)]
mod tests;

use duty::{Breakage, Duty};
use history::{Act, Answer, Certainty, Credential, History, Session};
use log::Log;
use moment::{Moment, Stopwatch};
use parking_lot::Mutex;
use std::fmt;
use std::time::Duration;
use tally::Tally;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The application behind the gateway answered it.
    Admitted,
    /// The gateway refused it: status and reason.
    Refused(u16, String),
    /// 5xx, or no answer at all: why.
    Unavailable(String),
}

/// One request, as its client saw it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub credential: Credential,
    /// A number, from 1.
    pub gateway: usize,
    /// Before it was sent.
    pub sent: Moment,
    /// After its answer had arrived.
    pub received: Moment,
    pub outcome: Outcome,
}

/// A guarantee that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Finding {
    /// A request was admitted although what it carried was dead for certain before it was sent.
    Admitted,
    /// A request was refused although what it carried was live for certain.
    Refused,
    /// An act took longer than it may.
    Late,
    /// Something that was made is gone.
    Lost,
    /// What is live was not admitted again in time.
    NotRecovered,
    /// A process ended by itself.
    Ended,
}

/// A finding with its evidence.
#[derive(Debug, Clone)]
pub struct Violation {
    pub finding: Finding,
    pub fault: usize,
    pub evidence: String,
}

/// Who was asked, for the evidence.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub token: String,
    pub host: String,
}

/// Violations that are kept with their evidence; all are counted.
const KEPT: usize = 50;

/// Judges as the events come in.
pub struct Recorder {
    pub clock: Stopwatch,
    log: Log,
    margin: Duration,
    state: Mutex<State>,
}

struct State {
    fault: usize,
    tallies: Vec<Tally>,
    breakages: Vec<Breakage>,
    violations: Vec<Violation>,
}

impl Recorder {
    /// For so many faults. `margin`: how much later than promised something may be seen on a busy machine.
    pub fn new(faults: usize, margin: Duration, log: Log) -> Self {
        let tallies = vec![Tally::default(); faults];
        let state = State { fault: 0, tallies, breakages: Vec::new(), violations: Vec::new() };
        Self { clock: Stopwatch::start(), log, margin, state: Mutex::new(state) }
    }

    /// From now on everything is counted under this fault, an index.
    pub fn turn_to(&self, fault: usize) {
        self.state.lock().fault = fault;
    }

    /// Notes that something is broken from now on. Its index for [`Self::healed`].
    pub fn broken(&self, breakage: Breakage) -> usize {
        let mut state = self.state.lock();
        state.breakages.push(breakage);
        state.breakages.len() - 1
    }

    pub fn healed(&self, breakage: usize, at: Moment) {
        if let Some(breakage) = self.state.lock().breakages.get_mut(breakage) {
            breakage.until = Some(at);
        }
    }

    pub fn recovered(&self, within: Option<Duration>) {
        let mut state = self.state.lock();
        if let Some(tally) = state.tally() {
            tally.recovered = Some(within);
        }
    }

    /// Notes an act's answer in its history, and judges how long it took. The index of the secret that it brought.
    pub fn answered(
        &self,
        history: &Mutex<History>,
        names: &Names,
        act: usize,
        answer: Answer,
        has_secret: bool,
    ) -> Option<usize> {
        let at = self.clock.now();
        let mut history = history.lock();
        let secret = history.answer(act, at, answer, has_secret);
        let done = history.done.get(act)?;
        self.log.act(&names.token, done, secret);
        let took = at.since(done.invoked);
        let mut state = self.state.lock();
        let verdict = Duty::of(done.act, done.invoked, at, &state.breakages).judge(answer, took, self.margin);
        if let Some(tally) = state.tally() {
            tally.act(done.act, answer, took);
        }
        if let Err(rule) = verdict {
            let evidence = format!(
                "{:?} answered {answer:?} after {took:?}; {rule}\n{}",
                done.act,
                Evidence { names, history: &history, asked: None }
            );
            state.violate(Finding::Late, evidence);
        }
        secret
    }

    /// Judges one request.
    pub fn asked(&self, history: &Mutex<History>, names: &Names, asked: &Asked) {
        self.log.request(&names.token, asked);
        let history = history.lock();
        let finding = judge(&history, asked);
        let mut state = self.state.lock();
        if let Some(tally) = state.tally() {
            tally.request(&asked.outcome, finding);
        }
        if let Some(finding) = finding {
            let evidence = Evidence { names, history: &history, asked: Some(asked) };
            state.violate(finding, evidence.to_string());
        }
    }

    /// Notes a session that an answer brought.
    pub fn session(&self, history: &mut History, names: &Names, session: Session) {
        let index = history.add_session(session);
        self.log.session(&names.token, index, &session);
    }

    /// Anything else that must not be.
    pub fn violation(&self, finding: Finding, evidence: String) {
        let mut state = self.state.lock();
        if let Some(tally) = state.tally() {
            tally.others += 1;
        }
        state.violate(finding, evidence);
    }

    pub fn tallies(&self) -> Vec<Tally> {
        self.state.lock().tallies.clone()
    }

    /// Those with evidence, in the order in which they were found.
    pub fn violations(&self) -> Vec<Violation> {
        self.state.lock().violations.clone()
    }

    pub fn revocations(&self) -> u64 {
        self.state.lock().tallies.iter().map(Tally::revocations).sum()
    }
}

impl State {
    fn tally(&mut self) -> Option<&mut Tally> {
        self.tallies.get_mut(self.fault)
    }

    fn violate(&mut self, finding: Finding, evidence: String) {
        if self.violations.len() < KEPT {
            eprintln!("VIOLATION {finding:?}: {evidence}");
            self.violations.push(Violation { finding, fault: self.fault, evidence });
        }
        if let Some(tally) = self.tally()
            && finding == Finding::Late
        {
            tally.late += 1;
        }
    }
}

/// What is wrong about an answer, if anything is.
pub fn judge(history: &History, asked: &Asked) -> Option<Finding> {
    let Asked { credential, gateway: _, sent, received, outcome } = asked;
    match (outcome, history.certainty(*credential, *sent, *received)) {
        (Outcome::Admitted, Certainty::Dead(_)) => Some(Finding::Admitted),
        (Outcome::Refused(..), Certainty::Live) => Some(Finding::Refused),
        _ => None,
    }
}

/// Everything that is known about a token and a request, in words.
struct Evidence<'a> {
    names: &'a Names,
    history: &'a History,
    asked: Option<&'a Asked>,
}

impl fmt::Display for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { names: Names { token, host }, history, asked } = self;
        writeln!(f, "  token {token} at {host}")?;
        for (index, done) in history.done.iter().enumerate() {
            write!(f, "  act {index}: {:?} sent {}", done.act, done.invoked)?;
            match done.ended {
                Some((at, answer)) => writeln!(f, ", {answer:?} at {at}")?,
                None => writeln!(f, ", no answer yet")?,
            }
        }
        let Some(Asked { credential, gateway, sent, received, outcome }) = asked else {
            return write!(f, "  judged at its answer");
        };
        if let Credential::Session(index) = credential
            && let Some(Session { secret, asked, received }) = history.sessions.get(*index)
        {
            writeln!(f, "  session {index} of secret {secret}: asked for {asked}, received {received}")?;
        }
        let certainty = history.certainty(*credential, *sent, *received);
        writeln!(f, "  request with {credential:?} to gateway {gateway}: sent {sent}, answered {received}")?;
        write!(f, "  answer {outcome:?}, credential {certainty:?}")
    }
}

/// A revocation is one that was carried out.
pub(crate) fn is_carried_out(act: Act, answer: Answer) -> bool {
    act.is_revocation() && matches!(answer, Answer::Confirmed | Answer::Unconfirmed)
}
