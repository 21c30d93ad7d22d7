use super::{Field, Shape, at_times, by_name, choice, list, may, must, nothing, record, text, time};
use serde_json::json;

const ID: &str = "ed17574386854bf78a67040be0a770b0";
const GROUP: &str = "bb1a7307b18cc77f50d2aa81263ee7ef";
const GROUP_NAME: &str = "Access: Service Tokens Read";

pub fn create() -> Shape {
    record(
        "",
        [
            must("name", text("What people call it.", "auditor")),
            must("policies", policies()),
            may("expires_on", time("When it ends; left out: never.")),
            may("status", status()),
            may("condition", nothing("Not supported: refused rather than ignored.")),
            may("not_before", nothing("Not supported: refused rather than ignored.")),
        ],
    )
}

pub fn update() -> Shape {
    record(
        "Changes what is given.",
        [
            may("name", text("What people call it.", "auditor")),
            may("policies", policies()),
            may("expires_on", time("When it ends. It can be moved, not removed.")),
            may("status", status()),
            may("condition", nothing("Not supported: refused rather than ignored.")),
            may("not_before", nothing("Not supported: refused rather than ignored.")),
        ],
    )
}

fn status() -> Shape {
    choice("`expired`, which a client may have read, changes nothing.", &["active", "disabled", "expired"])
}

fn policies() -> Shape {
    let group = record(
        "By `id`, or by `name` where there is none.",
        [may("id", text("", GROUP)), may("name", text("", GROUP_NAME))],
    );
    let says = "One member, `com.cloudflare.api.account.<account id>`, with the value `*`: a token is for one whole account.";
    let policy = record(
        "",
        [
            may("effect", choice("What is not allowed is denied.", &["allow"])),
            may("resources", by_name(says, choice("", &["*"]), json!({}))),
            must("permission_groups", list("", group)),
        ],
    );
    list("What it may do: together at least one permission group.", policy)
}

pub fn shown() -> Shape {
    record("An API token.", fields())
}

/// In the answer of the call that made it.
pub fn shown_with_value() -> Shape {
    let value = text("The token itself. Never shown again.", "spat_…");
    record("An API token, with its value.", fields().into_iter().chain([must("value", value)]))
}

fn fields() -> [Field; 8] {
    let group = record("", [must("id", text("", GROUP)), must("name", text("", GROUP_NAME))]);
    let policy = record(
        "",
        [
            must("id", text("", ID)),
            must("effect", choice("", &["allow"])),
            must("resources", by_name("The account.", text("", "*"), json!({}))),
            must("permission_groups", list("", group)),
        ],
    );
    [
        must("id", text("Its id.", ID)),
        must("name", text("What people call it.", "auditor")),
        must("status", choice("", &["active", "disabled", "expired"])),
        must("issued_on", time("When it was made.")),
        must("modified_on", time("When it was changed last.")),
        at_times("expires_on", time("When it ends; absent: never.")),
        at_times("last_used_on", time("When it was used last, to within minutes.")),
        must("policies", list("What it may do.", policy)),
    ]
}

pub fn value() -> Shape {
    text("The new value, shown once. The one before has ended.", "spat_…")
}

pub fn verified() -> Shape {
    record(
        "",
        [
            must("id", text("The token that asks.", ID)),
            must("status", choice("", &["active"])),
            at_times("expires_on", time("When it ends; absent: never.")),
        ],
    )
}

pub fn permission_group() -> Shape {
    record(
        "",
        [
            must("id", text("It never changes its meaning.", GROUP)),
            must("name", text("", GROUP_NAME)),
            must(
                "scopes",
                super::texts("The kinds of resources that it is for.", "com.cloudflare.api.account"),
            ),
        ],
    )
}
