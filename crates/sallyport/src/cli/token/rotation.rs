//! Whether a rotation can be finished, and what ends it.

use super::OBJECT;
use crate::cli::client::{Change, Client, Root};
use crate::cli::exit::Outcome;
use crate::cli::lookup;
use crate::cli::output::{Column, clean, emit, span, text, time};
use model::{Clock as _, SystemClock, Timestamp};
use reqwest::Method;
use serde_json::Value;
use std::fmt::Write as _;

const SECRETS: [Column; 7] = [
    text("VERSION", "/client_secret_version"),
    text("STATE", "/state"),
    time("WORKS UNTIL", "/valid_until"),
    time("LAST USED", "/last_used_at"),
    text("AT GATEWAY", "/last_used_at_gateway"),
    text("FROM", "/last_used_from"),
    text("USES", "/uses"),
];

async fn secrets(client: &Client, token: &Value) -> Outcome<Vec<Value>> {
    let path = ["service_tokens", lookup::id(token), "secrets"];
    match client.call(Root::Ours, Method::GET, &path, &[], None).await?.result {
        Value::Array(secrets) => Ok(secrets),
        _ => Ok(Vec::new()),
    }
}

pub async fn list(client: &Client, token: &Value) -> Outcome {
    client.out.list(&secrets(client, token).await?, &SECRETS)
}

/// For people: whether somebody still uses the old secret, and what to do about it.
pub async fn say(client: &Client, token: &Value) -> Outcome {
    if client.out.is_json {
        return Ok(());
    }
    let now = SystemClock.now();
    let mut said = String::new();
    for secret in secrets(client, token).await? {
        if let Some(line) = sentence(&secret, word(token), now) {
            said.push('\n');
            said.push_str(&line);
            said.push('\n');
        }
    }
    emit(&said)
}

pub async fn finish(client: &Client, token: &Value, Change { wait }: &Change) -> Outcome {
    let path = ["service_tokens", lookup::id(token), "rotation"];
    let answer = client.call(Root::Ours, Method::DELETE, &path, &[wait.query()], None).await?;
    client.out.object(&answer.result, &OBJECT)?;
    answer.settle(&client.out)
}

pub async fn undo(client: &Client, token: &Value, Change { wait }: &Change) -> Outcome {
    let path = ["service_tokens", lookup::id(token), "rotation", "undo"];
    let answer = client.call(Root::Ours, Method::POST, &path, &[wait.query()], None).await?;
    client.out.object(&answer.result, &OBJECT)?;
    answer.settle(&client.out)
}

/// What a shell takes for one word and nothing else: the name if it is such, else the id.
fn word(token: &Value) -> &str {
    let name = lookup::name(token);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    let begins = name.bytes().next().is_some_and(is_plain);
    let is_word = begins && name.bytes().all(|byte| is_plain(byte) || byte == b'-');
    if is_word { name } else { lookup::id(token) }
}

/// Of the previous secret alone.
fn sentence(secret: &Value, name: &str, now: Timestamp) -> Option<String> {
    let word = |member: &str| secret.get(member).and_then(Value::as_str);
    if word("state") != Some("previous") {
        return None;
    }
    let version = secret.get("client_secret_version").and_then(Value::as_i64)?;
    let until = word("valid_until").unwrap_or("?");
    let mut line = format!("previous secret (version {version}) valid until {until}, ");
    match word("last_used_at").and_then(Timestamp::parse_rfc3339) {
        None => line.push_str("never used"),
        Some(last) => {
            let unused = span(now.as_millis().saturating_sub(last.as_millis()).max(0));
            let _ = write!(line, "last used {unused} ago");
            if let Some(gateway) = word("last_used_at_gateway") {
                let _ = write!(line, " at gateway {gateway}");
            }
            if let Some(from) = word("last_used_from") {
                let _ = write!(line, " from {}", address(from));
            }
            let _ = write!(line, "; unused for {unused}");
        }
    }
    let _ = write!(line, ": `sallyport token finish-rotation {name}` ends it now");
    Some(clean(&line))
}

/// `private_ipv4` in words.
fn address(class: &str) -> String {
    match class.split_once('_') {
        Some((kind, "ipv4")) => format!("a {kind} IPv4 address"),
        Some((kind, "ipv6")) => format!("a {kind} IPv6 address"),
        _ => class.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_that_a_shell_would_take_for_more_is_not_said() {
        for (name, said) in
            [("deploy-bot_2.a", "deploy-bot_2.a"), ("a; rm b", "7"), ("--yes", "7"), ("$(x)", "7")]
        {
            assert_eq!(word(&json!({"name": name, "id": "7"})), said);
        }
    }

    #[test]
    fn a_previous_secret_says_whether_it_is_still_used() {
        let now = Timestamp::parse_rfc3339("2027-01-01T12:00:00Z").unwrap();
        let mut secret = json!({
            "client_secret_version": 3, "state": "previous", "valid_until": "2027-01-02T00:00:00Z",
            "last_used_at": "2027-01-01T05:00:00Z", "last_used_at_gateway": "g1\u{1b}[2J",
            "last_used_from": "private_ipv4", "uses": 4,
        });
        assert_eq!(
            sentence(&secret, "deploy-bot", now).unwrap(),
            "previous secret (version 3) valid until 2027-01-02T00:00:00Z, last used 7 h ago at gateway g1\u{fffd}[2J \
             from a private IPv4 address; unused for 7 h: `sallyport token finish-rotation deploy-bot` ends it now"
        );
        secret.as_object_mut().unwrap().remove("last_used_at");
        assert!(sentence(&secret, "x", now).unwrap().contains("Z, never used: `sallyport"));
        secret["state"] = json!("current");
        assert_eq!(sentence(&secret, "x", now), None);
    }
}
