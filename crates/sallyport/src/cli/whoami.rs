//! `sallyport whoami` and `sallyport doctor`.

use super::client::{Client, set};
use super::exit::{Code, Failure, Outcome};
use super::output::{Column, Out, clean, emit, text, time};
use super::target::Common;
use aws_lc_rs::digest::{SHA256, digest};
use clap::Args;
use model::{Clock as _, SystemClock, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

/// More than this apart, and times that are computed here mean something else there.
const APART_MS: i64 = 30_000;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  $ sallyport whoami")]
pub struct Whoami {
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Debug)]
#[command(
    after_help = "It ends with the code of the first fault. What the API token may not look at is skipped, by the permission it lacks.\n\nExample:\n  $ sallyport doctor --context prod"
)]
pub struct Doctor {
    #[command(flatten)]
    pub common: Common,
}

const COLUMNS: [Column; 7] = [
    text("FROM", "/origin"),
    text("ADMIN", "/admin"),
    text("ACCOUNT", "/account"),
    text("API TOKEN SHA-256", "/api_token_sha256"),
    text("API TOKEN ID", "/api_token_id"),
    text("STATUS", "/api_token_status"),
    time("EXPIRES", "/api_token_expires_on"),
];

pub async fn whoami(Whoami { common }: Whoami) -> Outcome {
    let out = Out::new(common.json);
    let client = Client::new(&common, out)?;
    let verified = client.verify().await?;
    let target = &client.target;
    // As the service's configuration names it; its beginning is enough to compare.
    let digest = hex::encode(digest(&SHA256, target.api_token.expose().as_bytes()));
    let mut shown = json!({
        "origin": target.origin,
        "admin": target.admin.as_str().trim_end_matches('/'),
        "account": target.account,
        "api_token_sha256": digest.get(..12),
    });
    add_standing(&mut shown, &verified);
    out.object(&shown, &COLUMNS)
}

/// What the answer says of the token, and no more.
fn add_standing(shown: &mut Value, verified: &Value) {
    for (member, name) in
        [("id", "api_token_id"), ("status", "api_token_status"), ("expires_on", "api_token_expires_on")]
    {
        if let Some(value) = verified.get(member) {
            set(shown, name, value.clone());
        }
    }
}

struct Finding {
    check: &'static str,
    fault: Option<Code>,
    /// It could not be looked at, which is no fault.
    is_skipped: bool,
    said: String,
}

pub async fn doctor(Doctor { common }: Doctor) -> Outcome {
    let out = Out::new(common.json);
    let findings = examine(&common, out).await;
    let rows: Vec<Value> = findings
        .iter()
        .map(|it| {
            let ok = (!it.is_skipped).then_some(it.fault.is_none());
            json!({"check": it.check, "ok": ok, "skipped": it.is_skipped, "said": it.said})
        })
        .collect();
    if out.is_json {
        emit(&format!("{}\n", Value::Array(rows)))?;
    } else {
        let mark = |it: &Finding| match (it.fault, it.is_skipped) {
            (Some(_), _) => "FAULT",
            (None, true) => "skip ",
            (None, false) => "ok   ",
        };
        let line = |it: &Finding| format!("{}  {:<7}  {}\n", mark(it), it.check, clean(&it.said));
        emit(&findings.iter().map(line).collect::<String>())?;
    }
    match findings.iter().find_map(|it| Some((it.fault?, it.check))) {
        None => Ok(()),
        Some((code, check)) => Err(Failure::new(code, format!("something is wrong: {check}"))),
    }
}

/// Each rests on the one before: the first that fails may be the last.
async fn examine(common: &Common, out: Out) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |check: &'static str, outcome: Outcome<String>| {
        let (fault, said) = match outcome {
            Ok(said) => (None, said),
            Err(failure) => (Some(failure.code), failure.message),
        };
        findings.push(Finding { check, fault, is_skipped: false, said });
        fault.is_none()
    };
    let client = match Client::new(common, out) {
        Ok(client) => client,
        Err(failure) => {
            found("setup", Err(failure));
            return findings;
        }
    };
    found("setup", Ok(format!("{}, account {}", client.target.origin, client.target.account)));
    let asked = client.date().await;
    let reached = asked.as_ref().map(|_| format!("{} answers", client.target.admin));
    if !found("reach", reached.map_err(|failure| Failure::new(failure.code, failure.message.clone()))) {
        return findings;
    }
    found("clock", clock(asked.ok().flatten().as_deref(), SystemClock.now()));
    let token = client.verify().await;
    if found("token", token.map(|_| "the API token is good for the account".to_owned())) {
        let fleet = client.send(Method::GET, &["sallyport", "v1", "fleet"], &[], None).await;
        match fleet.and_then(|answer| judge(&answer.result)) {
            // A good token that may do less: the API says which permission it lacks.
            Err(Failure { code: Code::Forbidden, message, .. }) => {
                findings.push(Finding { check: "fleet", fault: None, is_skipped: true, said: message });
            }
            judged => drop(found("fleet", judged)),
        }
    }
    findings
}

/// `date` is that of an HTTP header, which has whole seconds.
fn clock(date: Option<&str>, now: Timestamp) -> Outcome<String> {
    let there =
        date.and_then(read_date).ok_or_else(|| Failure::failed("the API does not say what time it is"))?;
    let apart = now.as_millis() - there.as_millis();
    let side = if apart < 0 { "behind" } else { "ahead of" };
    let said = format!("this machine is {} s {side} the API", apart.abs() / 1000);
    if apart.abs() <= APART_MS { Ok(said) } else { Err(Failure::failed(said)) }
}

/// `Sun, 22 Nov 2026 14:30:21 GMT`.
fn read_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|it| *it == month)? + 1;
    Timestamp::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z"))
}

fn judge(fleet: &Value) -> Outcome<String> {
    let list = |name: &str| fleet.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let name = |it: &Value, member: &str| it.get(member).and_then(Value::as_str).unwrap_or("?").to_owned();
    let away: Vec<String> = list("feeds")
        .iter()
        .filter(|it| it.get("error").is_some_and(|it| !it.is_null()))
        .map(|it| name(it, "feed"))
        .collect();
    if !away.is_empty() {
        return Err(Failure::new(Code::Unavailable, format!("cannot be asked: {}", away.join(", "))));
    }
    let is_current = |it: &&Value| it.get("state").is_some_and(|it| it == "current");
    let replicas = list("replicas");
    let others: Vec<String> =
        replicas.iter().filter(|it| !is_current(it)).map(|it| name(it, "replica")).collect();
    if others.is_empty() {
        return Ok(format!("{} replicas, all current", replicas.len()));
    }
    Err(Failure::new(
        Code::NotConfirmed,
        format!("behind, or without a lease: {} (see sallyport fleet)", others.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_api_says_of_a_token_is_shown() {
        let mut shown = json!({});
        add_standing(&mut shown, &json!({"id": "1", "status": "active"}));
        assert_eq!(shown, json!({"api_token_id": "1", "api_token_status": "active"}));
        add_standing(&mut shown, &json!({"expires_on": "2027-01-01T00:00:00Z"}));
        assert_eq!(shown["api_token_expires_on"], "2027-01-01T00:00:00Z");
    }

    #[test]
    fn a_clock_that_is_off_is_a_fault() {
        let now = Timestamp::parse_rfc3339("2026-11-22T14:30:25Z").unwrap();
        assert_eq!(
            clock(Some("Sun, 22 Nov 2026 14:30:21 GMT"), now).unwrap(),
            "this machine is 4 s ahead of the API"
        );
        let off = clock(Some("Sun, 22 Nov 2026 14:31:21 GMT"), now).unwrap_err();
        assert_eq!(off.message, "this machine is 56 s behind the API");
        assert!(clock(None, now).is_err() && clock(Some("yesterday"), now).is_err());
    }

    #[test]
    fn a_fleet_is_current_or_says_who_is_not() {
        let feed = json!({"feed": "token-registry", "error": null});
        let replica = |name: &str, state: &str| json!({"replica": name, "state": state});
        let of = |replicas: Value| json!({"feeds": [feed], "replicas": replicas});
        judge(&of(json!([replica("gw-1", "current")]))).unwrap();
        let behind = judge(&of(json!([replica("gw-1", "current"), replica("gw-2", "lapsed")]))).unwrap_err();
        assert!(behind.code == Code::NotConfirmed && behind.message.contains("gw-2"), "{behind:?}");
        let away = json!({"feeds": [{"feed": "session-issuer", "error": {"reason": "UNAVAILABLE"}}], "replicas": []});
        assert_eq!(judge(&away).unwrap_err().code, Code::Unavailable);
    }
}
