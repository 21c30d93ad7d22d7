//! `sallyport fleet`: who enforces, and how far each has come.
//!
//! | module | holds |
//! |---|---|
//! | `target` | the management API's address and an API token for it |
//! | `answer` | what the management API says |
//! | `table` | the same for people |

mod answer;
mod table;
mod target;

use answer::{Fleet, Verdict};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use reqwest::{Client, StatusCode, redirect};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use target::Target;

/// Between two looks of `--watch`.
const WATCH: Duration = Duration::from_secs(2);
/// The management API itself waits 3 s for a feed.
const PATIENCE: Duration = Duration::from_secs(10);

/// `sallyport fleet`.
#[derive(Args, Debug, Clone)]
#[command(after_help = "\
Address and API token: the flags; else SALLYPORT_ADMIN, and SALLYPORT_API_TOKEN or SALLYPORT_API_TOKEN_FILE; else the
context of `sallyport login`; else what `sallyport dev` keeps in .data. A token is never an argument: arguments are seen by every user of the machine.

Exit codes:
  0  every replica is live and has applied everything
  1  the management API, or one of the feeds behind it, cannot be asked
  2  wrong usage
  3  some replica has no lease or is behind

Example:
  $ sallyport fleet --admin https://admin.example.com --api-token-file /run/secrets/api-token
     REPLICA  VERSION  FEED              APPLIED  LAG  LEASE       LAST CONTACT
     gw-1     0.1.0    policy-evaluator       17    0  4.1 s left  0.9 s ago
                       session-issuer          3    0  4.1 s left  0.9 s ago
                       token-registry         42    0  4.2 s left  0.8 s ago
     gw-2     0.1.0    policy-evaluator       17    0  4.4 s left  0.6 s ago
  !!                   session-issuer          3    0  LAPSED      2 min ago
                       token-registry         42    0  4.4 s left  0.6 s ago

  2 replicas: 1 current, 0 behind, 1 lapsed (gw-2)")]
pub struct Options {
    /// The management API: http://host:port.
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// A file that holds an API token of any account.
    #[arg(long, value_name = "FILE")]
    api_token_file: Option<PathBuf>,
    /// Ask what `sallyport dev` runs on this data directory [default: .data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The management API's result on one line, for programs.
    #[arg(long)]
    json: bool,
    /// Look again every 2 s until interrupted.
    #[arg(long)]
    watch: bool,
}

/// Asks and prints. The exit code is documented in `--help`.
pub fn main(options: &Options) -> ExitCode {
    let environment = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let target = match target::find(options, environment) {
        Ok(target) => target,
        Err(problem) => {
            eprintln!("sallyport fleet: {problem:#}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let looked = runtime.context("starting the runtime").and_then(|runtime| {
        runtime.block_on(async {
            if options.watch { watch(options, &target).await } else { look(options, &target).await }
        })
    });
    match looked {
        Ok(verdict) => verdict.into(),
        Err(error) => {
            eprintln!("sallyport fleet: {error:#}");
            Verdict::CannotAsk.into()
        }
    }
}

/// Until interrupted, or nobody reads any more: what cannot be asked now may be asked later.
async fn watch(options: &Options, target: &Target) -> Result<Verdict> {
    let is_screen = std::io::stdout().is_terminal() && !options.json;
    loop {
        let result = ask(target).await;
        if is_screen {
            // To the upper left corner of an empty screen.
            print!("\x1b[H\x1b[2J");
        }
        match result {
            Ok(result) => {
                show(options, result)?;
            }
            Err(error) => eprintln!("sallyport fleet: {error:#}"),
        }
        if !is_screen && !options.json {
            writeln!(std::io::stdout())?;
        }
        tokio::time::sleep(WATCH).await;
    }
}

/// One look.
async fn look(options: &Options, target: &Target) -> Result<Verdict> {
    show(options, ask(target).await?)
}

fn show(options: &Options, result: Value) -> Result<Verdict> {
    let text = options.json.then(|| format!("{result}\n"));
    let fleet: Fleet =
        serde_json::from_value(result).context("the management API's answer is not a fleet")?;
    let mut out = std::io::stdout().lock();
    out.write_all(text.unwrap_or_else(|| table::render(&fleet)).as_bytes())?;
    out.flush()?;
    Ok(fleet.verdict())
}

async fn ask(target: &Target) -> Result<Value> {
    // A redirect would take the token somewhere else.
    let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).timeout(PATIENCE).build()?;
    let request = client.get(target.url.clone()).bearer_auth(target.token.as_str());
    let answer = request.send().await.map_err(reqwest::Error::without_url);
    let answer = answer.with_context(|| format!("cannot ask {}", target.url))?;
    let status = answer.status();
    let mut envelope: Value = answer.json().await.unwrap_or_default();
    if status.is_success()
        && let Some(result) = envelope.get_mut("result")
    {
        return Ok(result.take());
    }
    let said = envelope.pointer("/errors/0/message").and_then(Value::as_str).unwrap_or_default();
    match status {
        StatusCode::UNAUTHORIZED => bail!("{} does not accept the API token: {said}", target.url),
        StatusCode::NOT_FOUND => {
            bail!("{} is not there: is it the management API, and not an older one?", target.url)
        }
        _ => bail!("{} answered {status} {said}", target.url),
    }
}

#[cfg(test)]
mod tests;
