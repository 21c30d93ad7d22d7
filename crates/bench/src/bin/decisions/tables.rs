//! What is printed.

use crate::Case;
use crate::known::{self, Known};
use crate::policies::Judged;
use allocation_counter::{AllocationInfo, measure};
use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum as _;
use http::HeaderMap;
use model::{Clock as _, SystemClock};
use std::time::Duration;

/// How many decisions one figure is a mean of.
const MANY: u32 = 1_000;
const FEW_SESSIONS: u32 = 10_000;
const ROUNDS: usize = 15;
/// Requests that are made ready and then decided together.
const BATCH: u32 = 2_000;

/// Allocations and bytes of one decision.
pub async fn allocations() -> Result<()> {
    println!("Allocations of one decision{:>36}{:>12}", "number", "bytes");
    for case in Case::value_variants() {
        let decide = case.ready().await?;
        let AllocationInfo { count_total, bytes_total, .. } = measure(|| {
            for _ in 0..MANY {
                decide();
            }
        });
        let [number, bytes] = [count_total, bytes_total].map(|total| mean(total, MANY));
        println!("  {:<54}{number:>9.2}{bytes:>12.0}", format!("{case:?}").to_lowercase());
    }
    Ok(())
}

/// Bytes that a session takes for as long as it is remembered.
pub async fn memory(sessions: u32) -> Result<()> {
    println!("\nBytes of a remembered session{:>34}{:>12}", "allocated", "resident");
    let known = Known::new(usize::try_from(sessions)?, known::standing()).await?;
    row(&format!("{sessions} sessions that came as a JWT"), sessions, || known.remember_sessions(sessions))?;
    let pairs = sessions / 10;
    row(&format!("{pairs} pairs"), pairs, || known.remember_pairs(pairs))
}

fn row(label: &str, count: u32, remember: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = resident()?;
    let mut outcome = Ok(());
    let AllocationInfo { bytes_current, .. } = measure(|| outcome = remember());
    outcome?;
    let resident = mean(resident()?.saturating_sub(before), count);
    let allocated = mean(u64::try_from(bytes_current)?, count);
    println!("  {label:<54}{allocated:>7.0}{resident:>12.0}");
    Ok(())
}

/// Private memory of this process, in bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading the memory")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.split_whitespace().next());
    Ok(kib.context("no memory is shown")?.parse::<u64>()? * 1024)
}

/// Decisions a second with few and with many known sessions, each asked for at random.
pub async fn rates(sessions: u32) -> Result<()> {
    println!("\nDecisions of known sessions, one core{:>26}{:>12}", "per second", "ns each");
    // A shard of the cache may be full before the whole is: room, so that every session is known.
    let room = |count: u32| usize::try_from(count + count / 10 + 10_000);
    let [few, many] = [
        Known::new(room(FEW_SESSIONS)?, known::standing()).await?,
        Known::new(room(sessions)?, known::standing()).await?,
    ];
    few.remember_sessions(FEW_SESSIONS)?;
    many.remember_sessions(sessions)?;
    let mut taken = [Vec::new(), Vec::new()];
    let mut draw = Draw(1);
    for _ in 0..ROUNDS {
        for ((known, count), taken) in [(&few, FEW_SESSIONS), (&many, sessions)].into_iter().zip(&mut taken) {
            taken.push(batch(known, count, &mut draw)?);
        }
    }
    let mut ratios: Vec<f64> =
        taken[0].iter().zip(&taken[1]).map(|(few, many)| few.as_secs_f64() / many.as_secs_f64()).collect();
    for (mut taken, count) in taken.into_iter().zip([FEW_SESSIONS, sessions]) {
        taken.sort_unstable();
        let median = taken.get(ROUNDS / 2).context("no rounds")?.as_secs_f64() / f64::from(BATCH);
        println!("  {:<54}{:>7.0}{:>12.0}", format!("{count} sessions"), 1.0 / median, median * 1e9);
    }
    ratios.sort_by(f64::total_cmp);
    println!("  many / few{:>51.2}", ratios.get(ROUNDS / 2).context("no rounds")?);
    Ok(())
}

fn batch(known: &Known, sessions: u32, draw: &mut Draw) -> Result<Duration> {
    let requests: Vec<HeaderMap> =
        (0..BATCH).map(|_| known::with_cookie(draw.below(sessions))).collect::<Result<_>>()?;
    known.decisions.take_uses();
    let (uri, begun) = (known::uri(), SystemClock.boot());
    let admitted = requests.iter().filter(|headers| known.decisions.decide(&uri, headers)).count();
    let took = SystemClock.boot().since(begun);
    ensure!(admitted == requests.len(), "a session is not known any more");
    Ok(took)
}

/// Numbers that look random: a linear congruential generator.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(end)).unwrap_or_default()
    }
}

/// What a policy with many rules costs.
pub fn policies() -> Result<()> {
    println!("\nPolicy decisions, one core{:>37}{:>12}", "per second", "ns each");
    decided("10 policies of 10 rules, the last holds", &Judged::ten_by_ten()?);
    for count in [10, 100, 1_000] {
        decided(&format!("1 policy of {count} tokens, the last holds"), &Judged::tokens(count));
    }
    for count in [10, 100, 1_000] {
        decided(&format!("1 policy of {count} networks, none holds"), &Judged::networks(count)?);
    }
    Ok(())
}

fn decided(label: &str, judged: &Judged) {
    let mut taken: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = SystemClock.boot();
            for _ in 0..MANY {
                judged.decide();
            }
            SystemClock.boot().since(begun)
        })
        .collect();
    taken.sort_unstable();
    let median = taken.get(ROUNDS / 2).copied().unwrap_or_default().as_secs_f64() / f64::from(MANY);
    println!("  {label:<54}{:>7.0}{:>12.0}", 1.0 / median, median * 1e9);
}

#[expect(clippy::cast_precision_loss, reason = "three figures are wanted")]
fn mean(total: u64, count: u32) -> f64 {
    total as f64 / f64::from(count)
}
