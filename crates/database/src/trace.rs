//! One span a store's call, beneath whatever asked for it. Neither statements nor parameters are said.

use telemetry::trace::{Kind, Span};

/// What [`with!`](crate::with) and [`transaction!`](crate::transaction) begin; it ends with their block. `file` and
/// `line` say where they stand.
pub fn span(system: &'static str, file: &'static str, line: u32) -> Span {
    let span = Span::child(Kind::Client, || system.to_owned());
    span.set("db.system.name", || system);
    span.set("code.file.path", || file);
    span.set("code.line.number", || i64::from(line));
    span
}
