//! The table.

use crate::recorder::tally::Tally;
use crate::run::{Outcome, Row};
use std::fmt::Write as _;
use std::time::Duration;

const HEAD: [&str; 10] = [
    "fault",
    "revocations",
    "p50 ms",
    "p99 ms",
    "max ms",
    "admitted after confirmation",
    "wrongly refused",
    "late",
    "unavailable",
    "recovered in",
];

/// Above this share of the processors, other work disturbs what is measured.
const BUSY: f64 = 0.2;

/// What a run was and where.
pub struct Circumstances {
    pub date: String,
    pub commit: String,
    pub cores: usize,
    pub build: &'static str,
    pub seed: u64,
}

/// All rows, and the total.
pub fn table(outcome: &Outcome) -> Vec<[String; 10]> {
    let mut table = vec![HEAD.map(str::to_owned)];
    table.extend(outcome.rows.iter().map(cells));
    let total = outcome.rows.iter().fold(Tally::default(), |total, row| total.and(&row.tally));
    table.push(cells(&Row { name: "total".to_owned(), tally: total, missing: None }));
    table
}

fn cells(row: &Row) -> [String; 10] {
    let Row { name, tally, missing } = row;
    if let Some(why) = missing {
        let mut cells = [const { String::new() }; 10];
        let [first, second, ..] = &mut cells;
        name.clone_into(first);
        *second = format!("not run: {why}");
        return cells;
    }
    let sorted = tally.confirmations();
    let recovered = match tally.recovered {
        Some(Some(within)) => format!("{:.1} s", within.as_secs_f64()),
        Some(None) => "never".to_owned(),
        None => "-".to_owned(),
    };
    [
        name.clone(),
        tally.revocations().to_string(),
        millis(&sorted, 50),
        millis(&sorted, 99),
        millis(&sorted, 100),
        tally.wrongly_admitted.to_string(),
        tally.wrongly_refused.to_string(),
        tally.late.to_string(),
        format!("{} of {}", tally.unavailable, tally.requests),
        recovered,
    ]
}

/// Of a sorted list, the value that so many in a hundred do not exceed.
fn millis(sorted: &[Duration], percent: usize) -> String {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or_else(|| "-".to_owned(), |it| it.as_millis().to_string())
}

/// For a terminal.
pub fn text(outcome: &Outcome) -> String {
    let table = table(outcome);
    let mut widths = [0; 10];
    for row in &table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().min(64).max(*width);
        }
    }
    let mut text = String::new();
    for row in &table {
        for (index, (width, cell)) in widths.iter().zip(row).enumerate() {
            // Names to the left, figures to the right.
            let _ =
                if index == 0 { write!(text, "{cell:<width$}") } else { write!(text, "  {cell:>width$}") };
        }
        text.push('\n');
    }
    text.push('\n');
    text + &verdict(outcome) + "\n"
}

/// For documents.
pub fn markdown(outcome: &Outcome, circumstances: &Circumstances) -> String {
    let Circumstances { date, commit, cores, build, seed } = circumstances;
    let mut text = format!(
        "# Revocation under faults\n\n{date}, commit {commit}, {cores} cores, {build} build, seed {seed}.\n\n{}\n\n",
        verdict(outcome)
    );
    for (index, row) in table(outcome).iter().enumerate() {
        let _ = writeln!(text, "| {} |", row.join(" | "));
        if index == 0 {
            let _ = writeln!(text, "|---{}|", "|---:".repeat(HEAD.len() - 1));
        }
    }
    text
}

fn verdict(outcome: &Outcome) -> String {
    let total = outcome.rows.iter().fold(Tally::default(), |total, row| total.and(&row.tally));
    let (asked, buried) = outcome.graves;
    let faults = outcome.rows.iter().filter(|row| row.missing.is_none()).count().saturating_sub(1);
    let mut text = format!(
        "{} revocations under {faults} faults in {:.1} min; {} requests, {} of them admitted. {asked} of {buried} dead \
         credentials were asked for again until the end.",
        outcome.revocations,
        outcome.took.as_secs_f64() / 60.0,
        total.requests,
        total.admitted,
    );
    if let Some(others) = outcome.others {
        let _ = write!(text, " Other work used {:.0} % of the processors.", others * 100.0);
        if others > BUSY {
            text += " That is much: times, and what is late, say little.";
        }
    }
    if outcome.interrupted {
        text += " INTERRUPTED: what was not reached was not proved.";
    }
    text += if outcome.is_clean() { " No violation." } else { " VIOLATIONS: see the evidence." };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let sorted: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!([50, 99, 100].map(|percent| millis(&sorted, percent)), ["50", "99", "100"]);
        assert_eq!(millis(&sorted[..1], 50), "1");
        assert_eq!(millis(&[], 99), "-");
    }

    #[test]
    fn a_fault_that_was_not_tried_says_so_and_counts_nothing() {
        let missing = Some("no reason".to_owned());
        let row = Row { name: "clock".to_owned(), tally: Tally::default(), missing };
        assert_eq!(cells(&row)[1], "not run: no reason");
        assert!(cells(&row)[5].is_empty());
    }
}
