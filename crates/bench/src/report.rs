//! The table for people, and the same for programs.

use crate::Arguments;
use crate::series::Series;
use anyhow::Result;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;

/// What a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What the work costs at the least.
    Floor,
    Path,
    /// Neither: something to compare with.
    Scale,
}

/// One line of a section.
#[derive(Serialize)]
pub struct Row {
    pub role: Role,
    pub label: String,
    pub per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
    /// Processor time of the server for each request; not known everywhere.
    pub server_cpu_us: Option<f64>,
    /// Throughput by the floor's.
    pub ratio: Option<f64>,
}

impl Row {
    pub fn new(role: Role, series: &Series, floor: Option<&Series>) -> Self {
        let [p50_us, p99_us, max_us] = series.percentiles_us();
        Self {
            role,
            label: series.label.clone(),
            per_second: series.per_second(),
            p50_us,
            p99_us,
            max_us,
            server_cpu_us: series.cpu_us(),
            ratio: floor.filter(|_| role != Role::Floor).map(|floor| series.ratio(floor)),
        }
    }

    /// Measured in the load's own thread: the server had no part in it.
    #[must_use]
    pub fn of_one_core(self) -> Self {
        Self { server_cpu_us: None, ..self }
    }
}

/// One path and its floor.
#[derive(Serialize)]
pub struct Section {
    pub name: &'static str,
    pub title: String,
    pub notes: Vec<String>,
    pub rows: Vec<Row>,
}

impl Section {
    /// `width`: of the labels.
    fn write(&self, text: &mut String, width: usize) -> std::fmt::Result {
        let Self { name: _, title, notes, rows } = self;
        let (width, second, cpu) = (width + 7, "per second", "cpu µs");
        let [p50, p99, max] = ["p50 µs", "p99 µs", "max µs"];
        writeln!(text, "\n{title}")?;
        writeln!(text, "  {:width$}{second:>12}{p50:>10}{p99:>10}{max:>11}{cpu:>9}{:>8}", "", "ratio")?;
        for Row { role, label, per_second, p50_us, p99_us, max_us, server_cpu_us, ratio } in rows {
            let role = match role {
                Role::Floor => "floor",
                Role::Path => "path",
                Role::Scale => "scale",
            };
            let label = format!("{role:<7}{label}");
            let cpu = server_cpu_us.map_or_else(|| "-".to_owned(), short);
            let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let rate = grouped(*per_second);
            let [p50, p99, max] = [p50_us, p99_us, max_us].map(|us| short(*us));
            writeln!(text, "  {label:width$}{rate:>12}{p50:>10}{p99:>10}{max:>11}{cpu:>9}{ratio:>8}")?;
        }
        for note in notes {
            writeln!(text, "  {note}")?;
        }
        Ok(())
    }
}

/// One number.
#[derive(Serialize)]
pub struct Figure {
    pub label: String,
    pub unit: &'static str,
    pub value: f64,
    /// For people; empty: nothing.
    pub expected: &'static str,
}

impl Figure {
    pub fn new(label: impl Into<String>, unit: &'static str, value: f64, expected: &'static str) -> Self {
        Self { label: label.into(), unit, value, expected }
    }
}

/// Numbers that belong together.
#[derive(Serialize)]
pub struct Figures {
    pub name: &'static str,
    pub title: String,
    pub rows: Vec<Figure>,
}

/// Everything that was measured.
#[derive(Serialize)]
pub struct Report {
    pub cores: usize,
    pub rounds: u16,
    pub connections: u16,
    pub is_release: bool,
    pub sections: Vec<Section>,
    pub figures: Vec<Figures>,
}

impl Report {
    pub fn new(arguments: &Arguments) -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            rounds: arguments.rounds,
            connections: arguments.connections,
            is_release: !cfg!(debug_assertions),
            sections: Vec::new(),
            figures: Vec::new(),
        }
    }

    pub fn print(&self, json: bool) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(self.text()?.as_bytes())?;
        if json {
            writeln!(out, "{}", serde_json::to_string(self)?)?;
        }
        out.flush()?;
        Ok(())
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let Self { cores, rounds, connections: _, is_release, sections, figures } = self;
        let mut text = String::new();
        let build = if *is_release { "release build" } else { "DEBUG BUILD" };
        writeln!(text, "Sallyport, {build}, {cores} cores. Servers, upstream and load share them.")?;
        writeln!(
            text,
            "floor = the least that the same work can cost, measured in turn with the path, {rounds} rounds."
        )?;
        writeln!(
            text,
            "ratio = median over the rounds of path / floor. cpu = processor time of the server a request."
        )?;
        let labels = sections.iter().flat_map(|section| &section.rows).map(|row| row.label.len());
        let width = labels
            .chain(figures.iter().flat_map(|it| &it.rows).map(|figure| figure.label.len()))
            .max()
            .unwrap_or_default();
        for section in sections {
            section.write(&mut text, width)?;
        }
        for Figures { name: _, title, rows } in figures {
            writeln!(text, "\n{title}")?;
            for Figure { label, unit, value, expected } in rows {
                let expected =
                    if expected.is_empty() { String::new() } else { format!("   expected: {expected}") };
                writeln!(text, "  {label:<width$}{:>14} {unit}{expected}", short(*value))?;
            }
        }
        Ok(text)
    }
}

/// Three figures are all that such a measurement is worth.
fn short(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => grouped(value),
    }
}

/// Whole, with commas between thousands.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0.513, 12.34, 999.6, 1_234_567.0].map(short), ["0.51", "12.3", "1,000", "1,234,567"]);
        assert_eq!([0.0, 100.0, 12_000.0].map(grouped), ["0", "100", "12,000"]);
    }
}
