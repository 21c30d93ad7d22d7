//! Tokens through the REST API: pages of a long list, and changes beside the bare statements that they make.

mod client;
mod floor;
mod site;

use crate::owner::Site;
use crate::report::{Role, Row, Section, grouped};
use crate::series::{Series, Turn, nanos, now};
use crate::{Arguments, cpu};
use anyhow::{Context as _, Result, ensure};
use client::{Client, Wait};
use site::Managed;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How often each page is asked for in one round.
const PAGES: u32 = 5;
/// How many tokens a round reads, changes and deletes in each way; it makes twice as many.
const EACH: usize = 20;
const SIZES: [u32; 2] = [1_000, 50];

pub fn measure(arguments: &Arguments) -> Result<Vec<Section>> {
    let runtime = Builder::new_multi_thread().thread_name(cpu::SERVER).enable_all().build()?;
    let mut sections = Vec::new();
    let folder = tempfile::tempdir()?;
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let urls = [file("path.sqlite"), file("floor.sqlite")];
    sections.extend(on(arguments, &runtime, "SQLite", &urls)?);
    eprintln!("management: starting PostgreSQL …");
    let site = runtime.block_on(Site::open())?;
    let urls = runtime
        .block_on(async { anyhow::Ok([site.database("path").await?, site.database("floor").await?]) })?;
    sections.extend(on(arguments, &runtime, "PostgreSQL", &urls)?);
    runtime.block_on(site.close())?;
    Ok(sections)
}

/// On one kind of database: for the path, and for the floor.
fn on(arguments: &Arguments, runtime: &Runtime, name: &str, urls: &[String; 2]) -> Result<Vec<Section>> {
    let count = arguments.listed;
    eprintln!("management: filling {name} with {} tokens, twice …", grouped(f64::from(count)));
    let managed = runtime.block_on(Managed::open(urls, count))?;
    let mut client = runtime.block_on(managed.client())?;
    let mut sections = Vec::new();
    for size in SIZES {
        sections.push(pages(arguments, runtime, &mut client, name, size)?);
    }
    sections.push(changes(arguments, runtime, &managed, &mut client, name)?);
    drop(client);
    runtime.block_on(managed.close())?;
    Ok(sections)
}

fn pages(
    arguments: &Arguments,
    runtime: &Runtime,
    client: &mut Client,
    name: &str,
    size: u32,
) -> Result<Section> {
    let last = arguments.listed.div_ceil(size);
    let numbers = [1, last.div_ceil(2), last];
    let labels = ["the first page", "the middle page", "the last page"];
    let mut series = labels.map(Series::new);
    for round in 0..=arguments.rounds {
        eprintln!("management, {name}, pages of {size}: round {round} of {} …", arguments.rounds);
        for (number, series) in numbers.into_iter().zip(&mut series) {
            let expected = (arguments.listed - (number - 1) * size).min(size);
            let mut turn = || {
                runtime.block_on(timed(0..PAGES, async |_| {
                    let (took, shown) = client.page(number, size).await?;
                    ensure!(shown == expected, "page {number} shows {shown} tokens, not {expected}");
                    Ok(took)
                }))
            };
            // The first round is for nothing.
            if round == 0 {
                turn()?;
            } else {
                series.take(1, turn)?;
            }
        }
    }
    let [first, _, last] = &series;
    let [at_first, at_last] = [first, last].map(Series::percentiles_us);
    let rows = series.iter().enumerate().map(|(index, series)| {
        let role = if index == 0 { Role::Floor } else { Role::Path };
        Row::new(role, series, Some(first))
    });
    Ok(Section {
        name: "management-pages",
        title: format!(
            "REST, a list of {} tokens on {name}, per_page {size}, one caller",
            grouped(f64::from(arguments.listed))
        ),
        notes: vec![format!(
            "The last page takes {:.2} times as long as the first, p50; p99 {:.2} times. Each answer counts all tokens.",
            at_last[0] / at_first[0].max(1e-3),
            at_last[1] / at_first[1].max(1e-3)
        )],
        rows: rows.collect(),
    })
}

/// What is done with tokens, the floor first.
struct Work {
    floor: Series,
    paths: Vec<Series>,
}

impl Work {
    fn new(name: &str, paths: &[&str]) -> Self {
        let paths = paths.iter().map(|path| Series::new(format!("{name}{path}"))).collect();
        Self { floor: Series::new(format!("{name}: its statements")), paths }
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        let floor = [Row::new(Role::Floor, &self.floor, None)];
        floor.into_iter().chain(self.paths.iter().map(|path| Row::new(Role::Path, path, Some(&self.floor))))
    }

    fn in_words(&self) -> impl Iterator<Item = String> {
        let [floor, ..] = self.floor.percentiles_us();
        self.paths.iter().map(move |path| {
            let [p50, ..] = path.percentiles_us();
            format!("{}: p50 {:.2} times the floor's.", path.label, p50 / floor.max(1e-3))
        })
    }
}

const WAITS: [&str; 2] = [", wait=none", ", confirmed by one gateway"];

fn changes(
    arguments: &Arguments,
    runtime: &Runtime,
    managed: &Managed,
    client: &mut Client,
    name: &str,
) -> Result<Section> {
    let floor = managed.floor();
    let mut works = [
        Work::new("create", &[""]),
        Work::new("read", &[""]),
        Work::new("update", &WAITS),
        Work::new("delete", &WAITS),
    ];
    for round in 0..arguments.rounds {
        eprintln!("management, {name}, changes: round {} of {} …", round + 1, arguments.rounds);
        let [create, read, update, delete] = &mut works;
        let (mut bare, mut ids) = (Vec::new(), Vec::new());
        // The floor.
        let work = timed(0..EACH, async |_| {
            let begun = now();
            bare.push(floor.create().await?);
            Ok(now().since(begun))
        });
        create.floor.take(1, || runtime.block_on(work))?;
        for (series, which) in [(&mut read.floor, 0), (&mut update.floor, 1), (&mut delete.floor, 2)] {
            let work = timed(&bare, async |id| {
                let begun = now();
                match which {
                    0 => floor.read(id).await?,
                    1 => floor.update(id).await?,
                    _ => floor.delete(id).await?,
                }
                Ok(now().since(begun))
            });
            series.take(1, || runtime.block_on(work))?;
        }
        // The path.
        let work = timed(0..2 * EACH, async |_| {
            let (took, id) = client.create().await?;
            ids.push(id);
            Ok(took)
        });
        take(&mut create.paths, 0, || runtime.block_on(work))?;
        let work = timed(&ids, async |id| client.read(id).await);
        take(&mut read.paths, 0, || runtime.block_on(work))?;
        let halves = ids.split_at(EACH.min(ids.len()));
        for (index, (ids, wait)) in
            [(halves.0, Wait::None), (halves.1, Wait::Confirmed)].into_iter().enumerate()
        {
            let work = timed(ids, async |id| client.update(id, wait).await);
            take(&mut update.paths, index, || runtime.block_on(work))?;
            let work = timed(ids, async |id| client.delete(id, wait).await);
            take(&mut delete.paths, index, || runtime.block_on(work))?;
        }
    }
    let mut notes = vec!["Goal: p50 within 3 times the floor's.".to_owned()];
    notes.extend(works.iter().flat_map(Work::in_words));
    Ok(Section {
        name: "management-changes",
        title: format!("REST, changes of a token on {name}, one caller"),
        notes,
        rows: works.iter().flat_map(Work::rows).collect(),
    })
}

fn take(series: &mut [Series], index: usize, turn: impl FnOnce() -> Result<Turn>) -> Result<()> {
    series.get_mut(index).context("there is no such row")?.take(1, turn)
}

/// One piece of work after the other; each says how long it took.
async fn timed<T>(
    of: impl IntoIterator<Item = T>,
    mut work: impl AsyncFnMut(T) -> Result<Duration>,
) -> Result<Turn> {
    let mut latencies = Vec::new();
    let mut elapsed = Duration::ZERO;
    for it in of {
        let took = work(it).await?;
        elapsed += took;
        latencies.push(nanos(took));
    }
    Ok(Turn { elapsed, latencies })
}
