//! What is served beside the public contract of 2024-08: every difference is in `contract/differences.txt` with its
//! reason, and `OPERATIONS.md` shows what is served.

use super::example::{alternatives, resolve};
use super::tests::document;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const THEIRS: &str = include_str!("../../../contract/contract.json");
const LISTED: &str = include_str!("../../../contract/differences.txt");
const TABLE: &str = include_str!("../../../OPERATIONS.md");

/// One line of the list: `- body | name | POST /accounts/{}/access/* | reason`.
struct Entry {
    kind: &'static str,
    name: &'static str,
    at: &'static str,
    reason: &'static str,
}

impl Entry {
    fn of(line: &'static str) -> Self {
        let parts: Vec<&str> = line.split(" | ").collect();
        let [kind, name, at, reason] = parts[..] else { panic!("four columns: {line}") };
        assert!(!reason.is_empty(), "{line}");
        Self { kind, name, at, reason }
    }

    fn is_of(&self, (kind, name, at): &(&str, String, String)) -> bool {
        self.kind == *kind && fits(self.name, name) && fits(self.at, at)
    }
}

/// `*` stands for anything, nothing included.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((first, rest)) => text.strip_prefix(first).is_some_and(|left| {
            (0..=left.len()).any(|at| left.is_char_boundary(at) && fits(rest, &left[at..]))
        }),
    }
}

fn entries() -> Vec<Entry> {
    LISTED.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Entry::of).collect()
}

/// Without the names of what is in a path.
fn bare(operation: &str) -> String {
    let parts = operation.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn theirs() -> BTreeMap<String, Value> {
    let all: BTreeMap<String, Value> = serde_json::from_str(THEIRS).unwrap();
    all.into_iter().map(|(name, it)| (bare(&name), it)).collect()
}

fn names(document: &Value, schema: &Value, into: &mut BTreeSet<String>) {
    for alternative in alternatives(document, schema) {
        let schema = resolve(document, alternative);
        if let Some(item) = schema.get("items") {
            names(document, item, into);
        }
        into.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
    }
}

/// The same members as the contract's form has.
fn ours(document: &Value) -> BTreeMap<String, (u64, [BTreeSet<String>; 3])> {
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/client/v4") else { continue };
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query =
                parameters.filter(|it| it["in"] == "query").map(|it| it["name"].as_str().unwrap().to_owned());
            let (mut body, mut result) = (BTreeSet::new(), BTreeSet::new());
            names(document, &operation["requestBody"]["content"]["application/json"]["schema"], &mut body);
            let mut responses = operation["responses"].as_object().unwrap().iter();
            let (status, response) = responses.find(|(status, _)| status.starts_with('2')).unwrap();
            names(
                document,
                &response["content"]["application/json"]["schema"]["properties"]["result"],
                &mut result,
            );
            let name = bare(&format!("{} {path}", method.to_uppercase()));
            found.insert(name, (status.parse().unwrap(), [query.collect(), body, result]));
        }
    }
    found
}

/// Kind, name, operation. `-`: the contract's and not ours; `+`: the other way round.
fn differences(document: &Value) -> Vec<(&'static str, String, String)> {
    let (theirs, ours) = (theirs(), ours(document));
    let mut found = Vec::new();
    for (at, contract) in &theirs {
        let Some((status, members)) = ours.get(at) else {
            found.push(("- operation", "*".to_owned(), at.clone()));
            continue;
        };
        if contract["status"] != *status {
            found.push(("- status", contract["status"].to_string(), at.clone()));
        }
        let kinds = [
            ("query", "- query", "+ query"),
            ("body", "- body", "+ body"),
            ("result", "- result", "+ result"),
        ];
        for ((kind, less, more), ours) in kinds.into_iter().zip(members) {
            let theirs: BTreeSet<String> = serde_json::from_value(contract[kind].clone()).unwrap();
            found.extend(theirs.difference(ours).map(|name| (less, name.clone(), at.clone())));
            found.extend(ours.difference(&theirs).map(|name| (more, name.clone(), at.clone())));
        }
    }
    let more = ours.keys().filter(|at| !theirs.contains_key(*at));
    found.extend(more.map(|at| ("+ operation", "*".to_owned(), at.clone())));
    found
}

#[tokio::test]
async fn every_difference_from_the_public_contract_is_listed_with_its_reason() {
    let found = differences(&document().await);
    let entries = entries();
    let unlisted: Vec<_> = found.iter().filter(|it| !entries.iter().any(|entry| entry.is_of(it))).collect();
    assert!(unlisted.is_empty(), "not in differences.txt:\n{unlisted:#?}");
    for entry in &entries {
        let is_true = found.iter().any(|it| entry.is_of(it));
        assert!(is_true, "no difference any more: {} | {} | {}", entry.kind, entry.name, entry.at);
    }
}

/// Every operation of the contract, and those that it does not have.
fn table(document: &Value) -> String {
    let (theirs, found, entries) = (theirs(), differences(document), entries());
    let mut table = "# Operations of the public contract\n\n\
        All that the contract's OpenAPI document of 2024-08 has, below `/client/v4`, and whether it is served. Fields that differ are in\n\
        [contract/differences.txt](contract/differences.txt) with their reasons; the tests keep both true.\n\n\
        | operation | served |\n|---|---|\n"
        .to_owned();
    let by_path =
        |at: &&String| at.split_once(' ').map(|(method, path)| (path.to_owned(), method.to_owned()));
    let mut all: Vec<&String> = theirs.keys().collect();
    all.sort_by_key(by_path);
    for at in all {
        let missing = found.iter().find(|(kind, _, it)| *kind == "- operation" && it == at);
        let reason =
            missing.and_then(|it| entries.iter().find(|entry| entry.is_of(it))).map(|entry| entry.reason);
        let served = reason.map_or("yes".to_owned(), |reason| format!("no: {reason}"));
        let _ = writeln!(table, "| `{at}` | {served} |");
    }
    table.push_str("\n## Served beside it\n\n| operation | why |\n|---|---|\n");
    for more in found.iter().filter(|(kind, ..)| *kind == "+ operation") {
        let reason = entries.iter().find(|entry| entry.is_of(more)).map_or("", |entry| entry.reason);
        let _ = writeln!(table, "| `{}` | {reason} |", more.2);
    }
    table
}

#[tokio::test]
async fn the_table_of_operations_is_true() {
    let is_same = table(&document().await) == TABLE;
    assert!(is_same, "run: cargo test -p admin-api --lib -- --ignored write_the_table_of_operations");
}

#[tokio::test]
#[ignore = "writes OPERATIONS.md"]
async fn write_the_table_of_operations() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/OPERATIONS.md");
    std::fs::write(path, table(&document().await)).unwrap();
}
