//! Whether the promises are kept, as it looks from outside: by when things happened, never by what the code says of them.

use crate::change::{Change, Kills};
use crate::session::Session;
use crate::trace::Moment;
use crate::world::{FEEDS, REGISTRY};
use parking_lot::Mutex;
use proto::change_feed::{Entry, Propagation};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// What can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// G1: no admission from a look-up made after a confirmation, of what it had revoked.
    NoneAfterConfirmation,
    /// None from a decision made a lease after the commit, confirmed or not.
    NoneAfterOneLease,
    /// G2: a confirmation is over within its bound.
    ConfirmedInTime,
    /// G3: what an enforcement point has applied, it never admits again.
    NothingComesBack,
    /// Who is said to have confirmed has applied.
    ConfirmedIsApplied,
    /// What is said to be confirmed is still committed.
    ConfirmedIsCommitted,
    /// What was read in a history that is gone counts for nothing a lease later.
    LostIsRefused,
    /// A position means one thing.
    PositionsAreUnique,
    /// What nobody revoked is admitted where there is a lease and nothing is missing.
    ValidIsAdmitted,
    /// When all faults are over, everybody decides again.
    EverybodyComesBack,
}

#[derive(Debug, Clone)]
pub struct Violation {
    pub promise: Promise,
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.detail)
    }
}

/// What has been counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub changes: u64,
    pub confirmed: u64,
    pub fenced: u64,
    pub unconfirmed: u64,
    pub admitted: u64,
    pub refused: u64,
    pub undecided: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        let Self { changes, confirmed, fenced, unconfirmed, admitted, refused, undecided } = more;
        self.changes += changes;
        self.confirmed += confirmed;
        self.fenced += fenced;
        self.unconfirmed += unconfirmed;
        self.admitted += admitted;
        self.refused += refused;
        self.undecided += undecided;
    }
}

pub struct Checker {
    lease: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    changes: Vec<Change>,
    /// What each position of each feed was seen to mean.
    meanings: BTreeMap<(usize, u64), (String, Vec<u8>)>,
    lost: Vec<Lost>,
    /// Until when something kept a feed's owner from its database, or from running.
    away: BTreeMap<usize, Duration>,
    stopped: BTreeMap<usize, Duration>,
    violation: Option<Violation>,
    counts: Counts,
}

/// Positions that a failover took back.
struct Lost {
    feed: usize,
    survived: u64,
    last: u64,
    when: Moment,
}

/// A confirmation, when it is over.
pub struct Confirmation<'c> {
    pub feed: usize,
    /// The changes that it speaks of.
    pub of: Vec<usize>,
    pub started: Moment,
    pub over: Moment,
    /// The owner's own limit.
    pub deadline: Duration,
    pub propagation: &'c Propagation,
}

/// A decision, as it was made.
pub struct Decision<'d> {
    pub gateway: &'d str,
    pub session: &'d Session,
    pub looked_up: Moment,
    pub decided: Moment,
    pub is_admitted: bool,
    /// Refused under live leases.
    pub is_refused: bool,
    /// How long after its lease this gateway may admit.
    pub staleness: Duration,
    /// What had been applied there before it looked up: when each object was seen last, and at which position.
    pub seen: &'d BTreeMap<(usize, String), u64>,
}

impl Checker {
    pub fn new(lease: Duration) -> Self {
        Self { lease, state: Mutex::default() }
    }

    pub fn violation(&self) -> Option<Violation> {
        self.state.lock().violation.clone()
    }

    pub fn counts(&self) -> Counts {
        self.state.lock().counts
    }

    pub fn violated(&self, promise: Promise, detail: String) {
        self.state.lock().violated(promise, detail);
    }

    /// A change commits now.
    pub fn committed(&self, change: Change) -> usize {
        let mut state = self.state.lock();
        state.counts.changes += 1;
        state.changes.push(change);
        state.changes.len() - 1
    }

    /// Every change that is committed now, but not lost.
    pub fn committed_so_far(&self, feed: usize) -> Vec<usize> {
        let state = self.state.lock();
        let changes = state.changes.iter().enumerate();
        changes.filter(|(_, it)| it.feed == feed && !it.is_lost).map(|(number, _)| number).collect()
    }

    pub fn change(&self, number: usize) -> Option<Change> {
        self.state.lock().changes.get(number).cloned()
    }

    /// Whether a change of this object was lost: a gateway that knew of it may go on refusing.
    pub fn has_lost_a_change_of(&self, object: &str) -> bool {
        self.state.lock().changes.iter().any(|change| change.is_lost && change.object == object)
    }

    pub fn failed_over(&self, feed: usize, survived: u64, last: u64, when: Moment) {
        let mut state = self.state.lock();
        for change in state.changes.iter_mut().filter(|it| it.feed == feed && it.position > survived) {
            change.is_lost = true;
        }
        state.lost.push(Lost { feed, survived, last, when });
        until(&mut state.away, feed, when.at);
    }

    pub fn database_is_away(&self, feed: usize, end: Duration) {
        until(&mut self.state.lock().away, feed, end);
    }

    pub fn owner_is_stopped(&self, feed: usize, end: Duration) {
        until(&mut self.state.lock().stopped, feed, end);
    }

    /// An enforcement point was told of these.
    pub fn saw(&self, feed: usize, entries: &[Entry]) {
        let mut state = self.state.lock();
        for Entry { position, object, state: told, .. } in entries {
            let meaning = (object.clone(), told.clone());
            let known = state.meanings.entry((feed, *position)).or_insert_with(|| meaning.clone());
            if *known != meaning {
                let detail = format!("{} at {position} is {object}, and was {}", name(feed), known.0);
                state.violated(Promise::PositionsAreUnique, detail);
            }
        }
    }

    /// `has_applied`: whether some process of that enforcement point has applied that object at that position.
    pub fn confirmed(&self, it: &Confirmation<'_>, has_applied: impl Fn(&str, &Change) -> bool) {
        let mut state = self.state.lock();
        let Confirmation { feed, of, over, propagation, .. } = it;
        state.check_bound(it, self.lease);
        let Propagation { confirmed, fenced, not_confirmed, may_be_stale, .. } = propagation;
        if !not_confirmed.is_empty() {
            state.counts.unconfirmed += 1;
        } else if !fenced.is_empty() {
            state.counts.fenced += 1;
        } else {
            state.counts.confirmed += 1;
        }
        let is_unknown = not_confirmed.iter().any(|name| name.starts_with('('));
        let exempt: BTreeSet<String> = not_confirmed
            .iter()
            .cloned()
            .chain(may_be_stale.iter().map(|stale| stale.replica.clone()))
            .collect();
        for number in of {
            let lost_at = state.lost.iter().filter(|lost| lost.feed == *feed).map(|lost| lost.when.at).max();
            let Some(change) = state.changes.get(*number).cloned() else { continue };
            if let Some(liar) = confirmed.iter().find(|gateway| !has_applied(gateway, &change)) {
                let detail = format!("{liar} is said to have confirmed {change}");
                state.violated(Promise::ConfirmedIsApplied, detail);
            }
            // What is lost while the last answer of the database is on its way cannot be known.
            let long_ago = lost_at.is_some_and(|lost| lost + Duration::from_secs(1) < over.at);
            if change.is_lost && long_ago && not_confirmed.is_empty() && !is_unknown {
                let detail = format!("{change} is lost, and is said to be confirmed");
                state.violated(Promise::ConfirmedIsCommitted, detail);
            }
            if let Some(change) = state.changes.get_mut(*number).filter(|_| !is_unknown) {
                change.confirmed.push((*over, exempt.clone()));
            }
        }
    }

    pub fn decided(&self, it: &Decision<'_>) {
        let mut state = self.state.lock();
        let Decision { gateway, session, looked_up, decided, is_admitted, is_refused, .. } = it;
        if *is_admitted {
            state.counts.admitted += 1;
            let allowed = self.lease + it.staleness + it.staleness / 10;
            if let Some((promise, why)) = state.why_wrong(it, allowed) {
                let detail = format!(
                    "{gateway} admitted {session}, looked up at {:.3} s and decided at {:.3} s: {why}",
                    looked_up.at.as_secs_f64(),
                    decided.at.as_secs_f64()
                );
                state.violated(promise, detail);
            }
        } else if *is_refused {
            state.counts.refused += 1;
            if state.is_valid(it) {
                let detail = format!("{gateway} refused {session}, which nobody revoked");
                state.violated(Promise::ValidIsAdmitted, detail);
            }
        } else {
            state.counts.undecided += 1;
        }
    }
}

impl State {
    fn violated(&mut self, promise: Promise, detail: String) {
        self.violation.get_or_insert(Violation { promise, detail });
    }

    fn check_bound(&mut self, it: &Confirmation<'_>, lease: Duration) {
        if self.stopped.get(&it.feed).is_some_and(|stopped| *stopped >= it.started.at) {
            return;
        }
        let is_away = self.away.get(&it.feed).is_some_and(|away| *away >= it.started.at);
        // The bus is given a fifth of a second to take the broadcast.
        let slack = Duration::from_millis(700);
        let bound = if is_away { it.deadline + slack } else { lease + lease / 15 + slack };
        let took = it.over.at.saturating_sub(it.started.at);
        if took > bound {
            let position = it.propagation.position;
            let detail =
                format!("{} took {took:?} to confirm {position}, and {bound:?} is the bound", name(it.feed));
            self.violated(Promise::ConfirmedInTime, detail);
        }
    }

    fn why_wrong(&self, it: &Decision<'_>, allowed: Duration) -> Option<(Promise, String)> {
        let Decision { gateway, session, looked_up, decided, seen, .. } = it;
        for change in self.changes.iter().filter(|change| !change.is_lost && self.ends(change, it)) {
            let told =
                change.confirmed.iter().find(|(over, exempt)| over < looked_up && !exempt.contains(*gateway));
            if let Some((over, _)) = told {
                let detail = format!("{change} was confirmed at {:.3} s", over.at.as_secs_f64());
                return Some((Promise::NoneAfterConfirmation, detail));
            }
            if seen.get(&(change.feed, change.object.clone())).is_some_and(|seen| *seen >= change.position) {
                return Some((Promise::NothingComesBack, format!("{change} was applied there")));
            }
            if decided.at > change.committed.at + allowed {
                return Some((Promise::NoneAfterOneLease, format!("{change} is older than a lease")));
            }
        }
        let is_gone = |lost: &&Lost| {
            session.was_read(lost.feed).is_some_and(|(read, position)| {
                read < lost.when && position > lost.survived && lost.when.at + allowed < decided.at
            })
        };
        let lost = self.lost.iter().find(is_gone)?;
        let detail = format!("{} has lost {}..={}", name(lost.feed), lost.survived + 1, lost.last);
        Some((Promise::LostIsRefused, detail))
    }

    /// Whether a change has ended this session, whatever came after it.
    fn ends(&self, change: &Change, it: &Decision<'_>) -> bool {
        let Decision { session, decided, .. } = it;
        let is_later = |read: Moment| read >= change.committed;
        match &change.kills {
            Kills::Nothing => false,
            Kills::Token(token) => session.token == *token,
            Kills::WhileDisabled(token) => {
                session.token == *token
                    && (!is_later(session.read[REGISTRY]) || !self.is_enabled_since(change, *decided))
            }
            Kills::Versions { token, kept } => {
                session.token == *token && session.version < kept.1 && Some(session.version) != kept.0
            }
            Kills::SessionsOf(whose) => {
                whose.is_of(session) && session.was_read(change.feed).is_some_and(|(read, _)| !is_later(read))
            }
        }
    }

    fn is_enabled_since(&self, disabled: &Change, before: Moment) -> bool {
        let after = |change: &&Change| change.committed > disabled.committed && change.committed < before;
        self.changes.iter().filter(after).any(|change| change.enables && change.object == disabled.object)
    }

    /// Nothing has ever happened that could end it, and the gateway knows its token's last change.
    fn is_valid(&self, it: &Decision<'_>) -> bool {
        let session = it.session;
        let object = format!("token/{}", session.token);
        let is_lost = self.lost.iter().any(|lost| {
            session
                .was_read(lost.feed)
                .is_some_and(|(read, position)| read < lost.when && position > lost.survived)
        });
        // What a gateway knew of a history that is gone it may go on refusing.
        let may_be_ended = self
            .changes
            .iter()
            .any(|change| self.ends(change, it) || (change.is_lost && change.object == object));
        let last =
            self.changes.iter().filter(|it| !it.is_lost && it.object == object).map(|it| it.position).max();
        let knows =
            last.is_none_or(|last| it.seen.get(&(REGISTRY, object)).is_some_and(|seen| *seen >= last));
        !is_lost && !may_be_ended && knows
    }
}

fn until(ends: &mut BTreeMap<usize, Duration>, feed: usize, end: Duration) {
    let known = ends.entry(feed).or_default();
    *known = end.max(*known);
}

fn name(feed: usize) -> &'static str {
    FEEDS.get(feed).copied().unwrap_or("?")
}
