use super::{Shape, choice, must, nullable, record, text, time, whole, whole_within};

const KID: &str = "40e18c0a4b7d1d6a1b1b7d1b0f8c2f7d";

pub fn given() -> Shape {
    record(
        "",
        [must("key_rotation_interval_days", whole_within("Days from one rotation to the next.", 21, 365))],
    )
}

pub fn shown() -> Shape {
    record(
        "The rotation of the signing key.",
        [
            must("key_rotation_interval_days", whole("Days from one rotation to the next.", 90)),
            must("last_key_rotation_at", time("")),
            must("days_until_next_rotation", whole("A day that has begun counts.", 41)),
        ],
    )
}

pub fn life() -> Shape {
    record(
        "A key, without anything of its private part.",
        [
            must("kid", text("Its name in the key set and in each session.", KID)),
            must("algorithm", choice("", &["RS256", "ES256"])),
            must(
                "status",
                choice(
                    "`current` signs; `next` is published and will; `previous` verifies what it signed; `revoked` verifies nothing.",
                    &["current", "next", "previous", "revoked"],
                ),
            ),
            must("created_at", time("")),
            must(
                "known_outside_at",
                nullable(time(
                    "When validators outside that keep the key set know it; null before enforcement points do, and of a revoked key.",
                )),
            ),
            must("signs_since", nullable(time("Since when it signs, or signed; null if it never did."))),
            must(
                "verifies_until",
                nullable(time("When a previous key leaves the key set; null of the others.")),
            ),
            must(
                "revoked_at",
                nullable(time("Since when nothing that it signed is honoured; null of the others.")),
            ),
        ],
    )
}

pub fn revoked() -> Shape {
    record(
        "",
        [
            must("kid", text("The key that has ended.", KID)),
            must("revoked_at", time("")),
            must(
                "dropped_outside_at",
                time("When validators outside that keep the key set have dropped it."),
            ),
            must("signing_kid", text("The key that signs now.", KID)),
            must(
                "signing_kid_known_outside_at",
                time("When validators outside that keep the key set know it."),
            ),
        ],
    )
}
