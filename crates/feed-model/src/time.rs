//! Ticks, drift, and everything that counts. Also which moments are the same moment.

use crate::FeedModel;
use crate::action::Action;
use crate::state::{Confirmation, Decision, Life, SLOTS, State, Task};

impl FeedModel {
    /// What a replica counts of a lease.
    pub(crate) const fn counted(&self) -> u8 {
        if self.protocol.drift_margin { self.scope.lease - 1 } else { self.scope.lease }
    }

    pub(crate) fn tick_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let may_lose = |index: usize| {
            let is_running = state.replicas[index].life.is_some();
            let may_drift = self.scope.drift && state.replicas[index].steady == 0;
            is_running && (may_drift || !self.protocol.clock_runs_suspended)
        };
        for slow in [[false, false], [true, false], [false, true], [true, true]] {
            if (0..slow.len()).all(|index| !slow[index] || may_lose(index)) {
                actions.push(Action::Tick { slow });
            }
        }
    }

    pub(crate) fn tick(&self, state: &mut State, slow: [bool; 2]) {
        let (lease, counted) = (self.scope.lease, self.counted());
        for row in state.leases.iter_mut().flatten() {
            row.left = row.left.saturating_sub(1);
        }
        for entry in state.log.iter_mut().flatten() {
            entry.age = lease.min(entry.age + 1);
        }
        for confirmation in &mut state.confirmations {
            if let Confirmation::Waiting { age, ends } = confirmation {
                *age = lease.min(*age + 1);
                *ends = ends.map(|end| end.saturating_sub(1));
            }
        }
        state.since_step = lease.min(state.since_step + 1);
        for (replica, is_slow) in state.replicas.iter_mut().zip(slow) {
            replica.steady = if is_slow { lease - 1 } else { replica.steady.saturating_sub(1) };
            if let Some(life) = &mut replica.life {
                if let Task::Timed { read, .. } | Task::HeadRead { read, .. } = &mut life.task {
                    *read = lease.min(*read + 1);
                }
                if !is_slow {
                    tick_life(life, counted);
                }
            }
        }
    }

    /// The database's clock is ahead of what it said when the leases were written. What a confirmation has read already
    /// is counted on another clock.
    pub(crate) fn set_clock_ahead(&self, state: &mut State) {
        for row in state.leases.iter_mut().flatten() {
            row.left = 0;
        }
        for life in state.replicas.iter_mut().filter_map(|replica| replica.life.as_mut()) {
            if let Task::Timed { read, .. } | Task::HeadRead { read, .. } = &mut life.task {
                *read = self.scope.lease;
            }
        }
        state.since_step = 0;
    }

    /// The database's clock is behind what it said when the leases were written. Set back again and again it makes them
    /// no longer than twice their length: beyond that nothing changes.
    pub(crate) fn set_clock_back(&self, state: &mut State) {
        for row in state.leases.iter_mut().flatten() {
            row.left = (row.left + self.scope.lease).min(2 * self.scope.lease);
        }
    }

    /// Ends what ends by itself, notes what is broken, and makes states equal that nobody could tell apart.
    pub(crate) fn settle(&self, state: &mut State) {
        self.settle_confirmations(state);
        self.note_owner(state);
        for index in 0..state.log.len() {
            if let Some(entry) = &mut state.log[index]
                && (!entry.operation.revokes() || state.confirmations[index] == Confirmation::Done)
            {
                entry.age = self.scope.lease;
            }
        }
        for slot in 0..SLOTS {
            settle_slot(state, slot);
        }
        for life in state.replicas.iter_mut().filter_map(|replica| replica.life.as_mut()) {
            if let Task::Catching { target } = life.task
                && life.applied >= target
            {
                life.task = Task::Idle;
            }
        }
    }
}

fn tick_life(life: &mut Life, counted: u8) {
    life.live = life.live.saturating_sub(1);
    match &mut life.task {
        Task::Sent { age }
        | Task::Timed { age, .. }
        | Task::HeadRead { age, .. }
        | Task::Granted { age }
        | Task::Renewing { age, .. } => *age = counted.min(*age + 1),
        Task::Idle | Task::Catching { .. } => {}
    }
    if let Decision::Taken { left } | Decision::Found { left, .. } = &mut life.decision {
        *left = left.saturating_sub(1);
    }
}

/// The row of a life that is over, once nobody waits for it, is no different from none.
fn settle_slot(state: &mut State, slot: usize) {
    let is_running_out = state.leases[slot].is_some_and(|lease| lease.left > 0);
    if !state.is_owned(slot) && !is_running_out && !state.is_waited_for(slot) {
        state.leases[slot] = None;
        state.acknowledgements[slot] = 0;
        state.releases[slot] = false;
    }
    if state.leases[slot].is_none_or(|lease| lease.applied >= state.acknowledgements[slot]) {
        state.acknowledgements[slot] = 0;
    }
}
