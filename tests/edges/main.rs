//! The attacks of `tests/attacks` through real edges: our own gateway, and Envoy, nginx, Caddy, `HAProxy` and Traefik
//! with the recipes of `deploy/`. And the main job, through each of them.
//!
//! | module | holds |
//! |---|---|
//! | [`corpus`] [`words`] | the cases, and what stands in braces in them |
//! | [`judge`] [`reading`] | what must hold of every case, and how lenient applications read |
//! | [`client`] [`http2`] [`recorder`] | both ends: raw bytes sent, raw bytes received |
//! | [`edge`] [`recipes`] [`ground`] | the edges, and the installation behind them |
//! | [`attacks`] [`job`] [`outage`] | what is done at each edge |
//! | [`abilities`] | the table of `deploy/README.md`, tried |
//! | [`manifests`] | recipes for clusters, as far as they can be read without one |
//! | [`schemas`] | the same, by the schemas of their kinds: `CRDS=folder` |
//! | [`coverage`] | which threat is shown where |
//!
//! A new proxy: its `Kind` in `local-servers`, its recipe in `deploy/`, and its row in [`recipes::ALL`].
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fact that cannot be looked at has failed"
)]

mod abilities;
mod attacks;
mod client;
mod corpus;
mod coverage;
mod edge;
mod ground;
mod http2;
mod job;
mod judge;
mod manifests;
mod outage;
mod reading;
mod recipes;
mod recorder;
mod schemas;
mod words;

use edge::At;
use ground::Ground;
use libtest_mimic::{Arguments, Failed, Trial};
use local_servers::proxy::Kind;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

struct Shared {
    runtime: Runtime,
    ground: OnceCell<Result<Ground, String>>,
}

impl Shared {
    fn run(&self, facts: impl AsyncFnOnce(&Ground) -> Result<(), String>) -> Result<(), Failed> {
        self.runtime.block_on(async {
            let ground = self.ground.get_or_init(Ground::start).await.as_ref().map_err(Clone::clone)?;
            Ok(facts(ground).await?)
        })
    }
}

fn main() -> ExitCode {
    // The servers' programs are looked for in the workspace.
    std::env::set_current_dir(harness::root()).expect("the workspace");
    let mut arguments = Arguments::from_args();
    // They wait far more than they compute.
    arguments.test_threads.get_or_insert(8);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let shared = Arc::new(Shared { runtime: runtime.expect("a runtime"), ground: OnceCell::new() });
    let mut trials = vec![
        pure("words_are_filled_in_and_other_braces_stay", words::words_are_filled_in_and_other_braces_stay),
        pure(
            "a_lenient_reader_finds_the_way_to_the_closed",
            reading::a_lenient_reader_finds_the_way_to_the_closed,
        ),
        pure("statuses_are_read_in_every_form", http2::statuses_are_read_in_every_form),
        pure("manifests_are_whole_and_closed", manifests::are_whole_and_closed),
        pure("every_threat_has_a_case", coverage::every_threat_has_a_case),
    ];
    if let Some(folder) = std::env::var_os(schemas::CRDS) {
        let fits = move || Ok(schemas::every_manifest_fits(folder.as_ref())?);
        trials.push(Trial::test("every_manifest_fits_its_schema", fits));
    }
    trials.extend(At::all().into_iter().flat_map(|at| at_each(&shared, at)));
    let open = shared.clone();
    let control = move || open.run(async |ground| attacks::an_open_edge_fails(ground).await);
    trials.push(Trial::test("an_edge_that_asks_nobody_is_found_out", control));
    let every = shared.clone();
    let revocation = move || every.run(async |ground| job::one_revocation_holds_at_every_edge(ground).await);
    trials.push(Trial::test("one_revocation_holds_at_every_edge", revocation));
    let conclusion = libtest_mimic::run(&arguments, trials);
    let Shared { runtime, ground } = Arc::into_inner(shared).expect("every trial is over");
    let problems = match ground.into_inner() {
        Some(Ok(ground)) => runtime.block_on(ground.stop()),
        _ => Vec::new(),
    };
    for problem in &problems {
        eprintln!("it did not end well: {problem}");
    }
    if problems.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}

fn pure(name: &str, facts: fn()) -> Trial {
    Trial::test(name, move || {
        facts();
        Ok(())
    })
}

fn at_each(shared: &Arc<Shared>, at: At) -> Vec<Trial> {
    let name = |what: &str| format!("{}::{what}", at.name());
    let [one, two, three] = [shared.clone(), shared.clone(), shared.clone()];
    let mut trials = vec![
        Trial::test(name("attacks"), move || one.run(async |ground| attacks::every_case(ground, at).await)),
        Trial::test(name("random_paths"), move || {
            two.run(async |ground| attacks::random_paths(ground, at).await)
        }),
        Trial::test(name("the_main_job"), move || three.run(async |ground| job::done(ground, at).await)),
    ];
    let six = shared.clone();
    let words = move || six.run(async |ground| job::refusals_are_as_the_application_says(ground, at).await);
    trials.push(Trial::test(name("refusals_are_as_the_application_says"), words));
    let five = shared.clone();
    let abilities = move || five.run(async |ground| abilities::are_what_the_table_says(ground, at).await);
    trials.push(Trial::test(name("it_can_what_the_table_says"), abilities));
    if let At::Proxy(recipe) = at {
        let four = shared.clone();
        let outage = move || four.run(async |ground| outage::is_closed(ground, recipe).await);
        trials.push(Trial::test(name("it_is_closed_when_nobody_can_decide"), outage));
        // Traefik can only be started: the main job shows that it reads its rules.
        if recipe.kind != Kind::Traefik {
            trials.push(Trial::test(name("the_recipe_is_valid"), move || Ok(recipe.validate()?)));
        }
    }
    trials
}
