//! The protocol with every rule kept: no order of events in these scopes breaks an invariant. Each scope also shows
//! that what the protocol is for is possible in it, and that it has not shrunk unnoticed.

use feed_model::invariant::{ACKNOWLEDGED, ADMITTED_AGAIN, DECIDES_AGAIN, FENCED, KEPT_OUT, LOADED_AGAIN};
use feed_model::scope::Operation::{Disable, Enable, EndSessions};
use feed_model::search::search;
use feed_model::{Protocol, Scope};

/// One change, one replica, a lease of two ticks.
const SMALL: Scope = Scope { lease: 2, ..Scope::SMALLEST };
const OFF_AND_ON: Scope = Scope { commits: 2, operations: &[Disable(0), Enable(0)], ..SMALL };
const TWO_REPLICAS: Scope = Scope { replicas: 2, incarnations: 2, ..SMALL };
const EVERYTHING: &[feed_model::scope::Operation] = &[Disable(0), Enable(0), EndSessions(0), EndSessions(1)];

const USUAL: [&str; 3] = [ACKNOWLEDGED, FENCED, KEPT_OUT];

fn assert_holds(scope: Scope, at_least: usize, possible: &[&str]) {
    let findings = search(Protocol::SOUND, scope);
    println!("{findings}");
    assert!(findings.counterexample.is_none(), "{findings}");
    assert!(findings.states >= at_least, "only {} states", findings.states);
    for goal in USUAL.iter().chain(possible) {
        assert!(findings.possible.contains(goal), "never: {goal}");
    }
}

#[test]
fn one_change_while_everything_fails() {
    let scope =
        Scope { drift: true, crashes: true, stops: true, clock_steps: true, incarnations: 2, ..SMALL };
    assert_holds(scope, 1_200_000, &[DECIDES_AGAIN]);
}

#[test]
fn off_and_on_again_while_processes_die() {
    let scope = Scope { drift: true, crashes: true, stops: true, incarnations: 2, ..OFF_AND_ON };
    assert_holds(scope, 1_000_000, &[ADMITTED_AGAIN, DECIDES_AGAIN]);
}

#[test]
fn off_on_and_off_again() {
    let scope = Scope { commits: 3, ..OFF_AND_ON };
    assert_holds(scope, 400_000, &[ADMITTED_AGAIN]);
}

#[test]
fn every_pair_of_changes_of_two_tokens() {
    let scope = Scope { commits: 2, tokens: 2, operations: EVERYTHING, drift: true, ..SMALL };
    assert_holds(scope, 800_000, &[ADMITTED_AGAIN]);
}

#[test]
fn a_log_that_is_forgotten_while_processes_die() {
    let operations = &[EndSessions(0)];
    let scope = Scope { commits: 2, operations, compaction: true, crashes: true, incarnations: 2, ..SMALL };
    assert_holds(scope, 1_200_000, &[LOADED_AGAIN, DECIDES_AGAIN]);
}

#[test]
fn two_replicas() {
    assert_holds(TWO_REPLICAS, 700_000, &[]);
}

#[test]
fn off_and_on_again_under_a_longer_lease() {
    let scope = Scope { lease: 3, drift: true, ..OFF_AND_ON };
    assert_holds(scope, 450_000, &[ADMITTED_AGAIN]);
}

#[test]
fn one_change_under_the_longest_lease() {
    let scope = Scope { lease: 4, drift: true, ..SMALL };
    assert_holds(scope, 130_000, &[]);
}

#[test]
#[ignore = "a minute or more: run with --ignored when the protocol changes"]
fn deep_one_change_while_everything_fails_under_a_longer_lease() {
    let scope = Scope {
        lease: 3,
        drift: true,
        crashes: true,
        stops: true,
        clock_steps: true,
        incarnations: 2,
        ..SMALL
    };
    assert_holds(scope, 11_000_000, &[DECIDES_AGAIN]);
}

#[test]
#[ignore = "a minute or more: run with --ignored when the protocol changes"]
fn deep_every_three_changes_of_two_tokens() {
    let scope = Scope { commits: 3, tokens: 2, operations: EVERYTHING, ..SMALL };
    assert_holds(scope, 11_000_000, &[ADMITTED_AGAIN, DECIDES_AGAIN]);
}

#[test]
#[ignore = "four minutes and 3 GB of memory: run with --ignored when the protocol changes"]
fn deep_two_replicas_that_die() {
    assert_holds(Scope { crashes: true, incarnations: 3, ..TWO_REPLICAS }, 30_000_000, &[DECIDES_AGAIN]);
}

#[test]
#[ignore = "a minute or more: run with --ignored when the protocol changes"]
fn deep_two_replicas_under_a_longer_lease() {
    assert_holds(Scope { lease: 3, ..TWO_REPLICAS }, 6_000_000, &[]);
}
