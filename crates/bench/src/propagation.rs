//! From a revocation's commit until every replica has applied it and said so, and the bare way there and back.

mod bare;
mod fleet;
mod work;

use crate::owner::{Owner, Site};
use crate::report::{Role, Row, Section};
use crate::series::Series;
use crate::{Arguments, cpu};
use anyhow::Result;
use bare::{Asker, Listeners};
use change_feed::Wait;
use fleet::Fleet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use work::{Work, together};

const REPLICAS: [usize; 3] = [1, 10, 50];
/// How many revoke at once.
const CALLERS: [u8; 2] = [1, 16];
const NOTES: [&str; 2] = [
    "Goal: with 50 replicas, p99 within 3 times the floor's. Times are from the commit on; the throughput includes the",
    "transaction. Every replica has its own connections to NATS and to the owner; PostgreSQL forces commits to disk.",
];

/// The owner's threads apart from the replicas', so that the owner's share of the processor can be told.
struct Stage {
    owner: Runtime,
    replicas: Runtime,
}

pub fn measure(arguments: &Arguments) -> Result<Vec<Section>> {
    let stage = Stage {
        owner: Builder::new_multi_thread().thread_name(cpu::SERVER).enable_all().build()?,
        replicas: Builder::new_multi_thread().thread_name("replicas").enable_all().build()?,
    };
    eprintln!("propagation: starting PostgreSQL and NATS …");
    let site = stage.owner.block_on(Site::open())?;
    let mut fleet = stage.owner.block_on(Fleet::open(&site))?;
    let mut sections = Vec::new();
    for count in REPLICAS {
        stage.replicas.block_on(fleet.grow(count))?;
        sections.push(section(arguments, &stage, &fleet)?);
    }
    stage.replicas.block_on(fleet.close(&stage.owner))?;
    stage.owner.block_on(site.close())?;
    Ok(sections)
}

fn section(arguments: &Arguments, stage: &Stage, fleet: &Fleet) -> Result<Section> {
    let count = fleet.followers.len();
    let listeners = Arc::new(stage.replicas.block_on(Listeners::start(&fleet.nats, count))?);
    let most = CALLERS.into_iter().max().unwrap_or_default();
    let askers = Arc::new(stage.owner.block_on(Asker::several(&fleet.nats, most))?);
    let revoke = Work::Revoke(fleet.owner.clone(), count, fleet.incomplete.clone());
    // Once for nothing: a connection to the database is made when it is first needed.
    stage.owner.block_on(together(most, Duration::ZERO, revoke.clone()))?;
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for callers in CALLERS {
        let at_once = if callers == 1 { "one at a time".to_owned() } else { format!("{callers} at once") };
        let mut series = Measured::new(&at_once);
        for round in 0..arguments.rounds {
            eprintln!(
                "propagation, replicas: {count}, {at_once}: round {} of {} …",
                round + 1,
                arguments.rounds
            );
            let ask = Work::Ask(askers.clone(), listeners.clone());
            let take = |series: &mut Series, work: Work| {
                series.take(1, || stage.owner.block_on(together(callers, arguments.turn(), work)))
            };
            series.round(&fleet.owner, [ask, revoke.clone()], take)?;
            // It does not depend on the replicas.
            if count == 1 {
                take(&mut series.transaction, Work::Write(fleet.owner.clone()))?;
                // So that no later revocation waits for what nobody was told.
                stage.owner.block_on(fleet.owner.feed.confirm_head(Wait::Confirmed))?;
            }
        }
        notes.push(series.in_words(&at_once));
        rows.extend(series.rows());
    }
    notes.extend(NOTES.map(str::to_owned));
    let incomplete = fleet.incomplete.swap(0, Ordering::Relaxed);
    if incomplete > 0 {
        notes.push(format!("{incomplete} revocations found fewer live replicas: the machine was too busy."));
    }
    let plural = if count == 1 { "replica" } else { "replicas" };
    let title =
        format!("Revocation, {count} {plural}; PostgreSQL, NATS, gRPC over mutual TLS; cpu: the owner's");
    Ok(Section { name: "propagation", title, notes, rows })
}

/// The floor, the path, and how much of it the database has to do.
struct Measured {
    floor: Series,
    path: Series,
    /// Without anybody who is told.
    transaction: Series,
    /// What all revocations asked of the database, as it is counted there.
    asked: [u32; 3],
}

impl Measured {
    fn new(at_once: &str) -> Self {
        Self {
            floor: Series::new(format!("a message and everybody's answer, {at_once}")),
            path: Series::new(format!("a revocation until it is confirmed, {at_once}")),
            transaction: Series::new(format!("its transaction alone, {at_once}")),
            asked: [0; 3],
        }
    }

    /// `take` gives one turn to a piece of work.
    fn round(
        &mut self,
        owner: &Owner,
        [ask, revoke]: [Work; 2],
        take: impl Fn(&mut Series, Work) -> Result<()>,
    ) -> Result<()> {
        take(&mut self.floor, ask)?;
        owner.counted.take();
        take(&mut self.path, revoke)?;
        for (sum, asked) in self.asked.iter_mut().zip(owner.counted.take()) {
            *sum += asked;
        }
        Ok(())
    }

    fn rows(&self) -> Vec<Row> {
        let Self { floor, path, transaction, asked: _ } = self;
        let rows = [(Role::Floor, floor), (Role::Path, path), (Role::Scale, transaction)];
        let taken = rows.into_iter().filter(|(_, series)| series.count() > 0);
        taken.map(|(role, series)| Row::new(role, series, Some(floor))).collect()
    }

    fn in_words(&self, at_once: &str) -> String {
        let [[_, floor, _], [_, path, _]] = [&self.floor, &self.path].map(Series::percentiles_us);
        let times = path / floor.max(1e-3);
        let revocations = f64::from(self.path.count().max(1));
        let [acknowledgements, looks, pages] = self.asked.map(|count| f64::from(count) / revocations);
        format!(
            "{at_once}: p99 {times:.1} times the floor's. The database, a revocation: {acknowledgements:.1} \
             acknowledgements, {looks:.1} readings of the leases, {pages:.1} pages of the log."
        )
    }
}
