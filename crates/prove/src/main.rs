//! `prove`.

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use model::{Clock as _, SystemClock};
use prove::faults::{Fault, catalogue};
use prove::load::Volume;
use prove::report::{self, Circumstances};
use prove::run::{self, Settings, say};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Breaks a whole installation on this machine in every way we can think of while tokens are revoked, and judges from
/// outside whether anything that was revoked is admitted, or anything that is live refused.
///
/// Needs the services' binaries beside it, and PostgreSQL, Redis and NATS (`make servers`). Listens on free ports of the
/// loopback interface, keeps its files in a temporary directory and removes them.
///
/// Ends with 0 if no guarantee was broken and everything was tried that was asked for, else with 1.
#[derive(Parser)]
#[command(name = "prove")]
struct Arguments {
    /// Names the faults and ends.
    #[arg(long)]
    list: bool,
    /// Only this fault; may be given again.
    #[arg(long = "fault", value_name = "NAME")]
    faults: Vec<String>,
    /// Only the faults of the short form.
    #[arg(long)]
    short: bool,
    /// What the load does follows from it; when it does so depends on the machine.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// At least so many, however long the faults take.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    revocations: u64,
    /// For all faults together.
    #[arg(long, value_name = "M", default_value_t = 30.0)]
    minutes: f64,
    /// How many tokens and applications live at a time.
    #[arg(long, value_name = "N", default_value_t = 72)]
    lives: usize,
    /// Between two requests of each one's client, on average, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    pause: u64,
    /// Writes the table there too, for documents.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// How much later than promised something may be seen, in seconds: more than 1 for a machine that has other work.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    margin: f64,
    /// Keeps the processes' logs there.
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// Writes every act and request there as JSON lines, for another judge.
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
}

/// For each revocation so many acts, some of which an outage swallows.
const ACTS: f64 = 2.2;

impl Arguments {
    fn settings(&self) -> Result<Settings> {
        let duration = Duration::try_from_secs_f64(self.minutes * 60.0).context("--minutes")?;
        let acts_per_second = self.approximate_revocations() * ACTS / duration.as_secs_f64().max(1.0);
        let pause = Duration::from_millis(self.pause.max(1));
        let volume = Volume { seed: self.seed, lives: self.lives.clamp(1, 1_000), acts_per_second, pause };
        let margin = Duration::try_from_secs_f64(self.margin).context("--margin")?;
        let (faults, revocations) = (self.chosen()?, self.revocations);
        let (logs, seen) = (self.logs.clone(), self.seen.clone());
        Ok(Settings { faults, revocations, duration, volume, margin, logs, seen })
    }

    fn approximate_revocations(&self) -> f64 {
        f64::from(u32::try_from(self.revocations).unwrap_or(u32::MAX))
    }

    fn chosen(&self) -> Result<Vec<Fault>> {
        let mut all = catalogue::all();
        for name in &self.faults {
            if all.iter().all(|fault| fault.name != *name) {
                bail!("there is no fault {name:?}; --list names them");
            }
        }
        all.retain(|fault| self.faults.is_empty() || self.faults.contains(&fault.name));
        all.retain(|fault| !self.short || fault.is_short);
        Ok(all)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        for fault in catalogue::all() {
            println!("{}{}", fault.name, if fault.is_short { "  (short form too)" } else { "" });
        }
        return ExitCode::SUCCESS;
    }
    match prove(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("prove: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn prove(arguments: &Arguments) -> Result<ExitCode> {
    let settings = arguments.settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let stop = stop_on_signal()?;
        run::run(&settings, &stop).await
    })?;
    println!("{}", report::text(&outcome));
    for violation in outcome.violations.iter().take(10) {
        let fault = settings.faults.get(violation.fault).map_or("after the last", |fault| &fault.name);
        println!("{:?} under {fault:?}: {}\n", violation.finding, violation.evidence);
    }
    if let Some(file) = &arguments.markdown {
        let text = report::markdown(&outcome, &circumstances(arguments.seed));
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if outcome.revocations < settings.revocations {
        say(&format!("only {} of {} revocations were reached", outcome.revocations, settings.revocations));
    }
    let is_proved = outcome.is_clean() && !outcome.interrupted && outcome.revocations >= settings.revocations;
    Ok(if is_proved { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Cancelled by SIGINT or SIGTERM: then everything is stopped and the table shows what was seen.
fn stop_on_signal() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        say("interrupted");
        stopped.cancel();
    });
    Ok(stop)
}

fn circumstances(seed: u64) -> Circumstances {
    let git = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit = git.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let commit = commit.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    Circumstances {
        date: SystemClock.now().to_string(),
        commit: commit.unwrap_or_else(|| "unknown".to_owned()),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        seed,
    }
}
