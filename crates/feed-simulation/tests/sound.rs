//! Every promise is kept, whatever breaks; and the same seed is the same world.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use feed_simulation::{Outcome, Profile, Simulation};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds; `make simulate SEEDS=n` runs more.
const SEEDS: u64 = 2_000;

fn run(simulation: Simulation) -> Outcome {
    simulation.run().unwrap()
}

/// By as many threads as there are processors.
fn each_seed(seeds: u64, look: impl Fn(&Outcome) + Sync) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    look(&run(Simulation::of_seed(seed)));
                }
            });
        }
    });
}

#[test]
fn every_promise_is_kept() {
    let [confirmed, fenced, unconfirmed, admitted, refused, undecided] =
        std::array::from_fn(|_| AtomicU64::new(0));
    each_seed(SEEDS, |outcome| {
        assert!(outcome.violation.is_none(), "{outcome}");
        for (sum, count) in [
            (&confirmed, outcome.counts.confirmed),
            (&fenced, outcome.counts.fenced),
            (&unconfirmed, outcome.counts.unconfirmed),
            (&admitted, outcome.counts.admitted),
            (&refused, outcome.counts.refused),
            (&undecided, outcome.counts.undecided),
        ] {
            sum.fetch_add(count, Ordering::Relaxed);
        }
    });
    // A world in which nothing happens keeps every promise.
    for (what, sum, least) in [
        ("confirmed", confirmed, 10_000),
        ("fenced", fenced, 2_000),
        ("not confirmed", unconfirmed, 100),
        ("admitted", admitted, 100_000),
        ("refused", refused, 100_000),
        ("undecided", undecided, 100_000),
    ] {
        let sum = sum.into_inner();
        assert!(sum >= least, "{what}: {sum}, and at least {least} are expected");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for profile in Profile::ALL {
        for seed in 0..4 {
            let simulation = Simulation { profile, keeps_trace: true, ..Simulation::of_seed(seed) };
            let [first, second] = [run(simulation), run(simulation)];
            let differs = first.trace.iter().zip(&second.trace).find(|(first, second)| first != second);
            assert_eq!(differs, None, "seed {seed}, {profile}");
            assert_eq!((first.trace.len(), first.digest), (second.trace.len(), second.digest));
        }
    }
}

#[test]
fn another_seed_is_another_world() {
    let digests: BTreeSet<u64> = (0..20).map(|seed| run(Simulation::of_seed(seed)).digest).collect();
    assert_eq!(digests.len(), 20);
}

#[test]
fn every_profile_comes_up_by_seed() {
    let profiles: BTreeSet<Profile> = (0..100).map(Profile::of).collect();
    assert_eq!(profiles.len(), Profile::ALL.len());
}
