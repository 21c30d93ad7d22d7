use super::{Shape, any_of, choice, must, record, text};

pub const ACKNOWLEDGE: &str = "requests are admitted unjudged while a gateway is cut off";

/// Said and shown alike.
pub fn shape() -> Shape {
    any_of(
        "What a gateway does with the application's requests while it is cut off.",
        [
            record("Refuses them.", [must("mode", choice("", &["closed"]))]),
            record(
                "Decides on what it knew.",
                [
                    must("mode", choice("", &["last_known_good"])),
                    must("max_staleness", text("For at most so long.", "10m")),
                ],
            ),
            record(
                "Lets them in unjudged.",
                [
                    must("mode", choice("", &["open"])),
                    must("acknowledge", text("Exactly these words.", ACKNOWLEDGE)),
                ],
            ),
        ],
    )
}
