//! The owner and its database: the log, the leases, the confirmations.

use crate::FeedModel;
use crate::action::{Action, Owner};
use crate::scope::Operation;
use crate::state::{COMMITS, Confirmation, Entry, SLOTS, State};

/// What a position of the log says about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status {
    pub is_enabled: bool,
    pub revoked_as_of: u8,
}

impl FeedModel {
    /// A token's state after its changes up to a position.
    pub(crate) fn status(&self, state: &State, token: usize, position: u8) -> Status {
        let mut status = Status { is_enabled: true, revoked_as_of: 0 };
        let changes = state.entries().take_while(|(at, _)| *at <= position);
        for (at, entry) in changes.filter(|(_, entry)| entry.operation.token() == token) {
            match entry.operation {
                Operation::Disable(_) => status = Status { is_enabled: false, revoked_as_of: at },
                Operation::EndSessions(_) => status.revoked_as_of = at,
                Operation::Enable(_) => {
                    status.is_enabled = true;
                    if !self.protocol.enabling_remembers {
                        status.revoked_as_of = 0;
                    }
                }
            }
        }
        status
    }

    fn next_position(state: &State) -> u8 {
        state.head().max(state.reserved.map_or(0, |(position, _)| position)) + 1
    }

    fn makes_sense(&self, state: &State, operation: Operation) -> bool {
        let Status { is_enabled, .. } = self.status(state, operation.token(), state.head());
        is_enabled != matches!(operation, Operation::Enable(_))
    }

    pub(crate) fn owner_actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.tick_actions(state, actions);
        let next = Self::next_position(state);
        let mut add = |step| actions.push(Action::Owner(step));
        let has_room = next <= self.scope.commits;
        for operation in self.scope.operations.iter().copied().filter(|_| has_room) {
            if self.makes_sense(state, operation) {
                add(Owner::Commit(operation));
                if !self.protocol.positions_in_commit_order && state.reserved.is_none() {
                    add(Owner::Reserve(operation));
                }
            }
        }
        if state.reserved.is_some() {
            add(Owner::CommitReserved);
        }
        for position in 1..=self.scope.commits {
            let may_look = state.entry(position).is_some()
                || (!self.protocol.leases_read_after_commit && position == next);
            if may_look && state.confirmation(position) == Confirmation::None {
                add(Owner::Look(position));
            }
        }
        if self.scope.compaction && state.compacted < state.head() {
            add(Owner::Compact);
        }
        if self.scope.clock_steps {
            add(Owner::SetClockAhead);
            add(Owner::SetClockBack);
        }
        for slot in 0..SLOTS {
            if state.acknowledgements[slot] > 0 {
                add(Owner::AcknowledgementArrives(slot));
            }
            if state.releases[slot] {
                add(Owner::ReleaseArrives(slot));
            }
        }
    }

    pub(crate) fn owner_step(&self, state: &mut State, step: Owner) {
        match step {
            Owner::Commit(operation) => {
                let position = Self::next_position(state);
                commit(state, position, operation);
            }
            Owner::Reserve(operation) => state.reserved = Some((Self::next_position(state), operation)),
            Owner::CommitReserved => {
                if let Some((position, operation)) = state.reserved.take() {
                    commit(state, position, operation);
                }
            }
            Owner::Look(position) => self.look(state, position),
            Owner::Compact => state.compacted = state.head(),
            Owner::SetClockAhead => self.set_clock_ahead(state),
            Owner::SetClockBack => self.set_clock_back(state),
            Owner::AcknowledgementArrives(slot) => {
                let applied = std::mem::take(&mut state.acknowledgements[slot]);
                if let Some(lease) = &mut state.leases[slot] {
                    lease.applied = lease.applied.max(applied);
                }
            }
            Owner::ReleaseArrives(slot) => {
                state.releases[slot] = false;
                state.leases[slot] = None;
            }
        }
    }

    fn look(&self, state: &mut State, position: u8) {
        let is_doubtful = self.protocol.clock_steps_noticed && state.since_step < self.scope.lease;
        let ends = state.leases.map(|lease| match lease {
            Some(_) if is_doubtful => self.scope.lease,
            Some(lease) if self.protocol.waits_one_lease => lease.left.min(self.scope.lease),
            Some(lease) => lease.left,
            None => 0,
        });
        state.confirmations[usize::from(position) - 1] = if self.protocol.unread_leases_are_waited_for {
            Confirmation::Waiting { age: 0, ends }
        } else {
            Confirmation::Done
        };
    }

    /// A confirmation is over as soon as nobody is waited for. Sooner is worse for every invariant, so that one that
    /// notices it later need not be tried.
    pub(crate) fn settle_confirmations(&self, state: &mut State) {
        let head = state.head();
        for (position, index) in (1..).zip(0..COMMITS) {
            let Confirmation::Waiting { age, mut ends } = state.confirmations[index] else { continue };
            for (end, lease) in ends.iter_mut().zip(state.leases) {
                *end = match lease {
                    Some(lease) if lease.applied >= position => 0,
                    Some(lease) if *end > 0 && !self.protocol.first_end_counts => lease.left,
                    Some(_) => *end,
                    None => 0,
                };
            }
            let is_over = position <= head && ends.iter().all(|end| *end == 0);
            state.confirmations[index] =
                if is_over { Confirmation::Done } else { Confirmation::Waiting { age, ends } };
        }
    }
}

fn commit(state: &mut State, position: u8, operation: Operation) {
    state.log[usize::from(position) - 1] = Some(Entry { operation, age: 0 });
}
