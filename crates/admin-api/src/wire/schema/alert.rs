use super::{
    Field, Shape, anything, at_times, by_name, choice, flag, id, list, may, must, none_of, nothing, record,
    text, texts, time,
};
use crate::wire::alert::EXPIRING_TOKEN;
use serde_json::json;

pub fn create() -> Shape {
    record(
        "",
        [
            must("name", text("", "expiry")),
            must("alert_type", choice("", &[EXPIRING_TOKEN])),
            must("enabled", flag("")),
            must("mechanisms", mechanisms()),
        ]
        .into_iter()
        .chain(rest()),
    )
}

pub fn update() -> Shape {
    record(
        "Changes what is given.",
        [
            may("name", text("", "expiry")),
            may("alert_type", choice("", &[EXPIRING_TOKEN])),
            may("enabled", flag("")),
            may("mechanisms", mechanisms()),
        ]
        .into_iter()
        .chain(rest()),
    )
}

fn rest() -> [Field; 3] {
    let says = "Which service tokens; none: all of the account. Other filters are refused.";
    [
        may("description", text("", "Before the tokens of the office end")),
        may("filters", record(says, [may("token_id", list("", id("")))])),
        may("alert_interval", text("Kept and shown.", "24h")),
    ]
}

fn mechanisms() -> Shape {
    let one = |example: &str| record("", [must("id", text("", example))]);
    record(
        "Who is told.",
        [
            may("email", list("Mail addresses.", one("ops@example.com"))),
            may("webhooks", list("Webhooks, by id.", one("ed17574386854bf78a67040be0a770b0"))),
            may("pagerduty", none_of("Not supported: refused unless it is empty.", nothing(""))),
        ],
    )
}

pub fn shown() -> Shape {
    let one = || list("", record("", [must("id", text("", "ops@example.com"))]));
    record(
        "An alert policy.",
        [
            must("id", text("Its id.", "ed17574386854bf78a67040be0a770b0")),
            must("name", text("", "expiry")),
            at_times("description", text("", "")),
            must("enabled", flag("")),
            must("alert_type", choice("", &[EXPIRING_TOKEN])),
            must("mechanisms", record("", [at_times("email", one()), at_times("webhooks", one())])),
            must("created", time("")),
            must("modified", time("")),
            at_times(
                "filters",
                record("", [must("token_id", texts("", "f174e90a-fafe-4643-bbbc-4a0ed4fc8415"))]),
            ),
            at_times("alert_interval", text("", "24h")),
        ],
    )
}

pub fn delivery() -> Shape {
    record(
        "What was sent.",
        [
            must("id", text("", "ed17574386854bf78a67040be0a770b0")),
            must("policy_id", text("", "ed17574386854bf78a67040be0a770b0")),
            must("name", text("", "expiry")),
            must("description", text("", "")),
            must("alert_type", text("", EXPIRING_TOKEN)),
            must("alert_body", text("", "")),
            must("mechanism", text("", "ops@example.com")),
            must("mechanism_type", text("", "email")),
            must("sent", time("")),
        ],
    )
}

pub fn available() -> Shape {
    let option = record(
        "",
        [
            must("Key", text("", "token_id")),
            must("ComparisonOperator", text("", "==")),
            must("Optional", flag("")),
            must("AvailableValues", anything("")),
        ],
    );
    let alert = record(
        "",
        [
            must("type", text("", EXPIRING_TOKEN)),
            must("display_name", text("", "Expiring Access Service Token")),
            must("description", text("", "")),
            must("filter_options", list("", option)),
        ],
    );
    by_name("The types of alert, by product.", list("", alert), json!({}))
}

pub fn eligible() -> Shape {
    let kind =
        record("", [must("type", text("", "email")), must("eligible", flag("")), must("ready", flag(""))]);
    by_name("The kinds of destination.", list("", kind), json!({}))
}
