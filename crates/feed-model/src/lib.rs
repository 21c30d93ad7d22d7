//! The acknowledged change feed as a model, checked exhaustively in small scopes.
//!
//! | module | holds |
//! |---|---|
//! | [`protocol`] | the rules, each of which can be broken on purpose |
//! | [`scope`] | how large a world is searched, and which faults happen in it |
//! | [`state`] | one moment of that world |
//! | [`action`] | what can happen next |
//! | `owner`, `replica`, `decision` | what it does |
//! | `time` | ticks, drift, and everything that counts down |
//! | [`invariant`] | what must always hold, and what must be possible so that holding it means something |
//! | [`search`] | the search itself |
//!
//! The rule to keep when the protocol changes: change the model first, run `cargo test -p feed-model`, and give the new
//! rule a switch in [`Protocol`] with a mutant in `tests/mutants.rs`. A rule that no test can break is not modelled.

#![expect(
    clippy::indexing_slicing,
    reason = "a model that looks outside its own bounds is to stop at once; nothing of it runs in a service"
)]

pub mod action;
mod decision;
pub mod invariant;
mod owner;
pub mod protocol;
mod replica;
pub mod scope;
pub mod search;
pub mod state;
mod time;

use action::Action;
pub use invariant::Invariant;
pub use protocol::Protocol;
pub use scope::Scope;
use state::State;
use stateright::{Model, Property};

/// A protocol in a world.
#[derive(Debug, Clone, Copy)]
pub struct FeedModel {
    pub protocol: Protocol,
    pub scope: Scope,
    /// Look for this alone; none: for all.
    pub only: Option<Invariant>,
}

impl Model for FeedModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(&self.scope)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // One counterexample is enough; nothing is looked for behind it.
        if state.broken.is_none() {
            self.owner_actions(state, actions);
            for replica in 0..self.scope.replicas {
                self.replica_actions(state, replica, actions);
            }
            self.decision_actions(state, actions);
        }
    }

    fn next_state(&self, last_state: &State, action: Action) -> Option<State> {
        let mut state = *last_state;
        match action {
            Action::Tick { slow } => self.tick(&mut state, slow),
            Action::Owner(step) => self.owner_step(&mut state, step),
            Action::Replica(replica, step) => self.replica_step(&mut state, replica, step),
            Action::Decision(step) => self.decision_step(&mut state, step)?,
        }
        self.settle(&mut state);
        (state != *last_state).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        invariant::properties()
    }
}
