use super::{Shape, choice, id, must, policy, record, text, whole, whole_within};

pub fn given() -> Shape {
    record("", [must("policies", policy::links())])
}

pub fn created() -> Shape {
    record("", [must("id", id("Its id.")), must("status", choice("", &["success"]))])
}

pub fn shown() -> Shape {
    let percent = |says: &str| whole_within(says, 0, 100);
    record(
        "Of the account's service tokens that are enabled and have not ended.",
        [
            must("id", id("Its id.")),
            must(
                "status",
                choice(
                    "`exceeded time`: it was not complete within ten minutes, and will not be.",
                    &["complete", "processing", "exceeded time"],
                ),
            ),
            must("percent_users_processed", percent("Of all.")),
            must("percent_approved", percent("Of those that were judged.")),
            must("percent_blocked", percent("Of those that were judged.")),
            must("percent_errored", percent("Of those that were judged.")),
            must(
                "total_users",
                whole("All; while it is processed, disabled and ended tokens are counted too.", 2),
            ),
            must("users_approved", whole("", 1)),
            must("users_blocked", whole("", 1)),
            must("users_errored", whole("", 0)),
        ],
    )
}

pub fn user() -> Shape {
    record(
        "",
        [
            must("id", id("The service token.")),
            must("email", text("Always empty: it has none.", "")),
            must("name", text("The token's name.", "deploy-bot")),
            must("status", choice("", &["approved", "blocked", "error"])),
        ],
    )
}
