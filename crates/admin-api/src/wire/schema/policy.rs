use super::settings;
use super::{
    Field, Shape, any_of, at_times, choice, flag, id, list, may, must, only, record, rules, text, time,
    whole, whole_within,
};
use crate::wire::policy;

const DECISIONS: [&str; 4] = ["non_identity", "allow", "deny", "bypass"];

pub fn given() -> Shape {
    record("", whole_policy())
}

/// As part of an application it may say where it stands.
pub fn given_within_application() -> Shape {
    record("", whole_policy().chain([precedence()]))
}

fn whole_policy() -> impl Iterator<Item = Field> {
    let own = [
        must("name", text("What people call it.", "machines")),
        must(
            "decision",
            choice(
                "What it decides about who matches: `non_identity` is service authentication.",
                &DECISIONS,
            ),
        ),
        may("include", rules::given("At least one of these holds.")),
        may("require", rules::given("All of these hold as well.")),
        may("exclude", rules::given("None of these holds.")),
        may(
            "session_duration",
            text("Of sessions that it admits; left out or empty: the application's.", "24h"),
        ),
    ];
    own.into_iter().chain(settings::given(policy::SETTINGS))
}

fn precedence() -> Field {
    may(
        "precedence",
        whole_within("Among the application's policies the lowest is asked first.", 1, i64::from(i32::MAX)),
    )
}

/// The ordered policies of an application.
pub fn links() -> Shape {
    let link = record(
        "A reusable policy, in the form in which a response shows it as well.",
        [
            must("id", id("Its id.")),
            precedence(),
            may("reusable", flag("Says that the policy beside it is a link, however much of it is shown.")),
        ],
    );
    let inline = record(
        "A policy of this application alone.",
        whole_policy().chain([
            precedence(),
            may("id", id("Which of its own it replaces.")),
            may("reusable", only(false)),
        ]),
    );
    list(
        "In their order. Left out: they stay as they are.",
        any_of("", [id("A reusable policy."), link, inline]),
    )
}

pub fn shown() -> Shape {
    record("An Access policy.", fields())
}

pub fn shown_within_application() -> Shape {
    record("An Access policy, where it stands among an application's.", shown_fields_within_application())
}

pub fn shown_fields_within_application() -> impl Iterator<Item = Field> {
    fields().chain([must("precedence", whole("The lowest is asked first.", 1))])
}

fn fields() -> impl Iterator<Item = Field> {
    let own = [
        must("id", id("Its id.")),
        must("account_id", text("", "9eea93e0ba934a3daff15b5a8d7ddbd6")),
        must("name", text("", "machines")),
        must("decision", choice("", &DECISIONS)),
        must("include", rules::shown()),
        must("require", rules::shown()),
        must("exclude", rules::shown()),
        must("reusable", flag("Whether any application of the account may link it.")),
        must("app_count", whole("How many applications have it.", 1)),
        must("created_at", time("When it was made.")),
        must("updated_at", time("When it was changed last.")),
        at_times("session_duration", text("Of sessions that it admits.", "24h")),
    ];
    own.into_iter().chain(settings::shown(policy::SETTINGS))
}
