use super::{Shape, at_times, choice, flag, id, list, must, policy, policy_test, record, text};

pub fn shown() -> Shape {
    let of_a_policy = [
        must("status", choice("", &["Success", "Failed", "Not evaluated"])),
        must("rules", policy_test::rules()),
    ];
    let policy = record("", policy::shown_fields_within_application().chain(of_a_policy));
    record(
        "",
        [
            must(
                "app_state",
                record(
                    "",
                    [
                        must("app_uid", id("The application.")),
                        must(
                            "aud",
                            text(
                                "Its audience.",
                                "f9a5081e73044638b58b668ede8005eb56347644b8934aa28f5efb095839933a",
                            ),
                        ),
                        must("hostname", text("", "billing.example.com")),
                        must("name", text("", "billing")),
                        must("policies", list("", policy)),
                        must("status", choice("Whether the caller would get in.", &["Success", "Failed"])),
                    ],
                ),
            ),
            must(
                "user_identity",
                record(
                    "Empty without a service token.",
                    [
                        at_times("service_token_id", id("")),
                        at_times("service_token_status", flag("Whether it is enabled and has not ended.")),
                    ],
                ),
            ),
        ],
    )
}
