//! The search through everything that can happen.

use crate::{FeedModel, Invariant, Protocol, Scope};
use stateright::{Checker, HasDiscoveries, Model};
use std::fmt;

/// How an invariant was broken.
#[derive(Debug, Clone)]
pub struct Counterexample {
    pub invariant: &'static str,
    /// What happened, in order.
    pub steps: Vec<String>,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Findings {
    /// Different states.
    pub states: usize,
    /// Steps from the start to the farthest.
    pub depth: usize,
    pub counterexample: Option<Counterexample>,
    /// What was seen to be possible.
    pub possible: Vec<&'static str>,
}

/// All states of the scope, or up to the first that breaks an invariant.
pub fn search(protocol: Protocol, scope: Scope) -> Findings {
    run(FeedModel { protocol, scope, only: None })
}

/// The same with an eye for one invariant.
pub fn search_for(invariant: Invariant, protocol: Protocol, scope: Scope) -> Findings {
    run(FeedModel { protocol, scope, only: Some(invariant) })
}

fn run(model: FeedModel) -> Findings {
    // Breadth first: a counterexample is a short one.
    // With one thread the result is always the same.
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (mut possible, mut counterexample) = (Vec::new(), None);
    for (name, path) in checker.discoveries() {
        if checker.discovery_classification(name).to_string() == "counterexample" {
            let steps = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
            counterexample = Some(Counterexample { invariant: name, steps });
        } else {
            possible.push(name);
        }
    }
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    Findings { states, depth, counterexample, possible }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, depth, counterexample, possible } = self;
        writeln!(f, "{states} states, {depth} deep; possible: {possible:?}")?;
        let Some(Counterexample { invariant, steps }) = counterexample else { return Ok(()) };
        writeln!(f, "broken: {invariant}")?;
        steps.iter().enumerate().try_for_each(|(index, step)| writeln!(f, "{:3}. {step}", index + 1))
    }
}
