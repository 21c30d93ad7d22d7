//! Decisions in process, without a network: how many instructions, allocations and bytes each takes, and whether many
//! known sessions cost more than few.
//!
//! | module | holds |
//! |---|---|
//! | `known` | a gateway's knowledge: one application, and as many sessions as are wanted |
//! | `policies` | compiled policies of several sizes |
//! | `tables` | what is printed |
//!
//! `--measured CASE` runs decisions of one case inside [`measured`], for `instructions.sh`, which counts what is executed
//! there alone. Without it everything else is measured and printed.

mod known;
mod policies;
mod tables;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use known::Known;
use policies::Judged;
use std::hint::black_box;
use std::process::ExitCode;

/// Counts what one decision takes: allocations, bytes of a remembered session, decisions a second with many sessions.
#[derive(Parser)]
#[command(name = "decisions")]
struct Arguments {
    /// How many sessions the gateway with many knows.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(20_000..=10_000_000))]
    sessions: u32,
    /// Runs decisions of this case and prints nothing: for a program that counts instructions.
    #[arg(long, value_name = "CASE", value_enum)]
    measured: Option<Case>,
    /// How many of them.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    decisions: u32,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// A session in the cookie, verified before.
    Cookie,
    /// A Client ID and Client Secret, exchanged before.
    Pair,
    /// Ten policies of ten rules; the last rule holds.
    Policies,
    /// One policy of 1,000 tokens; the last is the request's.
    Tokens,
    /// One policy of 1,000 networks, none of which holds.
    Networks,
}

/// One decision.
type Decide = Box<dyn Fn() -> bool>;

impl Case {
    /// A decision that was made once before, so that what is only done once is done.
    pub async fn ready(self) -> Result<Decide> {
        let decide: Decide = match self {
            Self::Cookie | Self::Pair => {
                let known = Known::new(1_000, known::stopped()).await?;
                known.remember_sessions(1)?;
                known.remember_pairs(1)?;
                let headers =
                    if self == Self::Cookie { known::with_cookie(0)? } else { known::with_pair(0)? };
                let uri = known::uri();
                Box::new(move || known.decisions.decide(&uri, &headers))
            }
            Self::Policies => judging(Judged::ten_by_ten()?),
            Self::Tokens => judging(Judged::tokens(1_000)),
            Self::Networks => judging(Judged::networks(1_000)?),
        };
        ensure!(decide(), "{self:?}: not let through");
        Ok(decide)
    }
}

fn judging(judged: Judged) -> Decide {
    Box::new(move || judged.decide())
}

/// Found by name by whoever counts instructions.
#[inline(never)]
fn measured(decide: &dyn Fn() -> bool, decisions: u32) {
    for _ in 0..decisions {
        black_box(decide());
    }
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("decisions: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let Arguments { sessions, measured: case, decisions } = Arguments::parse();
    if let Some(case) = case {
        measured(&*case.ready().await?, decisions);
        return Ok(());
    }
    tables::allocations().await?;
    tables::memory(sessions).await?;
    tables::rates(sessions).await?;
    tables::policies()
}
