//! Where the world is worse than what is assumed of it, or wired wrong, the checker notices.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use feed_simulation::Promise::{self, *};
use feed_simulation::{Mutant, Profile, Simulation, Wiring};

/// One of these promises is broken within so many seeds.
fn is_caught(mutant: Mutant, profile: Profile, seeds: u64, promises: &[Promise]) {
    let found = (0..seeds).find_map(|seed| {
        let simulation = Simulation { profile, wiring: Wiring(Some(mutant)), ..Simulation::of_seed(seed) };
        let outcome = simulation.run().unwrap();
        outcome.violation.clone().map(|violation| (seed, violation, outcome))
    });
    let Some((seed, violation, outcome)) = found else {
        panic!("{mutant:?} goes unnoticed in {seeds} seeds")
    };
    assert!(promises.contains(&violation.promise), "{outcome}");
    println!("{mutant:?}: seed {seed}: {violation}");
}

macro_rules! caught {
    ($($name:ident: $mutant:ident, $profile:ident, $seeds:literal, [$($promise:ident),+];)+) => {
        $(#[test]
        fn $name() {
            is_caught(Mutant::$mutant, Profile::$profile, $seeds, &[$($promise),+]);
        })+
    };
}

caught! {
    clocks_that_drift_beyond_the_margin: DriftBeyondMargin, Partitions, 40, [NoneAfterConfirmation, NoneAfterOneLease];
    a_boot_clock_that_stops_while_suspended: ClockStopsSuspended, Crashes, 40, [NoneAfterConfirmation, NoneAfterOneLease];
    a_lease_that_is_noted_after_the_head_was_read: LeaseAfterHead, Lossy, 100, [NoneAfterConfirmation, NoneAfterOneLease];
    leases_that_a_crash_forgets: LeasesForgotten, Everything, 200, [NoneAfterConfirmation];
    a_decision_that_does_not_check_the_lease: LeaseUnchecked, Partitions, 20, [NoneAfterConfirmation, NoneAfterOneLease];
    a_lease_taken_after_the_look_up: LeaseTakenAfter, Calm, 40, [NoneAfterOneLease];
    a_fill_without_its_position: FillWithoutPosition, Lossy, 40, [NoneAfterConfirmation, NothingComesBack, NoneAfterOneLease, ValidIsAdmitted];
    a_position_read_after_the_state: PositionAfterRead, Calm, 100, [NoneAfterConfirmation, NothingComesBack, NoneAfterOneLease];
    a_view_that_shows_later_what_it_was_told: ViewShowsLater, Calm, 20, [NoneAfterConfirmation, NothingComesBack];
    somebody_who_acknowledges_for_others: AcknowledgedByProxy, Lossy, 20, [ConfirmedIsApplied, NoneAfterConfirmation];
    leases_read_from_a_standby_that_is_behind: LeasesReadFromStandby, Partitions, 40, [NoneAfterConfirmation, ConfirmedIsApplied];
    a_stranger_who_has_the_key: StrangerHasKey, Lossy, 20, [NoneAfterOneLease, ConfirmedIsApplied, NoneAfterConfirmation, EverybodyComesBack, ValidIsAdmitted];
    staleness_across_failovers: StaleBeyondPromise, Failovers, 1000, [NoneAfterConfirmation];
    staleness_across_steps_of_the_clock: StaleBeyondPromise, Clocks, 1000, [NoneAfterConfirmation];
    a_standby_without_the_beginning_of_the_history: StandbyBehindResumption, Failovers, 100, [EverybodyComesBack, PositionsAreUnique, ValidIsAdmitted, ConfirmedIsApplied];
}
