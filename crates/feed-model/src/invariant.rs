//! What must always hold, and what must be possible: a protocol that admits nobody is safe and worthless.

use crate::FeedModel;
use crate::scope::Operation;
use crate::state::{Confirmation, Decision, Life, State, Task};
use stateright::Property;

/// What was broken on the way to a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// G1, I1: no admission from a look-up made after a confirmation was over, of what it had revoked.
    NoneAfterConfirmation,
    /// I2: none from a look-up made a lease or more after the commit, confirmed or not.
    NoneAfterOneLease,
    /// G3, I4, I5: what a replica has refused once, in this life or one before, it never admits again.
    NothingComesBack,
    /// G2: a confirmation is over within one lease.
    ConfirmedWithinOneLease,
    /// Positions are dense: what commits never does so before a lower position.
    PositionsAreDense,
    /// I3.
    AppliedOnlyRises,
    /// I7: where a lease is live, nobody is refused whose token's enabling is confirmed and who was not revoked since.
    ValidIsAdmitted,
}

impl Invariant {
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoneAfterConfirmation => "no admission after confirmation",
            Self::NoneAfterOneLease => "no admission after one lease",
            Self::NothingComesBack => "nothing comes back",
            Self::ConfirmedWithinOneLease => "confirmed within one lease",
            Self::PositionsAreDense => "positions are dense",
            Self::AppliedOnlyRises => "applied only rises",
            Self::ValidIsAdmitted => "valid is admitted",
        }
    }

    fn always(self) -> Property<FeedModel> {
        let holds = match self {
            Self::NoneAfterConfirmation => |_: &_, s: &State| s.broken != Some(Self::NoneAfterConfirmation),
            Self::NoneAfterOneLease => |_: &_, s: &State| s.broken != Some(Self::NoneAfterOneLease),
            Self::NothingComesBack => |_: &_, s: &State| s.broken != Some(Self::NothingComesBack),
            Self::ConfirmedWithinOneLease => {
                |_: &_, s: &State| s.broken != Some(Self::ConfirmedWithinOneLease)
            }
            Self::PositionsAreDense => |_: &_, s: &State| s.broken != Some(Self::PositionsAreDense),
            Self::AppliedOnlyRises => |_: &_, s: &State| s.broken != Some(Self::AppliedOnlyRises),
            Self::ValidIsAdmitted => |_: &_, s: &State| s.broken != Some(Self::ValidIsAdmitted),
        };
        Property::always(self.name(), holds)
    }
}

/// A session opened after a confirmed enabling is admitted.
pub const ADMITTED_AGAIN: &str = "a session is admitted after its token was enabled again";
/// A confirmation is over while the replica that it waited for may still decide.
pub const ACKNOWLEDGED: &str = "a confirmation ends by acknowledgement";
/// A confirmation is over although a replica never heard of the change.
pub const FENCED: &str = "a confirmation ends with the lease of a silent replica";
/// A look-up finds good what is not, and only the lease check keeps it out.
pub const KEPT_OUT: &str = "a late decision is kept out by its lease";
/// A process that was started again has a lease again.
pub const DECIDES_AGAIN: &str = "a second life decides";
/// The objects are loaded again while the replica may decide.
pub const LOADED_AGAIN: &str = "objects are loaded while the lease is live";

pub(crate) fn properties() -> Vec<Property<FeedModel>> {
    vec![
        Invariant::NoneAfterConfirmation.always(),
        Invariant::NoneAfterOneLease.always(),
        Invariant::NothingComesBack.always(),
        Invariant::ConfirmedWithinOneLease.always(),
        Invariant::PositionsAreDense.always(),
        Invariant::AppliedOnlyRises.always(),
        Invariant::ValidIsAdmitted.always(),
        Property::sometimes(ADMITTED_AGAIN, is_admitted_again),
        Property::sometimes(ACKNOWLEDGED, |_, state| {
            is_confirmed_before(state, |life, position| life.live > 0 && life.applied >= position)
        }),
        Property::sometimes(FENCED, |_, state| {
            is_confirmed_before(state, |life, position| life.is_loaded && life.applied < position)
        }),
        Property::sometimes(KEPT_OUT, |_, state| {
            decider(state).is_some_and(|life| matches!(life.decision, Decision::Found { .. }))
        }),
        Property::sometimes(DECIDES_AGAIN, |_, state| {
            decider(state).is_some_and(|life| life.slot > 0 && life.live > 0)
        }),
        Property::sometimes(LOADED_AGAIN, |_, state| {
            decider(state).is_some_and(|life| {
                life.live > 0 && life.loading.is_some() && matches!(life.task, Task::Renewing { .. })
            })
        }),
    ]
}

fn decider(state: &State) -> Option<Life> {
    state.replicas[0].life
}

fn is_confirmed_before(state: &State, is_so: impl Fn(&Life, u8) -> bool) -> bool {
    decider(state).is_some_and(|life| {
        state.entries().any(|(position, _)| state.is_confirmed(position) && is_so(&life, position))
    })
}

fn is_admitted_again(model: &FeedModel, state: &State) -> bool {
    let enabled = |(position, entry): (u8, crate::state::Entry)| {
        let Operation::Enable(token) = entry.operation else { return false };
        decider(state).is_some_and(|life| {
            life.live > 0
                && state.is_confirmed(position)
                && state.last_change(token) == position
                && model.is_found_good(state, &life, token, position)
        })
    };
    state.entries().any(enabled)
}

impl FeedModel {
    /// What the owner's side of a state breaks.
    pub(crate) fn note_owner(&self, state: &mut State) {
        let head = state.head();
        if (1..=head).any(|position| state.entry(position).is_none()) {
            self.note(state, Invariant::PositionsAreDense);
        }
        let is_late = |position: u8| matches!(state.confirmation(position), Confirmation::Waiting { age, .. } if age >= self.scope.lease);
        if (1..=head).any(is_late) {
            self.note(state, Invariant::ConfirmedWithinOneLease);
        }
    }

    pub(crate) fn note(&self, state: &mut State, broken: Invariant) {
        if self.is_looked_for(broken) {
            state.broken.get_or_insert(broken);
        }
    }

    pub(crate) fn is_looked_for(&self, invariant: Invariant) -> bool {
        self.only.is_none_or(|only| only == invariant)
    }
}
