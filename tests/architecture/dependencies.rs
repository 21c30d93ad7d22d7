//! Rules over the dependencies. A new crate is added to [`MAY_USE`], a new I/O library to [`OWNERS`].

use crate::workspace::{crates, sources};
use std::collections::{BTreeMap, BTreeSet};

/// The crates of the house that each may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("proto", &[]),
    ("local-servers", &[]),
    ("feed-model", &[]),
    ("feed-simulation", &["model", "proto", "bus", "change-feed", "revocation"]),
    ("policy", &["model"]),
    ("session-token", &["model"]),
    ("database", &["model", "telemetry"]),
    ("cache", &["model"]),
    ("bus", &["model", "telemetry"]),
    ("telemetry", &["model"]),
    ("change-feed", &["model", "proto", "database", "bus", "telemetry"]),
    ("audit", &["model", "proto", "database", "service-kit"]),
    ("directory", &["model", "policy", "proto", "change-feed"]),
    ("revocation", &["model", "proto", "change-feed", "session-token"]),
    ("service-kit", &["model", "proto", "telemetry"]),
    (
        "token-registry",
        &["service-kit", "model", "proto", "database", "cache", "bus", "change-feed", "audit"],
    ),
    (
        "policy-evaluator",
        &["service-kit", "model", "proto", "database", "bus", "change-feed", "audit", "policy", "directory"],
    ),
    (
        "session-issuer",
        &[
            "service-kit",
            "model",
            "proto",
            "database",
            "bus",
            "change-feed",
            "audit",
            "session-token",
            "revocation",
            // How a domain covers a host, and nothing of what the policies say.
            "policy",
        ],
    ),
    ("notifier", BACKEND),
    // No database and no cache: what it knows, it knows from the feeds.
    (
        "edge-gateway",
        &[
            "service-kit",
            "telemetry",
            "model",
            "proto",
            "bus",
            "policy",
            "session-token",
            "change-feed",
            "directory",
            "revocation",
        ],
    ),
    // It keeps nothing: it reaches the services by their own calls alone.
    ("admin-api", &["service-kit", "telemetry", "model", "proto", "session-token"]),
];

const BACKEND: &[&str] =
    &["service-kit", "model", "proto", "database", "cache", "bus", "change-feed", "audit"];

/// What may use everything: the program, its measurement, its proof, and the search for inputs that break its parsers.
const ROOTS: [&str; 4] = ["bench", "fuzz", "prove", ROOT];
const ROOT: &str = "sallyport";

const SERVICES: [&str; 6] =
    ["token-registry", "policy-evaluator", "session-issuer", "notifier", "edge-gateway", "admin-api"];

/// Libraries that reach out of the process, by the beginning of their name, and who may use them.
const OWNERS: &[(&str, &[&str])] = &[
    ("sqlx", &["database"]),
    ("redis", &["cache"]),
    ("async-nats", &["bus"]),
    ("jsonwebtoken", &["session-token"]),
    ("opentelemetry", &["telemetry"]),
    ("tracing-subscriber", &["telemetry"]),
    ("metrics-exporter-prometheus", &["telemetry"]),
    ("lettre", &["notifier"]),
    ("reqwest", &["notifier", ROOT]),
    ("maxminddb", &["edge-gateway"]),
    ("config", &["service-kit"]),
    ("tonic-health", &["service-kit"]),
    ("tonic-reflection", &["service-kit"]),
    ("tonic-types", &["service-kit"]),
    ("x509-parser", &["service-kit", "edge-gateway", "policy-evaluator"]),
    ("rustls-native-certs", &["edge-gateway"]),
    ("rcgen", &["session-token", ROOT]),
    ("anyhow", &["local-servers", "bench", "prove", ROOT]),
    ("tempfile", &["local-servers", "bench", "prove"]),
];

#[test]
fn every_crate_has_its_place_and_uses_nothing_else() {
    let allowed: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let crates = crates();
    let mut problems = Vec::new();
    for (name, it) in crates.iter().filter(|(name, _)| !ROOTS.contains(&name.as_str())) {
        let Some(allowed) = allowed.get(name.as_str()) else {
            problems.push(format!("{name} has no place in the house"));
            continue;
        };
        let ours = it.normal.iter().filter(|dependency| crates.contains_key(*dependency));
        let wrong = ours.filter(|dependency| !allowed.contains(&dependency.as_str()));
        problems.extend(wrong.map(|dependency| format!("{name} may not use {dependency}")));
    }
    let gone = allowed.keys().filter(|name| !crates.contains_key(**name));
    problems.extend(gone.map(|name| format!("{name} has a place and is not there")));
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn services_know_each_other_only_by_their_calls() {
    let crates = crates();
    for service in SERVICES {
        let others: Vec<_> =
            SERVICES.iter().filter(|other| crates[service].normal.contains(**other)).collect();
        assert!(others.is_empty(), "{service} depends on {others:?}");
    }
    let uses_one = |name: &String| SERVICES.iter().any(|service| crates[name].normal.contains(*service));
    let users: Vec<&str> = crates.keys().filter(|name| uses_one(name)).map(String::as_str).collect();
    assert_eq!(users, ROOTS);
}

#[test]
fn each_io_library_has_its_owners() {
    let mut problems = Vec::new();
    for (library, owners) in OWNERS {
        for (name, it) in crates() {
            if it.normal.iter().any(|dependency| is_of(dependency, library))
                && !owners.contains(&name.as_str())
            {
                problems.push(format!("{name} uses {library}, which belongs to {owners:?}"));
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}

/// The library itself, or one of its family: `opentelemetry-otlp`, `opentelemetry_sdk`.
fn is_of(dependency: &str, library: &str) -> bool {
    dependency.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[test]
fn nobody_calls_backwards() {
    let crates = crates();
    let calls = |from: &str, to: &str| {
        let client = format!("{}Client", camel(to));
        sources(&crates[from].folder.join("src")).iter().any(|source| source.contains(&client))
    };
    let mut left: BTreeMap<&str, BTreeSet<&str>> = SERVICES
        .iter()
        .map(|from| (*from, SERVICES.iter().copied().filter(|to| to != from && calls(from, to)).collect()))
        .collect();
    assert!(left["edge-gateway"].contains("session-issuer"), "the search for clients finds nothing");
    // Take away whoever calls nobody that is left; a circle stays.
    while let Some(done) = left.iter().find(|(_, to)| to.is_empty()).map(|(from, _)| *from) {
        left.remove(done);
        for callees in left.values_mut() {
            callees.remove(done);
        }
    }
    assert!(left.is_empty(), "these services call each other in a circle: {left:?}");
}

/// `token-registry` is `TokenRegistry` in the sources.
fn camel(name: &str) -> String {
    let mut is_first = true;
    let mut camel = String::new();
    for letter in name.chars() {
        match letter {
            '-' => is_first = true,
            letter if is_first => {
                camel.push(letter.to_ascii_uppercase());
                is_first = false;
            }
            letter => camel.push(letter),
        }
    }
    camel
}
