//! Runs seeds, and shows the first that fails.

use clap::Parser;
use feed_simulation::{Mutant, Outcome, Profile, Simulation, Wiring};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The change feed's own code in a simulated world of faults.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// This one alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Show everything that happens.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// This profile for every seed; without it, the seed's own.
    #[arg(long)]
    profile: Option<Profile>,
    /// Wire one thing wrong, to see it found.
    #[arg(long)]
    mutant: Option<Mutant>,
    /// Go on after a seed has failed.
    #[arg(long)]
    keep_going: bool,
}

impl Arguments {
    fn simulation(&self, seed: u64) -> Simulation {
        let simulation = Simulation::of_seed(seed);
        Simulation {
            profile: self.profile.unwrap_or(simulation.profile),
            wiring: Wiring(self.mutant),
            keeps_trace: self.trace,
            ..simulation
        }
    }
}

/// What one profile has come to.
#[derive(Default)]
struct Row {
    seeds: u64,
    hours: f64,
    faults: u64,
    counts: feed_simulation::checker::Counts,
    violations: u64,
}

#[derive(Default)]
struct Tally {
    rows: BTreeMap<Profile, Row>,
    failed: Vec<String>,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        let row = self.rows.entry(outcome.simulation.profile).or_default();
        row.seeds += 1;
        row.hours += outcome.simulated.as_secs_f64() / 3_600.0;
        row.faults += outcome.faults;
        row.counts += outcome.counts;
        if outcome.violation.is_some() {
            row.violations += 1;
            self.failed.push(outcome.to_string());
        }
    }

    fn print(&self) {
        println!(
            "{:<11}{:>7}{:>8}{:>9}{:>11}{:>9}{:>7}{:>10}{:>10}{:>11}{:>9}{:>11}",
            "profile",
            "seeds",
            "hours",
            "changes",
            "confirmed",
            "fenced",
            "not",
            "admitted",
            "refused",
            "undecided",
            "faults",
            "violations"
        );
        for (profile, Row { seeds, hours, faults, counts, violations }) in &self.rows {
            let feed_simulation::checker::Counts {
                changes,
                confirmed,
                fenced,
                unconfirmed,
                admitted,
                refused,
                undecided,
            } = counts;
            println!(
                "{profile:<11}{seeds:>7}{hours:>8.2}{changes:>9}{confirmed:>11}{fenced:>9}{unconfirmed:>7}{admitted:>10}{refused:>10}{undecided:>11}{faults:>9}{violations:>11}",
            );
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (first, count) = match arguments.seed {
        Some(seed) => (seed, 1),
        None => (arguments.first_seed, arguments.seeds),
    };
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&arguments, first, count, &next, &tally));
        }
    });
    let Ok(tally) = tally.into_inner() else { return ExitCode::FAILURE };
    eprintln!();
    for failed in tally.failed.iter().take(if arguments.keep_going { 3 } else { 1 }) {
        println!("{failed}\n");
    }
    tally.print();
    if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn work(arguments: &Arguments, first: u64, count: u64, next: &AtomicU64, tally: &Mutex<Tally>) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= count {
            return;
        }
        let outcome = match arguments.simulation(first + index).run() {
            Ok(outcome) => outcome,
            Err(error) => {
                eprintln!("no runtime: {error}");
                return;
            }
        };
        let Ok(mut tally) = tally.lock() else { return };
        if arguments.trace && outcome.violation.is_none() {
            println!("{outcome}");
        }
        tally.add(&outcome);
        if outcome.violation.is_some() && !arguments.keep_going {
            next.store(count, Ordering::Relaxed);
        }
        if index % 100 == 99 {
            eprint!("\r{} of {count} seeds, {} failed ", index + 1, tally.failed.len());
        }
    }
}
