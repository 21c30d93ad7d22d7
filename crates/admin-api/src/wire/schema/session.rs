use super::{Shape, any_of, must, record, text};

const ID: &str = "7f3c5a0e9b1d4c6e8a2f4b6d8c0e1a35";

pub fn given() -> Shape {
    let by_id = record(
        "By its id: `sid` within the claim `sallyport`.",
        [must("session_id", text("32 hex digits.", ID))],
    );
    let whole = record(
        "By the session itself, which must be one of this account.",
        [must("session_jwt", text("As a gateway gave it.", "eyJhbGciOiJSUzI1NiIs…"))],
    );
    any_of("", [by_id, whole])
}

pub fn shown() -> Shape {
    record("", [must("session_id", text("The session that has ended.", ID))])
}
