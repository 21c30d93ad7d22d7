//! Spans of what is published, beneath whatever publishes it.

use telemetry::trace::{Kind, Span};

pub fn publishing(system: &'static str, subject: &str) -> Span {
    let span = Span::child(Kind::Producer, || format!("publish {subject}"));
    span.set("messaging.system", || system);
    span.set("messaging.operation.type", || "send");
    span.set("messaging.destination.name", || subject.to_owned());
    span
}
