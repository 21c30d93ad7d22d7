//! `sallyport audit`: who changed what, and who was refused, newest first.

use super::client::{Client, Root, set};
use super::exit::{Failure, Outcome};
use super::output::{Column, Out, text};
use super::target::Common;
use clap::Args;
use model::{Clock as _, SystemClock, Timestamp};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// On one page; the API's most.
const PER_PAGE: usize = 1_000;

#[derive(Args, Debug)]
#[command(
    after_help = "A time is RFC 3339, or a Go duration before now.\n\nExample:\n  $ sallyport audit --since 24h --object api_token --limit 20"
)]
pub struct Options {
    #[command(flatten)]
    pub common: Common,
    /// Only what this API token did: its id.
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only what was about this object, or this kind: `service_token/ID`, `policy`.
    #[arg(long, value_name = "KIND[/ID]")]
    object: Option<String>,
    /// Only changes, or only what was refused [default: both].
    #[arg(long, value_enum, value_name = "OUTCOME")]
    outcome: Option<Of>,
    /// Only those from this time on.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those before this time.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// No more than so many [default: all].
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Success,
    Refused,
}

const COLUMNS: [Column; 6] = [
    text("WHEN", "/when"),
    text("ACTOR", "/who"),
    text("FROM", "/actor/ip"),
    text("ACTION", "/action/type"),
    text("OBJECT", "/object"),
    text("CHANGE", "/change"),
];

pub async fn run(Options { common, actor, object, outcome, since, before, limit }: Options) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    let now = SystemClock.now();
    let mut filters = Vec::new();
    if let Some(actor) = actor {
        filters.push(("actor.id", actor));
    }
    if let Some(object) = object {
        let (kind, id) = object.split_once('/').map_or((&*object, None), |(kind, id)| (kind, Some(id)));
        filters.push(("resource.type", kind.to_owned()));
        filters.extend(id.map(|id| ("resource.id", id.to_owned())));
    }
    filters.extend(outcome.map(|of| ("action.result", (of == Of::Success).to_string())));
    // The API takes an empty filter for none.
    if filters.iter().any(|(_, value)| value.is_empty()) {
        return Err(Failure::usage("--actor and --object must not be empty, nor a part of them"));
    }
    for (flag, name, given) in [("--since", "since", since), ("--before", "before", before)] {
        if let Some(given) = given {
            filters.push((name, moment(flag, &given, now)?));
        }
    }
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let records = read(&client, &filters, limit).await?;
    if out.is_json { out.list(&records, &[]) } else { out.list(&told(records), &COLUMNS) }
}

/// Page after page, up to `limit`.
async fn read(client: &Client, filters: &[(&str, String)], limit: usize) -> Outcome<Vec<Value>> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    while all.len() < limit {
        let size = PER_PAGE.min(limit - all.len()).to_string();
        let mut query: Vec<(&str, &str)> = filters.iter().map(|(name, it)| (*name, it.as_str())).collect();
        query.push(("per_page", &size));
        if !cursor.is_empty() {
            query.push(("cursor", &cursor));
        }
        let answer = client.call(Root::Contract, Method::GET, &["audit_logs"], &query, None).await?;
        let next = answer.cursor().to_owned();
        let Value::Array(records) = answer.result else {
            return Err(Failure::failed("the API did not answer with a list"));
        };
        all.extend(records);
        if next.is_empty() {
            break;
        }
        if next == cursor {
            return Err(Failure::failed("the API answered with the same page again"));
        }
        cursor = next;
    }
    Ok(all)
}

/// A time, or a duration before now.
fn moment(flag: &str, given: &str, now: Timestamp) -> Outcome<String> {
    if let Some(time) = Timestamp::parse_rfc3339(given) {
        return Ok(time.to_string());
    }
    let ago = model::duration::parse(given).ok().and_then(|it| i64::try_from(it.as_millis()).ok());
    let wrong = || {
        Failure::usage(format!(
            "{flag} {given}: must be a time such as 2026-01-01T00:00:00Z, or a duration such as 24h"
        ))
    };
    Ok(Timestamp::from_millis(now.as_millis() - ago.ok_or_else(wrong)?).to_string())
}

/// With one line of what has changed, or of how it was refused.
fn told(mut records: Vec<Value>) -> Vec<Value> {
    for record in &mut records {
        let of = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let object = format!("{}/{}", of("/resource/type"), of("/resource/id"));
        let who = if of("/actor/name").is_empty() { of("/actor/kind") } else { of("/actor/name") };
        let who = who.to_owned();
        let change = match record.pointer("/action/result") {
            Some(Value::Bool(false)) => refusal(record),
            _ => change(record.get("oldValueJson"), record.get("newValueJson")),
        };
        set(record, "who", json!(who));
        set(record, "object", json!(object));
        set(record, "change", json!(change));
    }
    records
}

/// `refused: 403 9109 (7 times)`.
fn refusal(record: &Value) -> String {
    let of =
        |name: &str| record.pointer(&format!("/metadata/{name}")).and_then(Value::as_u64).unwrap_or_default();
    let times = if of("attempts") > 1 { format!(" ({} times)", of("attempts")) } else { String::new() };
    format!("refused: {} {}{times}", of("status"), of("error_code"))
}

/// `enabled: true → false`; of what was made or has gone, its name.
fn change(before: Option<&Value>, after: Option<&Value>) -> String {
    let members = |state: Option<&Value>| state.and_then(Value::as_object).cloned().unwrap_or_default();
    let (before, after) = (members(before), members(after));
    let word = |state: &Map<String, Value>, name: &str| match state.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if before.is_empty() || after.is_empty() {
        return word(if after.is_empty() { &before } else { &after }, "name");
    }
    let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    let changed = names.filter(|name| word(&before, name) != word(&after, name));
    let line = |name: &String| format!("{name}: {} → {}", word(&before, name), word(&after, name));
    changed.map(line).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::secret::Secret;
    use super::super::target::Target;
    use super::*;
    use axum::extract::Query;
    use axum::routing::get;
    use std::collections::HashMap;
    use tokio::net::TcpListener;

    #[test]
    fn a_record_says_in_one_line_who_changed_what() {
        let record = |old: Value, new: Value| {
            json!({"when": "2026-01-01T00:00:00Z", "action": {"type": "update"},
                "actor": {"id": "7", "name": "ci\u{1b}[2J", "ip": "127.0.0.1"},
                "resource": {"type": "api_token", "id": "01"}, "oldValueJson": old, "newValueJson": new})
        };
        let (old, new) = (
            json!({"name": "auditor", "enabled": true, "expires_on": null}),
            json!({"name": "auditor", "enabled": false, "expires_on": "2027-01-01T00:00:00Z"}),
        );
        let rows =
            told(vec![record(old.clone(), new.clone()), record(Value::Null, new), record(old, Value::Null)]);
        let shown = Out::new(false).render_list(&rows, &COLUMNS);
        let lines: Vec<_> = shown.lines().skip(1).collect();
        assert!(
            lines[0].starts_with("2026-01-01T00:00:00Z  ci\u{fffd}[2J  127.0.0.1  update  api_token/01  "),
            "{shown}"
        );
        assert!(
            lines[0].ends_with("  enabled: true → false; expires_on: - → 2027-01-01T00:00:00Z"),
            "{shown}"
        );
        assert!(lines[1].ends_with("  auditor") && lines[2].ends_with("  auditor"), "{shown}");
    }

    #[test]
    fn of_what_was_refused_it_is_told_how_and_how_often() {
        let record = json!({"when": "2026-01-01T00:00:00Z", "action": {"type": "delete", "result": false},
            "actor": {"id": "", "name": "", "kind": "unknown", "ip": "192.0.2.1"}, "newValueJson": null,
            "resource": {"type": "webhook", "id": "01"}, "oldValueJson": null,
            "metadata": {"status": 401, "error_code": 10000, "attempts": 7}});
        let shown = Out::new(false).render_list(&told(vec![record]), &COLUMNS);
        let line = shown.lines().nth(1).unwrap();
        assert!(
            line.contains("  unknown  192.0.2.1  delete  webhook/01  refused: 401 10000 (7 times)"),
            "{line}"
        );
    }

    #[tokio::test]
    async fn the_cursor_is_followed_to_the_end_or_the_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = reqwest::Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let page = async |Query(asked): Query<HashMap<String, String>>| {
            let (ids, next) = match asked.get("cursor").map(String::as_str) {
                None => (vec![9, 8], "8.a"),
                Some("8.a") => (vec![7, 6], "6.a"),
                Some(_) if asked.contains_key("actor.id") => (vec![5], "6.a"),
                Some(_) => (vec![5], ""),
            };
            let size = asked["per_page"].parse().unwrap();
            let ids: Vec<i32> = ids.into_iter().take(size).collect();
            json!({"result": ids, "result_info": {"cursor": next}}).to_string()
        };
        let service = axum::Router::new().route("/client/v4/accounts/0a/audit_logs", get(page));
        let served = tokio::spawn(async move { axum::serve(listener, service).await });
        let target =
            Target { origin: String::new(), admin, account: "0a".into(), api_token: Secret::new("t") };
        let client = Client::of(target, Out::new(true)).unwrap();
        assert_eq!(read(&client, &[], usize::MAX).await.unwrap(), [9, 8, 7, 6, 5]);
        assert_eq!(read(&client, &[], 3).await.unwrap(), [9, 8, 7]);
        let endless = read(&client, &[("actor.id", "1".into())], usize::MAX).await.unwrap_err();
        assert!(endless.message.contains("the same page again"), "{endless:?}");
        served.abort();
    }

    #[test]
    fn a_time_is_absolute_or_so_long_ago() {
        let now = Timestamp::parse_rfc3339("2026-01-02T00:00:00Z").unwrap();
        for (given, time) in
            [("24h", "2026-01-01T00:00:00Z"), ("2025-12-31T23:00:00+01:00", "2025-12-31T22:00:00Z")]
        {
            assert_eq!(moment("--since", given, now).unwrap(), time);
        }
        let failure = moment("--since", "yesterday", now).unwrap_err();
        assert!(failure.message.starts_with("--since yesterday: must be"), "{failure:?}");
    }
}
