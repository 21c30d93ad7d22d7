//! Each rule of the protocol broken on purpose: the checker must notice, and must not where the rule is kept.

use feed_model::scope::Operation::{Disable, Enable, EndSessions};
use feed_model::search::{search, search_for};
use feed_model::{Invariant, Protocol, Scope};

const SOUND: Protocol = Protocol::SOUND;
const SMALLEST: Scope = Scope::SMALLEST;
/// Two changes of one token, or of two.
const TWO_CHANGES: Scope = Scope { commits: 2, lease: 2, operations: &[EndSessions(0)], ..SMALLEST };
const TWO_TOKENS: Scope = Scope { tokens: 2, operations: &[EndSessions(0), EndSessions(1)], ..TWO_CHANGES };

/// With the rule everything holds in this scope; without it, this does not.
fn assert_breaks(protocol: Protocol, scope: Scope, invariant: Invariant) {
    let sound = search(SOUND, scope);
    assert!(sound.counterexample.is_none(), "every rule kept: {sound}");
    let broken = search_for(invariant, protocol, scope);
    println!("{broken}");
    assert!(broken.counterexample.is_some(), "not noticed: {broken}");
}

#[test]
fn without_a_drift_margin_a_slow_clock_decides_after_its_lease() {
    let protocol = Protocol { drift_margin: false, ..SOUND };
    let scope = Scope { drift: true, ..SMALLEST };
    assert_breaks(protocol, scope, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_lease_must_not_count_from_when_its_answer_came() {
    let protocol = Protocol { counts_from_sending: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_clock_that_stops_during_suspension_is_no_clock_for_leases() {
    let protocol = Protocol { clock_runs_suspended: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn leases_read_before_the_commit_miss_one() {
    let protocol = Protocol { leases_read_after_commit: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn leases_that_could_not_be_read_are_not_nobody() {
    let protocol = Protocol { unread_leases_are_waited_for: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn waiting_for_renewed_leases_never_ends() {
    let protocol = Protocol { first_end_counts: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::ConfirmedWithinOneLease);
}

#[test]
fn a_head_read_before_the_lease_is_written_is_too_old() {
    let protocol = Protocol { lease_before_head: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_head_read_after_the_objects_skips_a_change() {
    let protocol = Protocol { head_before_objects: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn positions_from_a_sequence_are_overtaken() {
    let protocol = Protocol { positions_in_commit_order: false, ..SOUND };
    assert_breaks(protocol, TWO_TOKENS, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_database_clock_set_ahead_ends_leases_too_early() {
    let protocol = Protocol { clock_steps_noticed: false, ..SOUND };
    let scope = Scope { clock_steps: true, ..SMALLEST };
    assert_breaks(protocol, scope, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_database_clock_set_back_makes_a_confirmation_wait_too_long() {
    let protocol = Protocol { waits_one_lease: false, ..SOUND };
    let scope = Scope { clock_steps: true, ..SMALLEST };
    assert_breaks(protocol, scope, Invariant::ConfirmedWithinOneLease);
}

#[test]
fn a_lease_that_counts_before_its_head_is_applied_decides_on_an_old_view() {
    let protocol = Protocol { head_applied_first: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn registering_after_the_snapshot_misses_what_came_in_between() {
    let protocol = Protocol { registers_before_loading: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_release_that_arrives_late_ends_the_next_life_of_the_same_incarnation() {
    let protocol = Protocol { own_incarnation: false, ..SOUND };
    let scope = Scope { stops: true, ..SMALLEST };
    assert_breaks(protocol, scope, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_gap_that_nobody_notices_hides_a_revocation() {
    let protocol = Protocol { gaps_noticed: false, ..SOUND };
    assert_breaks(protocol, TWO_TOKENS, Invariant::NoneAfterConfirmation);
}

#[test]
fn acknowledging_before_applying_confirms_what_is_not_so() {
    let protocol = Protocol { acknowledges_after_applying: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn an_older_snapshot_must_not_overwrite_a_newer_state() {
    let protocol = Protocol { loads_alone: false, newest_state_wins: false, ..SOUND };
    let scope = Scope { compaction: true, ..TWO_CHANGES };
    assert_breaks(protocol, scope, Invariant::NoneAfterConfirmation);
}

#[test]
fn an_older_snapshot_must_not_take_the_position_back() {
    let protocol = Protocol { loads_alone: false, applied_only_rises: false, ..SOUND };
    let scope = Scope { compaction: true, ..TWO_CHANGES };
    assert_breaks(protocol, scope, Invariant::AppliedOnlyRises);
}

/// Two rules against one fault: either is enough.
#[test]
fn a_snapshot_that_is_loaded_alone_or_yields_to_newer_states_is_safe() {
    let scope = Scope { compaction: true, ..TWO_CHANGES };
    for protocol in [
        Protocol { newest_state_wins: false, applied_only_rises: false, ..SOUND },
        Protocol { loads_alone: false, ..SOUND },
    ] {
        let findings = search(protocol, scope);
        assert!(findings.counterexample.is_none(), "{findings}");
    }
}

#[test]
fn a_lease_that_is_given_back_must_not_cover_a_decision_in_progress() {
    let protocol = Protocol { fence_reaches_decisions: false, ..SOUND };
    let scope = Scope { stops: true, ..SMALLEST };
    assert_breaks(protocol, scope, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_lease_checked_only_before_the_look_up_is_not_checked() {
    let protocol = Protocol { lease_checked_after: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_lease_lost_and_won_again_does_not_cover_what_was_looked_up_in_between() {
    let protocol = Protocol { lease_taken_before: false, ..SOUND };
    assert_breaks(protocol, SMALLEST, Invariant::NoneAfterConfirmation);
}

#[test]
fn a_fill_without_a_position_comes_back_after_the_revocation() {
    let protocol = Protocol { fills_carry_position: false, ..SOUND };
    let scope = Scope { operations: &[EndSessions(0)], ..SMALLEST };
    assert_breaks(protocol, scope, Invariant::NoneAfterConfirmation);
}

#[test]
fn enabling_again_must_not_bring_old_sessions_back() {
    let protocol = Protocol { enabling_remembers: false, ..SOUND };
    let scope = Scope { operations: &[Disable(0), Enable(0)], ..TWO_CHANGES };
    assert_breaks(protocol, scope, Invariant::NoneAfterConfirmation);
}

/// An invariant that nothing can break says nothing.
#[test]
fn every_invariant_can_be_broken() {
    let drifting = Scope { drift: true, ..SMALLEST };
    let off_and_on = Scope { operations: &[Disable(0), Enable(0)], ..TWO_CHANGES };
    let compacting = Scope { compaction: true, ..TWO_CHANGES };
    let two_lives = Scope { crashes: true, incarnations: 2, ..SMALLEST };
    for (invariant, protocol, scope) in [
        (Invariant::NoneAfterConfirmation, Protocol { head_applied_first: false, ..SOUND }, SMALLEST),
        (Invariant::NoneAfterOneLease, Protocol { drift_margin: false, ..SOUND }, drifting),
        (Invariant::NothingComesBack, Protocol { enabling_remembers: false, ..SOUND }, off_and_on),
        (Invariant::NothingComesBack, Protocol { head_before_objects: false, ..SOUND }, two_lives),
        (Invariant::ConfirmedWithinOneLease, Protocol { first_end_counts: false, ..SOUND }, SMALLEST),
        (Invariant::PositionsAreDense, Protocol { positions_in_commit_order: false, ..SOUND }, TWO_CHANGES),
        (
            Invariant::AppliedOnlyRises,
            Protocol { loads_alone: false, applied_only_rises: false, ..SOUND },
            compacting,
        ),
        (Invariant::ValidIsAdmitted, Protocol { unread_leases_are_waited_for: false, ..SOUND }, off_and_on),
    ] {
        assert_breaks(protocol, scope, invariant);
    }
}
