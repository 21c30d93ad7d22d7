//! One run: the faults in turn under load, and what was found.

use crate::chance::Chance;
use crate::faults::Fault;
use crate::load::management::Api;
use crate::load::residents::{RECOVERY, Residents};
use crate::load::{Volume, World};
use crate::machine::Ticks;
use crate::recorder::duty::Breakage;
use crate::recorder::log::Log;
use crate::recorder::tally::Tally;
use crate::recorder::{Finding, Recorder, Violation};
use crate::site::Site;
use anyhow::{Context as _, Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What is asked of a run.
pub struct Settings {
    pub faults: Vec<Fault>,
    pub revocations: u64,
    /// For all faults together. Once they are through, the load alone goes on until there are enough revocations, for
    /// as long again at most.
    pub duration: Duration,
    pub volume: Volume,
    /// How much later than promised something may be seen on a busy machine.
    pub margin: Duration,
    /// Where the processes' logs go.
    pub logs: Option<PathBuf>,
    /// Where everything that was seen goes.
    pub seen: Option<PathBuf>,
}

/// What became of one fault.
pub struct Row {
    pub name: String,
    pub tally: Tally,
    /// Why it was not tried.
    pub missing: Option<String>,
}

/// What became of the run.
pub struct Outcome {
    pub rows: Vec<Row>,
    pub violations: Vec<Violation>,
    pub revocations: u64,
    pub took: Duration,
    /// What is asked for again and again although it is dead: of so many.
    pub graves: (usize, usize),
    /// How much of the machine's processors other work used, from 0 to 1; `None` if the kernel does not say.
    pub others: Option<f64>,
    pub interrupted: bool,
}

impl Outcome {
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.rows.iter().all(|row| row.tally.is_clean())
    }
}

/// Tokens that live through everything.
const RESIDENTS: usize = 12;
/// Before the load of the first fault counts, and after the last is healed.
const SETTLE: Duration = Duration::from_secs(2);
/// Of the dead, asked once more at the end at every gateway.
const LAST_CALLS: usize = 3_000;

/// Runs all of it. `stop` ends it early.
pub async fn run(settings: &Settings, stop: &CancellationToken) -> Result<Outcome> {
    say("starting PostgreSQL, Redis, NATS, five services and three gateways");
    let mut site = Site::start(settings.logs.as_deref()).await?;
    let outcome = on(settings, &mut site, stop).await;
    say("stopping everything");
    let stopped = site.stop().await;
    let outcome = outcome?;
    stopped?;
    Ok(outcome)
}

async fn on(settings: &Settings, site: &mut Site, stop: &CancellationToken) -> Result<Outcome> {
    let memory = &site.stack.state.memory;
    let api = Api {
        address: site.stack.places.admin,
        account_id: memory.account_id.clone(),
        token: memory.api_token.clone(),
    };
    // One more row for what comes after the last fault.
    let log = settings.seen.as_deref().map(Log::create).transpose().context("cannot write what is seen")?;
    let log = log.unwrap_or_default();
    let recorder = Arc::new(Recorder::new(settings.faults.len() + 1, settings.margin, log));
    let ended = CancellationToken::new();
    let gateways = site.stack.places.gateways.clone();
    let world = World::prepare(Arc::clone(&recorder), gateways, api, settings.volume, ended.clone()).await?;
    let residents = world.residents(RESIDENTS).await?;
    let (began, ticks) = (Instant::now(), Ticks::read());
    // Tasks that are left when this is given up end with it.
    let mut tasks = JoinSet::new();
    world.start(&mut tasks);
    let through = Run { settings, world: &world, residents: &residents, began };
    let whole = stop.run_until_cancelled(through.faults(site)).await;
    let interrupted = whole.is_none();
    let missing = whole.unwrap_or_default();
    ended.cancel();
    if interrupted {
        tasks.abort_all();
    }
    say("waiting for what is under way");
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && !error.is_cancelled()
        {
            recorder.violation(Finding::Ended, format!("a part of the load failed: {error}"));
        }
    }
    if !interrupted {
        say("asking for the dead once more");
        world.ask_the_dead(LAST_CALLS).await;
    }
    let names = settings.faults.iter().map(|fault| fault.name.clone());
    let names = names.chain(["after the last fault".to_owned()]);
    let missing = missing.into_iter().chain(std::iter::repeat(None));
    let rows = names.zip(recorder.tallies()).zip(missing);
    let rows = rows.map(|((name, tally), missing)| Row { name, tally, missing }).collect();
    Ok(Outcome {
        rows,
        violations: recorder.violations(),
        revocations: recorder.revocations(),
        took: began.elapsed(),
        graves: world.graves.counts(),
        others: ticks.zip(Ticks::read()).map(|(earlier, now)| now.others_since(earlier)),
        interrupted,
    })
}

struct Run<'a> {
    settings: &'a Settings,
    world: &'a World,
    residents: &'a Residents,
    began: Instant,
}

impl Run<'_> {
    /// Why each fault was not tried, if it was not.
    async fn faults(&self, site: &mut Site) -> Vec<Option<String>> {
        let count = self.settings.faults.len();
        let slot = self.settings.duration / u32::try_from(count).unwrap_or(u32::MAX).max(1);
        tokio::time::sleep(SETTLE).await;
        let mut missing = Vec::new();
        for (index, fault) in self.settings.faults.iter().enumerate() {
            let end = Instant::now() + slot;
            self.world.recorder.turn_to(index);
            if let Some(why) = fault.is_missing(site) {
                say(&format!("[{}/{count}] {}: not run: {why}", index + 1, fault.name));
                missing.push(Some(why.to_owned()));
                continue;
            }
            missing.push(None);
            if let Err(error) = self.fault(site, index, fault).await {
                let evidence = format!("{:?} could not be begun or healed: {error:#}", fault.name);
                self.world.recorder.violation(Finding::Ended, evidence);
            }
            tokio::time::sleep_until(end).await;
            self.progress(index, fault);
        }
        self.world.recorder.turn_to(count);
        self.reach_the_number().await;
        missing
    }

    async fn fault(&self, site: &mut Site, index: usize, fault: &Fault) -> Result<()> {
        let recorder = &self.world.recorder;
        let stream = u64::try_from(index).unwrap_or_default() + 2_000_000;
        let (parts, from) = (fault.parts, recorder.clock.now());
        let breakage = recorder.broken(Breakage { parts, from, until: None });
        let begun = fault.begin(site, Chance::new(self.settings.volume.seed, stream)).await?;
        tokio::time::sleep(fault.hold / 2).await;
        fault.turn(site)?;
        tokio::time::sleep(fault.hold / 2).await;
        fault.heal(site, begun).await?;
        let recovered = self.residents.wait().await;
        recorder.healed(breakage, recorder.clock.now());
        let limit = RECOVERY + self.settings.margin;
        let in_time = recovered.filter(|within| *within <= limit);
        recorder.recovered(recovered);
        if in_time.is_none() {
            let evidence = format!(
                "after {:?} what is live was admitted everywhere again after {recovered:?}, and not within {limit:?}",
                fault.name
            );
            recorder.violation(Finding::NotRecovered, evidence);
        }
        if let Some(ended) = site.find_ended() {
            recorder.violation(Finding::Ended, format!("under {:?} {ended}", fault.name));
        }
        Ok(())
    }

    /// The load alone goes on until there are enough revocations.
    async fn reach_the_number(&self) {
        let limit = self.began + self.settings.duration * 2;
        while self.world.recorder.revocations() < self.settings.revocations && Instant::now() < limit {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(SETTLE).await;
    }

    fn progress(&self, index: usize, fault: &Fault) {
        let Some(tally) = self.world.recorder.tallies().into_iter().nth(index) else { return };
        let recovered = match tally.recovered {
            Some(Some(within)) => format!("{:.1} s", within.as_secs_f64()),
            _ => "never".to_owned(),
        };
        say(&format!(
            "[{}/{}] {}: {} revocations ({} in all), {} requests, {} unavailable, recovered in {recovered}{}",
            index + 1,
            self.settings.faults.len(),
            fault.name,
            tally.revocations(),
            self.world.recorder.revocations(),
            tally.requests,
            tally.unavailable,
            if tally.is_clean() { "" } else { "  VIOLATIONS" },
        ));
    }
}

/// Progress, for people.
pub fn say(text: &str) {
    eprintln!("prove: {text}");
}
