use super::{Shape, any_of, id, list, must, named, nothing, record, text};

pub fn given(says: &str) -> Shape {
    list(says, named("AccessRule"))
}

pub fn shown() -> Shape {
    list("", named("AccessRule"))
}

/// Exactly one selector.
pub fn rule() -> Shape {
    let with = |selector: &'static str, field: &'static str, shape: Shape| {
        record("", [must(selector, record("", [must(field, shape)]))])
    };
    let bare = |selector: &'static str, says: &str| record("", [must(selector, nothing(says))]);
    any_of(
        "An access rule: an object with exactly one selector.",
        [
            bare("everyone", "Every request."),
            with("ip", "ip", text("An address or a network.", "10.0.0.0/8")),
            with("geo", "country_code", text("ISO 3166-1 alpha-2.", "PT")),
            with("service_token", "token_id", id("This service token.")),
            bare("any_valid_service_token", "Any service token of the account."),
            bare("certificate", "Any client certificate that the gateway trusts."),
            with("common_name", "common_name", text("A client certificate of this name.", "machine-7")),
            with("email", "email", text("A person, of whom there is none.", "a@example.com")),
            with("email_domain", "domain", text("People, of whom there are none.", "example.com")),
            with("login_method", "id", id("A login, of which there is none.")),
            with("group", "id", id("What this group of rules says.")),
        ],
    )
}
