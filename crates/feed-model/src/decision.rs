//! A decision: take the lease, look the session up, check the lease.

use crate::action::{Action, Decide};
use crate::owner::Status;
use crate::scope::Operation;
use crate::state::{Decision, Entry, Life, State};
use crate::{FeedModel, Invariant};

/// The replica that decides.
const DECIDER: usize = 0;

impl FeedModel {
    pub(crate) fn decision_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let Some(life) = state.replicas[DECIDER].life else { return };
        match life.decision {
            Decision::None if life.live > 0 => actions.push(Action::Decision(Decide::TakeLease)),
            Decision::None => {}
            Decision::Taken { .. } => {
                let fills = (0..self.scope.tokens)
                    .flat_map(|token| (0..=state.head()).map(move |filled_at| (token, filled_at)));
                for (token, filled_at) in fills {
                    // Only a token that was good was validated.
                    if self.status(state, token, filled_at).is_enabled {
                        actions.push(Action::Decision(Decide::LookUp { token, filled_at }));
                    }
                }
            }
            Decision::Found { .. } => actions.push(Action::Decision(Decide::CheckLease)),
        }
    }

    /// None: whatever comes of it, nothing is to be seen.
    pub(crate) fn decision_step(&self, state: &mut State, step: Decide) -> Option<()> {
        let life = state.replicas[DECIDER].life?;
        let decision = match (step, life.decision) {
            (Decide::TakeLease, _) => Decision::Taken { left: life.live },
            (Decide::LookUp { token, filled_at }, Decision::Taken { left }) => {
                if self.is_found_good(state, &life, token, filled_at) {
                    let wrong = self.why_wrong(state, token, filled_at)?;
                    Decision::Found { left, wrong }
                } else {
                    let is_live = left > 0 && life.live > 0;
                    if is_live && Self::must_be_admitted(state, token, filled_at) {
                        self.note(state, Invariant::ValidIsAdmitted);
                    }
                    Decision::None
                }
            }
            (Decide::CheckLease, Decision::Found { left, wrong }) => {
                if self.covers(&life, left) {
                    state.broken = Some(wrong);
                }
                Decision::None
            }
            (Decide::LookUp { .. } | Decide::CheckLease, _) => return None,
        };
        if let Some(life) = &mut state.replicas[DECIDER].life {
            life.decision = decision;
        }
        Some(())
    }

    /// The judgement, from the replica's view.
    pub(crate) fn is_found_good(&self, state: &State, life: &Life, token: usize, filled_at: u8) -> bool {
        let as_of = if self.protocol.fills_carry_position { filled_at } else { life.applied };
        let Status { is_enabled, revoked_as_of } = self.status(state, token, life.known[token]);
        is_enabled && as_of >= revoked_as_of
    }

    const fn covers(&self, life: &Life, left: u8) -> bool {
        if !self.protocol.lease_checked_after {
            return true;
        }
        if self.protocol.lease_taken_before { left > 0 } else { life.live > 0 }
    }

    /// What admitting this session, on a look-up made now, breaks.
    fn why_wrong(&self, state: &State, token: usize, filled_at: u8) -> Option<Invariant> {
        let seen = state.replicas[DECIDER].seen;
        let breaks = |invariant: Invariant, is_so: &dyn Fn(u8, Entry) -> bool| {
            let mut revocations = state.entries().filter(|(position, entry)| {
                entry.operation.revokes() && entry.operation.token() == token && *position > filled_at
            });
            let is_broken =
                self.is_looked_for(invariant) && revocations.any(|(position, entry)| is_so(position, entry));
            is_broken.then_some(invariant)
        };
        breaks(Invariant::NoneAfterConfirmation, &|position, _| state.is_confirmed(position))
            .or_else(|| breaks(Invariant::NothingComesBack, &|position, _| position <= seen))
            .or_else(|| breaks(Invariant::NoneAfterOneLease, &|_, entry| entry.age >= self.scope.lease))
    }

    /// Nothing revokes this session, and that its token is on has been confirmed.
    fn must_be_admitted(state: &State, token: usize, filled_at: u8) -> bool {
        let mut enabling = None;
        for (position, entry) in state.entries().filter(|(_, entry)| entry.operation.token() == token) {
            if position > filled_at && entry.operation.revokes() {
                return false;
            }
            if position <= filled_at && entry.operation == Operation::Enable(token) {
                enabling = Some(position);
            }
        }
        enabling.is_none_or(|position| state.is_confirmed(position))
    }
}
