//! A replica's life: heartbeat, load, catch up, extend, acknowledge.

use crate::action::{Action, Step};
use crate::state::{Decision, Lease, Life, Loading, State, TOKENS, Task};
use crate::{FeedModel, Invariant};

impl FeedModel {
    pub(crate) fn replica_actions(&self, state: &State, index: usize, actions: &mut Vec<Action>) {
        let mut add = |step| actions.push(Action::Replica(index, step));
        let Some(life) = state.replicas[index].life else {
            if self.free_slot(state, index).is_some() {
                add(Step::Start);
            }
            return;
        };
        if self.scope.crashes || life.is_fenced {
            add(Step::End);
        }
        if life.is_fenced {
            return;
        }
        if self.scope.stops {
            add(Step::Stop);
        }
        self.task_actions(&life, &mut add);
        if life.task != Task::Idle {
            add(Step::GiveUp);
        }
        let may_receive = life.task == Task::Idle || !self.protocol.loads_alone;
        if life.is_loaded && may_receive {
            let news = state.entries().filter(|(position, _)| *position > life.applied);
            news.for_each(|(position, _)| add(Step::Receive(position)));
        }
        if self.acknowledged(state, &life).is_some() {
            add(Step::Acknowledge);
        }
    }

    /// What the replica's task may do next.
    fn task_actions(&self, life: &Life, add: &mut impl FnMut(Step)) {
        let mut may_load = life.loading.is_some();
        match life.task {
            Task::Idle => {
                let may_send = life.is_loaded || self.protocol.registers_before_loading;
                if may_send {
                    add(Step::SendHeartbeat);
                } else {
                    may_load = true;
                }
            }
            Task::Sent { .. } => add(Step::HeartbeatArrives),
            Task::HeadRead { .. } => add(Step::Grant),
            Task::Timed { .. } if self.protocol.lease_before_head => add(Step::Grant),
            Task::Timed { .. } | Task::Granted { .. } => add(Step::ReadHead),
            Task::Renewing { head, .. } => {
                may_load |= !life.is_loaded;
                if self.may_extend(life, head) {
                    add(Step::Extend);
                }
            }
            Task::Catching { .. } => {}
        }
        if may_load {
            let is_complete = self.is_complete(life);
            add(if is_complete { Step::Install } else { Step::LoadPage });
        }
        if let Task::Renewing { head: target, .. } | Task::Catching { target } = life.task
            && life.is_loaded
            && life.loading.is_none()
            && life.applied < target
        {
            add(Step::Fetch);
        }
    }

    fn is_complete(&self, life: &Life) -> bool {
        life.loading.is_some_and(|loading| loading.from.is_some() && loading.pages == self.scope.tokens)
    }

    fn may_extend(&self, life: &Life, head: u8) -> bool {
        let is_first = life.live == 0;
        let may_skip =
            !self.protocol.head_applied_first || (!self.protocol.registers_before_loading && is_first);
        life.is_loaded && life.loading.is_none() && (life.applied >= head || may_skip)
    }

    /// The lowest incarnation that nobody remembers; broken on purpose: always the same.
    fn free_slot(&self, state: &State, index: usize) -> Option<usize> {
        if !self.protocol.own_incarnation {
            return Some(index);
        }
        let is_free = |slot: &usize| {
            !state.is_owned(*slot)
                && !state.is_waited_for(*slot)
                && !state.releases[*slot]
                && state.leases[*slot].is_none()
        };
        (0..self.scope.incarnations).find(is_free)
    }

    /// What there is to acknowledge.
    fn acknowledged(&self, state: &State, life: &Life) -> Option<u8> {
        let position = match life.task {
            Task::Renewing { head, .. } if !self.protocol.acknowledges_after_applying => {
                head.max(life.applied)
            }
            _ => life.applied,
        };
        let lease = state.leases[life.slot]?;
        (position > lease.applied && position > state.acknowledgements[life.slot]).then_some(position)
    }

    pub(crate) fn replica_step(&self, state: &mut State, index: usize, step: Step) {
        let Some(mut life) = state.replicas[index].life else {
            state.replicas[index].life = self.free_slot(state, index).map(Life::new);
            return;
        };
        let before = life.applied;
        match step {
            Step::Start => {}
            Step::End => {
                state.replicas[index].life = None;
                return;
            }
            Step::Stop => self.stop(state, &mut life),
            Step::SendHeartbeat => life.task = Task::Sent { age: 0 },
            Step::HeartbeatArrives | Step::Grant | Step::ReadHead => self.heartbeat(state, &mut life),
            Step::LoadPage => self.load_page(state, &mut life),
            Step::Install => self.install(&mut life),
            Step::Fetch => self.fetch(state, &mut life),
            Step::Extend => {
                if let Task::Renewing { age, .. } = life.task {
                    life.live = life.live.max(self.counted() - age);
                    life.task = Task::Idle;
                }
            }
            Step::GiveUp => (life.task, life.loading) = (Task::Idle, None),
            Step::Receive(position) => self.receive(state, &mut life, position),
            Step::Acknowledge => {
                if let Some(position) = self.acknowledged(state, &life) {
                    state.acknowledgements[life.slot] = position;
                }
            }
        }
        if life.applied < before {
            self.note(state, Invariant::AppliedOnlyRises);
        }
        let replica = &mut state.replicas[index];
        replica.seen = replica.seen.max(life.applied);
        replica.life = Some(life);
    }

    fn stop(&self, state: &mut State, life: &mut Life) {
        (life.is_fenced, life.live, life.task, life.loading) = (true, 0, Task::Idle, None);
        if self.protocol.fence_reaches_decisions {
            life.decision = Decision::None;
        }
        state.releases[life.slot] = true;
    }

    /// The owner's part of a heartbeat, one read or write at a time.
    fn heartbeat(&self, state: &mut State, life: &mut Life) {
        let counts_from = |age| if self.protocol.counts_from_sending { age } else { 0 };
        match life.task {
            Task::Sent { age } => life.task = Task::Timed { age, read: 0 },
            Task::Timed { age, read } if !self.protocol.lease_before_head => {
                life.task = Task::HeadRead { age, read, head: state.head() };
            }
            Task::Timed { age, read } => {
                self.grant(state, life, read);
                life.task = Task::Granted { age };
            }
            Task::HeadRead { age, read, head } => {
                self.grant(state, life, read);
                life.task = Task::Renewing { age: counts_from(age), head };
            }
            Task::Granted { age } => {
                life.task = Task::Renewing { age: counts_from(age), head: state.head() };
            }
            Task::Idle | Task::Renewing { .. } | Task::Catching { .. } => {}
        }
    }

    fn grant(&self, state: &mut State, life: &Life, read: u8) {
        let known = state.leases[life.slot].unwrap_or(Lease { left: 0, applied: 0 });
        let left = known.left.max(self.scope.lease - read);
        state.leases[life.slot] = Some(Lease { left, applied: known.applied.max(life.applied) });
    }

    fn load_page(&self, state: &State, life: &mut Life) {
        let empty = Loading { from: None, pages: 0, objects: [0; TOKENS] };
        let Loading { from, pages, mut objects } = life.loading.unwrap_or(empty);
        let head_is_next =
            if self.protocol.head_before_objects { pages == 0 } else { pages == self.scope.tokens };
        life.loading = Some(if from.is_none() && head_is_next {
            Loading { from: Some(state.head()), pages, objects }
        } else {
            objects[pages] = state.last_change(pages);
            Loading { from, pages: pages + 1, objects }
        });
    }

    fn install(&self, life: &mut Life) {
        let Some(Loading { from, objects, .. }) = life.loading.take() else { return };
        for (known, object) in life.known.iter_mut().zip(objects) {
            *known = if self.protocol.newest_state_wins { object.max(*known) } else { object };
        }
        let from = from.unwrap_or_default();
        life.applied = if self.protocol.applied_only_rises { from.max(life.applied) } else { from };
        life.is_loaded = true;
    }

    fn fetch(&self, state: &State, life: &mut Life) {
        let next = life.applied + 1;
        let is_there = next > state.compacted && state.entry(next).is_some();
        if is_there {
            apply(state, life, next);
        } else {
            // The log does not reach back that far.
            self.load_page(state, life);
        }
    }

    fn receive(&self, state: &State, life: &mut Life, position: u8) {
        if position == life.applied + 1 || !self.protocol.gaps_noticed {
            apply(state, life, position);
        } else if life.task == Task::Idle {
            life.task = Task::Catching { target: position };
        }
    }
}

fn apply(state: &State, life: &mut Life, position: u8) {
    if let Some(entry) = state.entry(position) {
        let known = &mut life.known[entry.operation.token()];
        *known = position.max(*known);
    }
    life.applied = position;
}
