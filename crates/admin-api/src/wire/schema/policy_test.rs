use super::{Shape, choice, flag, id, list, may, must, nullable, record, text, whole};

pub fn given() -> Shape {
    record(
        "A request that nobody has made. Other fields are refused.",
        [
            may("token_id", id("The service token that it carries.")),
            may("ip", text("Where it comes from.", "192.0.2.1")),
            may("country_code", text("ISO 3166-1 alpha-2.", "PT")),
            may("common_name", text("Of its client certificate.", "machine-7")),
        ],
    )
}

pub fn shown() -> Shape {
    record(
        "",
        [
            must("admitted", flag("Whether it would get in.")),
            must(
                "reason",
                nullable(choice(
                    "Why not.",
                    &["POLICY_NO_MATCH", "POLICY_DENIED", "TOKEN_DISABLED", "TOKEN_EXPIRED"],
                )),
            ),
            must("outcome", choice("", &["service_auth", "bypass", "allow", "deny", "no_match"])),
            must("policy_id", nullable(id("The policy that decided."))),
            must("policy_name", nullable(text("", "machines"))),
            must("session_duration_s", whole("Of the session that it would get, in seconds.", 86400)),
            must("as_of", whole("The position of the policies' feed at which it was judged.", 7)),
            must(
                "explanation",
                list(
                    "What was looked at.",
                    record(
                        "",
                        [
                            must("policy_id", id("")),
                            must("policy_name", text("", "machines")),
                            must(
                                "decision",
                                nullable(choice("", &["non_identity", "allow", "deny", "bypass"])),
                            ),
                            must("matched", flag("")),
                            must("rules", rules()),
                        ],
                    ),
                ),
            ),
        ],
    )
}

/// Rules that were looked at, and whether each held.
pub fn rules() -> Shape {
    list(
        "Every rule that was looked at.",
        record(
            "",
            [
                must("list", text("`include`, `require` or `exclude`.", "include")),
                must("index", whole("From 0.", 0)),
                must("rule", text("", "ip 10.0.0.0/8")),
                must("held", flag("")),
            ],
        ),
    )
}
