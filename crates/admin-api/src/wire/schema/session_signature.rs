use super::{Shape, choice, must, record};

/// Said and shown alike.
pub fn shape() -> Shape {
    record(
        "What signs the application's sessions.",
        [must("algorithm", choice("RS256, unless something else was chosen.", &["RS256", "ES256"]))],
    )
}
