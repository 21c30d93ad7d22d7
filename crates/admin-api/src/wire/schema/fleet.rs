use super::{Shape, choice, flag, list, must, nullable, record, text, texts, time, whole};

const STATES: [&str; 3] = ["current", "behind", "lapsed"];

pub fn shown() -> Shape {
    record("", [must("feeds", list("", feed())), must("replicas", list("", replica()))])
}

fn feed() -> Shape {
    let error = record(
        "Why its owner could not be asked.",
        [must("reason", text("", "UNAVAILABLE")), must("message", text("", "token-registry is away"))],
    );
    record(
        "",
        [
            must("feed", text("The service that owns it.", "token-registry")),
            must("head", nullable(whole("The position of its last change.", 7))),
            must("error", nullable(error)),
        ],
    )
}

fn replica() -> Shape {
    record(
        "An enforcement point.",
        [
            must("replica", text("Its name.", "edge-a")),
            must("state", choice("The worst of its feeds.", &STATES)),
            must("shares_name", flag("Another one uses the same name.")),
            must("earlier_starts", whole("How many of its earlier starts are still listed.", 0)),
            must("version", nullable(text("", "0.1.0"))),
            must("feeds", list("", place())),
            must("missing", texts("Feeds that a gateway needs and does not follow.", "policy-evaluator")),
        ],
    )
}

fn place() -> Shape {
    record(
        "",
        [
            must("feed", text("", "token-registry")),
            must("state", choice("", &STATES)),
            must("incarnation", text("Of this start.", "c1f0a7")),
            must("applied", whole("The position that it has applied.", 7)),
            must("lag", whole("Positions that it has yet to apply.", 0)),
            must("is_live", flag("Whether its lease is live.")),
            must(
                "staleness_ms",
                whole(
                    "For how long it may admit on what it knew without a lease, in milliseconds; -1: without a bound.",
                    0,
                ),
            ),
            must("may_be_stale", flag("It may be admitting on what it knew.")),
            must("lease_left_ms", nullable(whole("", 4200))),
            must("last_contact_at", time("")),
            must("last_contact_ago_ms", nullable(whole("", 300))),
        ],
    )
}
