//! What goes to standard output: the API's own JSON for programs, tables for people.

use super::exit::{Failure, Outcome};
use model::{Clock as _, SystemClock, Timestamp};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

/// A member of an object, as people see it.
pub struct Column {
    pub heading: &'static str,
    /// Its JSON pointer.
    member: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Time,
}

pub const fn text(heading: &'static str, member: &'static str) -> Column {
    Column { heading, member, kind: Kind::Text }
}

pub const fn time(heading: &'static str, member: &'static str) -> Column {
    Column { heading, member, kind: Kind::Time }
}

/// Standard output, as the command line asks for it.
#[derive(Clone, Copy)]
pub struct Out {
    pub is_json: bool,
    is_bold: bool,
    now: Timestamp,
}

impl Out {
    pub fn new(is_json: bool) -> Self {
        let wants_no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_bold = std::io::stdout().is_terminal() && !wants_no_color;
        Self { is_json, is_bold, now: SystemClock.now() }
    }

    /// One object: a line for each member.
    pub fn object(self, value: &Value, columns: &[Column]) -> Outcome {
        emit(&if self.is_json { format!("{value}\n") } else { self.render_object(value, columns) })
    }

    /// Several: a line for each of them.
    pub fn list(self, rows: &[Value], columns: &[Column]) -> Outcome {
        if self.is_json {
            return emit(&format!("{}\n", Value::Array(rows.to_vec())));
        }
        emit(&self.render_list(rows, columns))
    }

    /// For people alone, on standard error.
    pub fn note(self, text: &str) {
        if !self.is_json {
            eprintln!("{}", clean(text));
        }
    }

    fn render_object(self, value: &Value, columns: &[Column]) -> String {
        let mut lines = Vec::new();
        for column in columns {
            if value.pointer(column.member).is_some_and(|it| !it.is_null()) {
                lines.push(vec![column.heading.to_lowercase(), self.cell(value, column, false)]);
            }
        }
        align(&lines)
    }

    pub(super) fn render_list(self, rows: &[Value], columns: &[Column]) -> String {
        let mut lines = vec![columns.iter().map(|column| column.heading.to_owned()).collect::<Vec<_>>()];
        lines.extend(
            rows.iter().map(|row| columns.iter().map(|column| self.cell(row, column, true)).collect()),
        );
        let table = align(&lines);
        match table.split_once('\n') {
            Some((headings, rest)) if self.is_bold => format!("\x1b[1m{headings}\x1b[0m\n{rest}"),
            _ => table,
        }
    }

    fn cell(self, row: &Value, column: &Column, is_short: bool) -> String {
        let value = row.pointer(column.member).unwrap_or(&Value::Null);
        match (column.kind, value) {
            (Kind::Time, Value::String(time)) => self.time(time, is_short),
            (_, value) => shown(value),
        }
    }

    /// `2027-11-22 (in 364 d)`, or with the time of day.
    fn time(self, text: &str, is_short: bool) -> String {
        let Some(time) = Timestamp::parse_rfc3339(text) else { return clean(text) };
        if time >= Timestamp::FAR_FUTURE {
            return "never".to_owned();
        }
        let utc = Timestamp::from_millis(time.as_seconds() * 1000).to_string();
        let absolute = match utc.split_once('T') {
            Some((day, _)) if is_short => day.to_owned(),
            _ => utc,
        };
        format!("{absolute} ({})", relative(time.as_millis() - self.now.as_millis()))
    }
}

/// Milliseconds from now, in the nearest of one unit.
fn relative(millis: i64) -> String {
    if millis.unsigned_abs() < 1000 {
        return "now".to_owned();
    }
    let span = span(millis);
    if millis < 0 { format!("{span} ago") } else { format!("in {span}") }
}

/// Milliseconds either way, in the nearest of one unit.
pub fn span(millis: i64) -> String {
    let seconds = millis.unsigned_abs() / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", (seconds + 30) / 60),
        7_200..172_800 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} d", (seconds + 43_200) / 86_400),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => clean(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            if let Some(Value::String(name)) = members.get("name") {
                return clean(name);
            }
            let member = |(name, value): (&String, &Value)| format!("{} {}", clean(name), flat(value));
            members.iter().map(member).collect::<Vec<_>>().join("; ").trim_end().to_owned()
        }
    }
}

/// A rule's value without the object around it: `{"ip": "10.0.0.0/8"}`.
fn flat(value: &Value) -> String {
    match value {
        Value::Object(members) if members.is_empty() => String::new(),
        Value::Object(members) => members.values().map(flat).collect::<Vec<_>>().join(" "),
        Value::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join(" "),
        other => shown(other),
    }
}

/// What others have written must not move the cursor, colour the terminal or turn the text around.
pub fn clean(text: &str) -> String {
    let is_harmful = |letter: char| {
        (letter.is_control() && letter != '\n')
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if is_harmful(letter) { '\u{fffd}' } else { letter }).collect()
}

/// Columns two spaces apart.
fn align(lines: &[Vec<String>]) -> String {
    let count = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let cell = cell.replace('\n', " ");
            let _ = write!(row, "{cell:<width$}  ");
        }
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

/// A reader that has gone away has seen enough.
pub fn emit(text: &str) -> Outcome {
    emit_bytes(text.as_bytes())
}

pub fn emit_bytes(bytes: &[u8]) -> Outcome {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::failed(format!("cannot write to standard output: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: [Column; 4] = [
        text("NAME", "/name"),
        text("ENABLED", "/enabled"),
        time("EXPIRES", "/expires_at"),
        text("TAGS", "/tags"),
    ];

    fn out() -> Out {
        let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
        Out { is_json: false, is_bold: false, now }
    }

    #[test]
    fn a_list_is_a_table_with_relative_and_absolute_times() {
        let rows = [
            json!({"name": "ci", "enabled": true, "expires_at": "2027-01-01T00:00:00.5Z", "tags": []}),
            json!({"name": "deploy bot", "enabled": false, "expires_at": "2025-12-31T23:00:00Z", "tags": ["a", "b"]}),
            json!({"name": "old", "enabled": true, "expires_at": "9999-01-01T00:00:00Z"}),
        ];
        let expected = "\
NAME        ENABLED  EXPIRES                TAGS
ci          yes      2027-01-01 (in 365 d)  -
deploy bot  no       2025-12-31 (60 min ago)  a, b
old         yes      never                  -
";
        let shown = out().render_list(&rows, &COLUMNS);
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&shown), squeezed(expected));
        let starts: Vec<_> =
            shown.lines().map(|line| line.find(['E', 'y', 'n']).unwrap_or_default()).collect();
        assert_eq!(starts.len(), 4);
    }

    #[test]
    fn an_object_shows_what_it_has() {
        let token =
            json!({"name": "ci", "enabled": true, "expires_at": "2026-01-01T01:59:59.123Z", "tags": null});
        assert_eq!(
            out().render_object(&token, &COLUMNS),
            "name     ci\nenabled  yes\nexpires  2026-01-01T01:59:59Z (in 120 min)\n"
        );
    }

    #[test]
    fn a_name_cannot_paint_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\u{202e}c\rd"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        let rows = [json!({"name": "two\nlines"})];
        assert_eq!(out().render_list(&rows, &COLUMNS).lines().count(), 2);
    }

    #[test]
    fn rules_are_shown_as_they_are_typed() {
        let rules = json!([{"everyone": {}}, {"ip": {"ip": "10.0.0.0/8"}}, {"email": [{"id": "a@b"}, {"id": "c@d"}]}]);
        assert_eq!(shown(&rules), "everyone, ip 10.0.0.0/8, email a@b c@d");
    }

    #[test]
    fn spans_have_one_unit() {
        for (millis, shown) in [
            (-999, "now"),
            (-1_500, "1 s ago"),
            (119_000, "in 119 s"),
            (120_000, "in 2 min"),
            (-7_200_000, "2 h ago"),
            (86_400_000 * 30, "in 30 d"),
        ] {
            assert_eq!(relative(millis), shown);
        }
    }
}
