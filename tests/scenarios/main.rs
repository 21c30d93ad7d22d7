//! What Sallyport promises, proved on the running program in every topology.
//!
//! Each scenario is written once. The worlds are shared: a scenario makes its own applications and tokens at hosts that
//! nobody else has, and leaves what belongs to all (the organization, the signing keys) alone; what must change that
//! is in [`operator`], which starts a world of its own.
//!
//! To add one: an `async fn <the fact>(world: &World)` in the file of its group, and its name in that file's `all`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a scenario that cannot go on has failed"
)]

mod alerts;
mod bad_input;
mod cli;
mod connections;
mod credentials;
mod forgery;
mod grpc;
mod inactivity;
mod keys;
mod lifecycle;
mod management;
mod matching;
mod operator;
mod policies;
mod policy_edits;
mod propagation;
mod revocation;
mod rotation;
mod selectors;
mod sessions;
mod settings;
mod signatures;
mod telling;
mod worlds;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;
use std::sync::Arc;
use worlds::{Scenario, Worlds};

fn scenarios() -> Vec<(&'static str, Vec<Scenario>)> {
    vec![
        ("operator", operator::all()),
        ("alerts", alerts::all()),
        ("credentials", credentials::all()),
        ("connections", connections::all()),
        ("sessions", sessions::all()),
        ("settings", settings::all()),
        ("forgery", forgery::all()),
        ("keys", keys::all()),
        ("signatures", signatures::all()),
        ("policies", policies::all()),
        ("selectors", selectors::all()),
        ("policy_edits", policy_edits::all()),
        ("matching", matching::all()),
        ("lifecycle", lifecycle::all()),
        ("rotation", rotation::all()),
        ("inactivity", inactivity::all()),
        ("revocation", revocation::all()),
        ("propagation", propagation::all()),
        ("management", management::all()),
        ("bad_input", bad_input::all()),
        ("grpc", grpc::all()),
        ("telling", telling::all()),
        ("cli", cli::all()),
    ]
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait far more than they compute.
    arguments.test_threads.get_or_insert(8);
    let worlds = Arc::new(Worlds::default());
    let trials = harness::Topology::ALL.into_iter().flat_map(|topology| {
        let worlds = worlds.clone();
        scenarios().into_iter().flat_map(move |(group, scenarios)| {
            let worlds = worlds.clone();
            let runs = scenarios.into_iter().filter(move |scenario| scenario.runs_in(topology));
            runs.map(move |scenario| trial(&worlds, topology, group, scenario))
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let worlds = Arc::into_inner(worlds).expect("every trial is over");
    let problems = worlds.stop(conclusion.has_failed());
    for problem in &problems {
        eprintln!("the world did not end well: {problem}");
    }
    if problems.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}

fn trial(worlds: &Arc<Worlds>, topology: harness::Topology, group: &str, scenario: Scenario) -> Trial {
    let name = format!("{}::{group}::{}", topology.name(), scenario.name);
    let worlds = worlds.clone();
    Trial::test(name, move || worlds.run(topology, &scenario).map_err(Into::into))
}
