//! Which threat is shown by a case, and which cannot be.

use crate::corpus;
use std::collections::BTreeSet;

/// Threats that raw requests to an edge can show.
const SHOWN: &[&str] = &[
    "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P15", "H1", "H2",
    "H3", "H4", "H5", "H6", "H7", "H8", "H9", "H10", "H11", "H12", "H13", "H14", "T1", "T3", "T4", "T5",
    "T7", "T8", "A3", "C1", "C4", "C5", "C8", "J1", "J3", "J4", "J5", "J6", "J7", "J8", "J9", "J10", "J13",
    "J15", "J16",
];

/// Threats of the same groups that need more than a request, and where they are shown.
const ELSEWHERE: &[(&str, &str)] = &[
    ("P14", "no recipe rewrites a path after the decision"),
    ("T2", "the edges of these tests speak clear text: TLS ends at the proxy"),
    ("T6", "edge-gateway: upgrade.rs, rides.rs"),
    ("T9", "edge-gateway: every request is judged by itself; no identity is bound to a connection"),
    ("T10", "early data is TLS's: the proxy's own setting"),
    ("T11", "no edge here speaks the PROXY protocol"),
    ("T12", "edge-gateway: patience.rs"),
    ("T13", "edge-gateway: is_https"),
    ("T14", "edge-gateway: the tests of the ext_authz front"),
    ("J2", "scenarios: forgery.rs"),
    ("J11", "scenarios: forgery.rs"),
    ("J12", "session-token: its own tests"),
    ("J14", "session-token: its own tests"),
    ("J17", "scenarios: keys.rs"),
    ("J18", "scenarios: keys.rs"),
    ("J19", "revocation: interleavings.rs"),
    ("C2", "sessions are signed, never chosen by a client"),
    ("C3", "scenarios: sessions.rs"),
    ("C6", "not offered"),
    ("C7", "scenarios: revocation.rs"),
];

pub fn every_threat_has_a_case() {
    let cases: BTreeSet<String> = corpus::read().into_iter().map(|case| case.id).collect();
    let shown: BTreeSet<String> = SHOWN.iter().map(|id| (*id).to_owned()).collect();
    let generated = "P15";
    let missing: Vec<_> = shown.iter().filter(|id| *id != generated && !cases.contains(*id)).collect();
    assert!(missing.is_empty(), "without a case: {missing:?}");
    let unknown: Vec<_> = cases.difference(&shown).collect();
    assert!(unknown.is_empty(), "not in the list: {unknown:?}");
    for (group, count) in [("P", 15), ("H", 14), ("T", 14), ("J", 19), ("C", 8)] {
        for number in 1..=count {
            let id = format!("{group}{number}");
            let is_elsewhere = ELSEWHERE.iter().any(|(it, _)| *it == id);
            assert!(
                shown.contains(&id) != is_elsewhere,
                "{id} is shown here or elsewhere, not both and not neither"
            );
        }
    }
}
