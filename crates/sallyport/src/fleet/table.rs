//! The fleet for people: one line for each replica and feed, marks before what is wrong, notes and a summary.

use super::answer::{Feed, Fleet, Place, Replica, State};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEADINGS: [&str; 8] = ["", "REPLICA", "VERSION", "FEED", "APPLIED", "LAG", "LEASE", "LAST CONTACT"];
/// Columns of numbers.
const TO_THE_RIGHT: [usize; 2] = [4, 5];

type Line = [String; HEADINGS.len()];

/// Ends with a line feed.
pub fn render(fleet: &Fleet) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(fleet.replicas.iter().flat_map(lines_of));
    let mut text = align(&lines);
    text.push('\n');
    for note in notes(fleet) {
        let _ = writeln!(text, "{note}");
    }
    let _ = writeln!(text, "{}", summary(fleet));
    text
}

fn lines_of(replica: &Replica) -> Vec<Line> {
    let mut places: Vec<&Place> = replica.feeds.iter().collect();
    places.sort_by(|a, b| a.feed.cmp(&b.feed));
    let mut lines: Vec<Line> = places.into_iter().map(line).collect();
    lines.extend(
        replica
            .missing
            .iter()
            .map(|feed| ["!!", "", "", feed, "-", "-", "NO LEASE", "never, or long ago"].map(str::to_owned)),
    );
    if let Some([_, name, version, ..]) = lines.first_mut() {
        name.clone_from(&replica.name);
        *version = replica.version.clone().unwrap_or_default();
    }
    lines
}

fn line(place: &Place) -> Line {
    let left =
        || place.lease_left_ms.map_or_else(|| "live".to_owned(), |left| format!("{} left", span(left)));
    let (mark, lease) = match place.state {
        State::Current => ("", left()),
        State::Behind => ("!", format!("{}, BEHIND", left())),
        State::Lapsed if place.may_be_stale => ("!!", "LAPSED, STILL ADMITS".to_owned()),
        State::Lapsed => ("!!", "LAPSED".to_owned()),
    };
    let contact = place
        .last_contact_ago_ms
        .map_or_else(|| place.last_contact_at.clone(), |ago| format!("{} ago", span(ago)));
    let (applied, lag) = (place.applied.to_string(), place.lag.to_string());
    [mark.to_owned(), String::new(), String::new(), place.feed.clone(), applied, lag, lease, contact]
}

/// A length of time in one unit.
fn span(millis: u64) -> String {
    match millis {
        0..10_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        10_000..120_000 => format!("{} s", millis / 1000),
        120_000..7_200_000 => format!("{} min", millis / 60_000),
        _ => format!("{} h", millis / 3_600_000),
    }
}

fn align(lines: &[Line]) -> String {
    let mut widths = [0; HEADINGS.len()];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            let gap = if column == 0 {
                ""
            } else if column == 1 {
                " "
            } else {
                "  "
            };
            let _ = if TO_THE_RIGHT.contains(&column) {
                write!(row, "{gap}{cell:>width$}")
            } else {
                write!(row, "{gap}{cell:<width$}")
            };
        }
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

fn notes(fleet: &Fleet) -> Vec<String> {
    let mut notes = Vec::new();
    for Feed { feed, error } in &fleet.feeds {
        if let Some(error) = error {
            notes.push(format!("{feed} cannot be asked: {} ({})", error.message, error.reason));
        }
    }
    let mut shared = BTreeMap::<&str, (u32, bool)>::new();
    for replica in fleet.replicas.iter().filter(|replica| replica.shares_name) {
        let (count, is_mixed) = shared.entry(&replica.name).or_default();
        *count += 1;
        *is_mixed |= replica.feeds.len() > 1;
    }
    for (name, (count, is_mixed)) in shared {
        let mixed = if is_mixed { "; their lines may be mixed up" } else { "" };
        notes.push(format!("{count} replicas use the name {name}: give each its own{mixed}"));
    }
    let mut earlier = BTreeMap::<&str, u64>::new();
    for replica in fleet.replicas.iter().filter(|replica| replica.earlier_starts > 0) {
        earlier.insert(&replica.name, replica.earlier_starts);
    }
    for (name, count) in earlier {
        let starts = if count == 1 { "start" } else { "starts" };
        notes.push(format!("{name}: {count} earlier {starts} in the last hour ended without a stop"));
    }
    notes
}

fn summary(fleet: &Fleet) -> String {
    let of = |state| fleet.replicas.iter().filter(move |replica| replica.state == state);
    let counted = |state, word: &str| {
        let names: Vec<&str> = of(state).map(|replica| replica.name.as_str()).collect();
        match names.as_slice() {
            [] => format!("0 {word}"),
            names => format!("{} {word} ({})", names.len(), names.join(", ")),
        }
    };
    let all = fleet.replicas.len();
    let replicas = if all == 1 { "replica" } else { "replicas" };
    let current = of(State::Current).count();
    let (behind, lapsed) = (counted(State::Behind, "behind"), counted(State::Lapsed, "lapsed"));
    format!("{all} {replicas}: {current} current, {behind}, {lapsed}")
}
