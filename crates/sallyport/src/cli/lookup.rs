//! Names or ids: people type the first, programs the second.

use super::client::Client;
use super::exit::{Code, Failure, Outcome};
use serde_json::Value;
use std::io::{BufRead as _, IsTerminal as _};

/// A kind of object.
pub struct Noun {
    pub word: &'static str,
    pub path: &'static [&'static str],
    /// The query by which the API itself finds one by its name; none: all are read.
    filters: &'static [&'static str],
    /// The members that name one.
    names: &'static [&'static str],
}

pub const TOKEN: Noun =
    Noun { word: "service token", path: &["access", "service_tokens"], filters: &["name"], names: &["name"] };
/// By its Client ID, which is what a client's configuration shows.
const TOKEN_BY_CLIENT_ID: Noun = Noun { filters: &[], names: &["client_id"], ..TOKEN };
pub const API_TOKEN: Noun = Noun { word: "API token", path: &["tokens"], filters: &[], names: &["name"] };
pub const APP: Noun = Noun {
    word: "application",
    path: &["access", "apps"],
    filters: &["name", "domain"],
    names: &["name", "domain"],
};
pub const POLICY: Noun =
    Noun { word: "reusable policy", path: &["access", "policies"], filters: &[], names: &["name"] };
pub const GROUP: Noun =
    Noun { word: "group", path: &["access", "groups"], filters: &["name"], names: &["name"] };
pub const ALERT: Noun =
    Noun { word: "alert", path: &["alerting", "v3", "policies"], filters: &[], names: &["name"] };
pub const WEBHOOK: Noun = Noun {
    word: "webhook",
    path: &["alerting", "v3", "destinations", "webhooks"],
    filters: &[],
    names: &["name", "url"],
};

/// The one object that is meant.
///
/// # Errors
/// [`Code::NotFound`], or [`Code::Conflict`] with the ids of all that have this name.
pub async fn find(client: &Client, noun: &Noun, given: &str) -> Outcome<Value> {
    let noun = if noun.path == TOKEN.path && given.ends_with(".access") { &TOKEN_BY_CLIENT_ID } else { noun };
    find_at(client, noun, noun.path, given).await
}

/// The same below another path, such as an application's own policies.
pub async fn find_at(client: &Client, noun: &Noun, path: &[&str], given: &str) -> Outcome<Value> {
    if is_id(given) {
        let whole: Vec<&str> = path.iter().copied().chain([given]).collect();
        match client.get(&whole, &[]).await {
            Err(failure) if failure.code == Code::NotFound => {}
            answer => return answer,
        }
    }
    let mut found = Vec::new();
    if noun.filters.is_empty() {
        found = client.list(path, &[]).await?;
    }
    for filter in noun.filters {
        found.extend(client.list(path, &[(filter, given)]).await?);
    }
    choose(noun, given, found)
}

fn choose(noun: &Noun, given: &str, found: Vec<Value>) -> Outcome<Value> {
    let is_named =
        |object: &Value| noun.names.iter().any(|name| object.get(name).is_some_and(|it| it == given));
    let mut named: Vec<Value> = found.into_iter().filter(is_named).collect();
    named.sort_by(|a, b| id(a).cmp(id(b)));
    named.dedup_by(|a, b| id(a) == id(b));
    if named.len() > 1 {
        let ids: Vec<&str> = named.iter().map(id).collect();
        let (count, word) = (named.len(), noun.word);
        return Err(Failure::new(
            Code::Conflict,
            format!("{count} have the name {given} ({word}): {}", ids.join(", ")),
        ));
    }
    named.pop().ok_or_else(|| Failure::new(Code::NotFound, format!("there is no {} {given}", noun.word)))
}

/// A UUID with or without dashes, or an audience tag.
fn is_id(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = text.bytes().filter(|byte| *byte == b'-').count();
    digits + dashes == text.len() && matches!((digits, dashes), (32, 0 | 4) | (64, 0))
}

pub fn id(object: &Value) -> &str {
    object.get("id").and_then(Value::as_str).unwrap_or_default()
}

pub fn name(object: &Value) -> &str {
    object.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()).unwrap_or_else(|| id(object))
}

/// Lets somebody at a terminal type the name of what is about to go.
///
/// # Errors
/// Something else was typed, or nobody is there to ask: then `--yes` says it.
pub fn confirm(is_sure: bool, what: &str, name: &str) -> Outcome {
    if is_sure {
        return Ok(());
    }
    let mut input = std::io::stdin().lock();
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("to {what} {name} without being asked, give --yes")));
    }
    eprint!("To {what} it, type its name, {}: ", super::output::clean(name));
    let mut typed = String::new();
    input.read_line(&mut typed).map_err(|error| Failure::failed(format!("standard input: {error}")))?;
    if typed.trim() == name {
        Ok(())
    } else {
        Err(Failure::failed("that is not its name: nothing was changed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_that_fits_several_is_refused_with_their_ids() {
        let twins = vec![json!({"id": "b", "name": "ci"}), json!({"id": "a", "name": "ci"})];
        let failure = choose(&TOKEN, "ci", twins).unwrap_err();
        assert_eq!(failure.code, Code::Conflict);
        assert!(failure.message.contains("a, b"), "{}", failure.message);
    }

    #[test]
    fn only_the_exact_name_counts() {
        let apps = vec![
            json!({"id": "1", "name": "shop", "domain": "shop.test"}),
            json!({"id": "1", "name": "shop", "domain": "shop.test"}),
            json!({"id": "2", "name": "shop 2", "domain": "two.test"}),
        ];
        assert_eq!(id(&choose(&APP, "shop", apps.clone()).unwrap()), "1");
        assert_eq!(id(&choose(&APP, "two.test", apps.clone()).unwrap()), "2");
        assert_eq!(choose(&APP, "sho", apps).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn ids_are_told_from_names() {
        for id in
            ["0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef", &"a1".repeat(32)]
        {
            assert!(is_id(id), "{id}");
        }
        for name in ["ci", "deadbeef", "", "0123456789abcdef0123456789abcdeg", "----"] {
            assert!(!is_id(name), "{name}");
        }
    }
}
