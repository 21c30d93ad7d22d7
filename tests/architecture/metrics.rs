//! What is measured, what is alerted on and the one table of metrics agree.

use crate::workspace::{crates, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use telemetry::metrics::{Kind, METRICS, Metric};
use yaml_rust2::{Yaml, YamlLoader};

fn table() -> BTreeMap<&'static str, &'static Metric> {
    METRICS.iter().map(|metric| (metric.name, metric)).collect()
}

fn alerts_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy/prometheus")
}

/// One use of a macro: its kind, and everything between its parentheses.
struct Use<'s> {
    kind: Kind,
    arguments: &'s str,
}

fn uses(source: &str) -> Vec<Use<'_>> {
    let kinds = [("counter!(", Kind::Counter), ("gauge!(", Kind::Gauge), ("histogram!(", Kind::Histogram)];
    let mut found = Vec::new();
    for (name, kind) in kinds {
        for (start, _) in source.match_indices(name) {
            let arguments = &source[start + name.len()..];
            let mut depth = 1;
            let end = arguments.find(|letter| {
                depth += i32::from(letter == '(') - i32::from(letter == ')');
                depth == 0
            });
            // Not the end of a longer macro's name, such as `describe_counter!`.
            let is_whole = !source[..start].ends_with(|it: char| it == '_' || it.is_alphanumeric());
            found.extend(end.filter(|_| is_whole).map(|end| Use { kind, arguments: &arguments[..end] }));
        }
    }
    found
}

impl Use<'_> {
    fn problem(&self, table: &BTreeMap<&str, &Metric>) -> Option<String> {
        // A name that comes from elsewhere was a literal there, and is seen as such.
        let (name, rest) = self.arguments.trim_start().strip_prefix('"')?.split_once('"')?;
        let metric = table.get(name)?;
        if metric.kind != self.kind {
            return Some(format!("{name} is a {:?}, recorded as {:?}", metric.kind, self.kind));
        }
        let labels: BTreeSet<&str> =
            rest.match_indices("=>").filter_map(|(at, _)| rest[..at].trim_end().rsplit('"').nth(1)).collect();
        let wanted: BTreeSet<&str> = metric.labels.iter().copied().collect();
        (labels != wanted).then(|| format!("{name} has labels {wanted:?}, given {labels:?}"))
    }
}

/// Every literal that reads like a metric's name.
fn names(source: &str) -> impl Iterator<Item = &str> {
    source.split('"').filter(|text| {
        let rest = text.strip_prefix("sallyport_").unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|it| it == b'_' || it.is_ascii_lowercase())
    })
}

#[test]
fn what_is_recorded_is_in_the_table() {
    let table = table();
    let mut problems = Vec::new();
    let mut seen = 0;
    for (name, it) in crates() {
        for source in sources(&it.folder.join("src")) {
            let unknown = names(&source).filter(|it| !table.contains_key(it));
            problems.extend(unknown.map(|unknown| format!("{name}: {unknown} is not in the table")));
            let uses = uses(&source);
            seen += uses.len();
            problems.extend(
                uses.iter().filter_map(|it| it.problem(&table)).map(|problem| format!("{name}: {problem}")),
            );
        }
    }
    assert_eq!(problems, Vec::<String>::new());
    assert!(seen > 2, "the search finds nothing");
}

#[test]
fn the_search_sees_a_wrong_use() {
    let table = table();
    let problem = |source: &str| uses(source)[0].problem(&table);
    let good = "counter!(\n    \"sallyport_fallbacks_total\",\n    \"mode\" => mode(x),\n).increment(1)";
    assert_eq!(problem(good), None);
    for wrong in [
        "gauge!(\"sallyport_fallbacks_total\", \"mode\" => mode).set(1)",
        "counter!(\"sallyport_fallbacks_total\", \"host\" => host).increment(1)",
    ] {
        assert!(problem(wrong).is_some(), "{wrong}");
    }
    assert!(uses("describe_counter!(\"x\")").is_empty());
    assert!(names("self.count(\"sallyport_nothing_total\")").any(|it| !table.contains_key(it)));
}

/// Every rule of the file, as YAML.
fn rules() -> Vec<Yaml> {
    let text = std::fs::read_to_string(alerts_folder().join("sallyport.rules.yml")).unwrap();
    let documents = YamlLoader::load_from_str(&text).expect("the rules are YAML");
    let groups = documents[0]["groups"].as_vec().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_vec().unwrap().clone()).collect()
}

/// The words of an expression that look like a metric of ours, without what a histogram appends.
fn metrics_of(expression: &str) -> BTreeSet<&str> {
    let words = expression.split(|it: char| !(it == '_' || it.is_ascii_alphanumeric()));
    let plain = |word| {
        ["_bucket", "_sum", "_count"].iter().find_map(|it| str::strip_suffix(word, it)).unwrap_or(word)
    };
    words.filter(|word| word.starts_with("sallyport_")).map(plain).collect()
}

#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let table = table();
    let mut names = BTreeSet::new();
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap().to_owned();
        let expression = rule["expr"].as_str().unwrap();
        let asked = metrics_of(expression);
        assert!(!asked.is_empty() || expression.starts_with("up{"), "{name}: {expression}");
        for metric in asked {
            assert!(table.contains_key(metric), "{name} asks for {metric}");
        }
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        for annotation in ["summary", "runbook"] {
            let text = rule["annotations"][annotation].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name} has no {annotation}");
        }
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
    let readme = std::fs::read_to_string(alerts_folder().join("README.md")).unwrap();
    for name in names {
        assert!(readme.contains(&format!("| `{name}` |")), "the README does not explain {name}");
    }
}

#[test]
fn promtool_agrees_where_it_is_installed() {
    for arguments in
        [["check", "rules", "sallyport.rules.yml"], ["test", "rules", "sallyport.rules.test.yml"]]
    {
        match Command::new("promtool").args(arguments).current_dir(alerts_folder()).output() {
            Ok(ran) => {
                let said = [ran.stdout, ran.stderr].concat();
                assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));
            }
            Err(_) => eprintln!("promtool not installed, syntax checked by YAML only"),
        }
    }
}
