use super::{Field, Shape, at_times, choice, flag, id, may, must, record, text, time, whole};

pub fn create() -> Shape {
    record("", [must("name", text("What people call it.", "deploy-bot"))].into_iter().chain(changeable()))
}

pub fn update() -> Shape {
    record("", [may("name", text("What people call it.", "deploy-bot"))].into_iter().chain(changeable()))
}

fn changeable() -> [Field; 4] {
    [
        may(
            "duration",
            text(
                "How long it is good for: a Go duration such as `8760h`, the default, or `forever`. A new one counts from now.",
                "8760h",
            ),
        ),
        may("enabled", flag("Whether it is let in; true unless something else is said.")),
        may(
            "client_secret_version",
            whole("A higher one than the stored one makes a new secret, shown in the answer.", 2),
        ),
        may(
            "previous_client_secret_expires_at",
            time("Until when the secret before is good as well. A time that has passed ends it."),
        ),
    ]
}

pub fn rotate() -> Shape {
    let says = "Until when the secret before stays good; left out: it ends now.";
    record("", [may("previous_client_secret_expires_at", time(says))])
}

pub fn shown() -> Shape {
    record("A service token.", fields())
}

/// In the answer of the call that made the secret.
pub fn shown_with_secret() -> Shape {
    record("A service token, with its secret.", fields().into_iter().chain([must("client_secret", secret())]))
}

/// In the answer of the call that may have made one.
pub fn shown_perhaps_with_secret() -> Shape {
    record("", fields().into_iter().chain([at_times("client_secret", secret())]))
}

fn secret() -> Shape {
    text("What a machine sends as `CF-Access-Client-Secret`. Never shown again.", "spst_…")
}

fn fields() -> [Field; 11] {
    [
        must("id", id("Its id.")),
        must("name", text("What people call it.", "deploy-bot")),
        must(
            "client_id",
            text("What a machine sends as `CF-Access-Client-Id`.", "88bf3b6d86161464f6509f7219099e57.access"),
        ),
        must("client_secret_version", whole("How many secrets it has had.", 1)),
        at_times("previous_client_secret_expires_at", time("Until when the secret before is good as well.")),
        must("duration", text("How long it is good for.", "8760h")),
        must("enabled", flag("Whether it is let in.")),
        must("created_at", time("When it was made.")),
        must("updated_at", time("When it was changed last.")),
        must("expires_at", time("When it ends. Far away for `forever`.")),
        at_times("last_seen_at", time("When it was let in last, to within minutes.")),
    ]
}

/// Never with the secret itself.
pub fn secret_version() -> Shape {
    let from =
        ["private_ipv4", "private_ipv6", "loopback_ipv4", "loopback_ipv6", "public_ipv4", "public_ipv6"];
    record(
        "One version of a token's secret.",
        [
            must("client_secret_version", whole("Which.", 4)),
            must("state", choice("", &["current", "previous", "ended"])),
            at_times("valid_until", time("Until when the previous one is good.")),
            at_times("restored_from_version", whole("The version that an undone rotation brought back.", 3)),
            at_times("last_used_at", time("When it was used last, to within minutes.")),
            at_times("unused_for_seconds", whole("How long that was ago.", 25_200)),
            at_times("last_used_at_gateway", text("Which gateway saw it.", "gateway-1")),
            at_times("last_used_from", choice("What kind of address it came from.", &from)),
            must("uses", whole("How often it was used.", 12)),
        ],
    )
}

/// Whatever the body says is ignored.
pub fn nothing_needed() -> Shape {
    record("Nothing.", [])
}
