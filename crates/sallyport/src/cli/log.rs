//! `sallyport log`: what was decided at the edges.

use super::client::{Client, Root};
use super::exit::{Code, Failure, Outcome};
use super::lookup::{self, APP, TOKEN};
use super::output::{Out, clean, emit};
use super::target::Common;
use clap::{Args, Subcommand};
use model::Timestamp;
use reqwest::Method;
use serde_json::Value;
use std::collections::{HashSet, VecDeque};
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// A gateway reports a moment after it has decided: so far back is looked again.
const LATE_MS: i64 = 10_000;
/// On one look; the API's most.
const AT_ONCE: usize = 1000;
/// What is known to be shown; more than falls into the time that is looked at again.
const REMEMBERED: usize = 20_000;

#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// The last decisions of every gateway, and with --follow the next ones as they are reported.
    #[command(
        after_help = "With --json: one object on each line.\n\nExample:\n  $ sallyport log tail --follow --app billing --refused"
    )]
    Tail {
        /// Go on until interrupted.
        #[arg(long, short)]
        follow: bool,
        /// How many of those that were already there.
        #[arg(long, short = 'n', default_value = "25", value_parser = clap::value_parser!(u16).range(0..=1000))]
        lines: u16,
        /// Only those of this application: its name, domain, id or audience tag.
        #[arg(long)]
        app: Option<String>,
        /// Only those of this service token: its name, id or Client ID.
        #[arg(long)]
        token: Option<String>,
        /// Only refusals.
        #[arg(long)]
        refused: bool,
    },
}

pub async fn run(
    Options { common, verb: Verb::Tail { follow, lines, app, token, refused } }: Options,
) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    let mut query = Vec::new();
    if let Some(app) = app {
        query.push(("application_id", lookup::id(&lookup::find(&client, &APP, &app).await?).to_owned()));
    }
    if let Some(token) = token {
        query.push(("token_id", lookup::id(&lookup::find(&client, &TOKEN, &token).await?).to_owned()));
    }
    if refused {
        query.push(("allowed", "false".to_owned()));
    }
    let mut shown = Shown::default();
    let asked = if follow { lines.max(1) } else { lines };
    if asked > 0 {
        let mut last =
            look(&client, &query, &[("direction", "desc"), ("per_page", &asked.to_string())]).await?;
        last.reverse();
        let new: Vec<Value> = last.into_iter().filter(|it| shown.is_new(it)).collect();
        let skipped = new.len().saturating_sub(lines.into());
        show(out, new.get(skipped..).unwrap_or_default())?;
    }
    if !follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(LOOK).await;
        let since = shown.since();
        let mut more = vec![("direction", "asc"), ("per_page", "1000")];
        more.extend(since.as_deref().map(|since| ("since", since)));
        match look(&client, &query, &more).await {
            Ok(next) => {
                let new: Vec<Value> = next.iter().filter(|it| shown.is_new(it)).cloned().collect();
                show(out, &new)?;
                if next.len() >= AT_ONCE && new.is_empty() {
                    return Err(Failure::failed(
                        "more decisions than can be followed: choose with --app or --token",
                    ));
                }
            }
            // What cannot be asked now may be asked later.
            Err(failure) if failure.code == Code::Unavailable => {
                failure.report(out.is_json);
            }
            Err(failure) => return Err(failure),
        }
    }
}

async fn look(client: &Client, query: &[(&str, String)], more: &[(&str, &str)]) -> Outcome<Vec<Value>> {
    let query: Vec<(&str, &str)> =
        query.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()).collect();
    match client.call(Root::Ours, Method::GET, &["decisions"], &query, None).await?.result {
        Value::Array(decisions) => Ok(decisions),
        _ => Err(Failure::failed("the API did not answer with a list")),
    }
}

/// What was shown already.
#[derive(Default)]
struct Shown {
    seen: HashSet<String>,
    order: VecDeque<String>,
    last_ms: Option<i64>,
}

impl Shown {
    fn is_new(&mut self, decision: &Value) -> bool {
        let time = decision.get("decided_at").and_then(Value::as_str).and_then(Timestamp::parse_rfc3339);
        self.last_ms = self.last_ms.max(time.map(Timestamp::as_millis));
        let text = decision.to_string();
        if !self.seen.insert(text.clone()) {
            return false;
        }
        self.order.push_back(text);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }

    fn since(&self) -> Option<String> {
        self.last_ms.map(|last| Timestamp::from_millis(last - LATE_MS).to_string())
    }
}

fn show(out: Out, decisions: &[Value]) -> Outcome {
    let line = |it: &Value| if out.is_json { format!("{it}\n") } else { render(it) };
    if decisions.is_empty() { Ok(()) } else { emit(&decisions.iter().map(line).collect::<String>()) }
}

fn render(decision: &Value) -> String {
    let of = |name: &str| clean(decision.get(name).and_then(Value::as_str).unwrap_or_default());
    let is_allowed = decision.get("allowed") == Some(&Value::Bool(true));
    let verdict = if is_allowed { "admitted" } else { "REFUSED " };
    let who = match (of("client_id"), of("credential")) {
        (id, credential) if id.is_empty() => credential,
        (id, _) => id,
    };
    format!(
        "{}  {verdict}  {:<18}  {} {}{}  {}  {who}  {}\n",
        of("decided_at"),
        of("reason"),
        of("method"),
        of("host"),
        of("path"),
        of("ip_address"),
        of("ray_id"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_is_shown_twice_and_late_reports_are_looked_for() {
        let mut shown = Shown::default();
        assert_eq!(shown.since(), None);
        let decision = |ray: &str, time: &str| json!({"ray_id": ray, "decided_at": time});
        let first = decision("1", "2026-01-01T00:00:20Z");
        assert!(shown.is_new(&first) && !shown.is_new(&first));
        assert_eq!(shown.since().unwrap(), "2026-01-01T00:00:10Z");
        assert!(shown.is_new(&decision("2", "2026-01-01T00:00:15Z")));
        assert_eq!(shown.since().unwrap(), "2026-01-01T00:00:10Z", "it does not go back");
        for ray in 0..REMEMBERED + 5 {
            shown.is_new(&decision(&format!("r{ray}"), "2026-01-01T00:00:20Z"));
        }
        assert_eq!((shown.seen.len(), shown.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn a_decision_is_one_line_whatever_its_path_holds() {
        let decision = json!({"decided_at": "2026-01-01T00:00:00Z", "allowed": false, "reason": "TOKEN_EXPIRED",
            "method": "GET", "host": "a.test", "path": "/x\u{1b}[2J", "client_id": "0a.access", "ip_address": "10.0.0.1",
            "ray_id": "7f"});
        let line = render(&decision);
        assert!(line.contains("REFUSED   TOKEN_EXPIRED") && line.ends_with("0a.access  7f\n"), "{line}");
        assert!(!line.contains('\u{1b}'));
    }
}
