use super::{Shape, anything, at_times, choice, flag, must, record, text, time, whole};

const ID: &str = "ed17574386854bf78a67040be0a770b0";

pub fn shown() -> Shape {
    record(
        "A change or what was refused, and who asked for it.",
        [
            must("id", text("", ID)),
            must("when", time("")),
            must("action", record("", [must("type", text("", "update")), must("result", flag(""))])),
            must(
                "actor",
                record(
                    "",
                    [
                        must("id", text("The API token.", ID)),
                        must("name", text("", "auditor")),
                        must("type", choice("", &["admin", "user", "Cloudflare"])),
                        must("kind", text("What it is exactly.", "api_token")),
                        must("ip", text("Of the connection.", "192.0.2.1")),
                    ],
                ),
            ),
            must("interface", choice("", &["API"])),
            must(
                "metadata",
                record(
                    "",
                    [
                        must("request_id", text("", ID)),
                        must("user_agent", text("The product alone.", "curl/8.5.0")),
                        at_times("status", whole("Of what was refused: the answer's status.", 403)),
                        at_times("error_code", whole("Of what was refused: the answer's code.", 9109)),
                        at_times(
                            "call",
                            text("Of what was refused: method and route.", "PUT /access/apps/{app_id}"),
                        ),
                        at_times(
                            "attempts",
                            whole("Of what was refused: how many are told here together.", 1),
                        ),
                    ],
                ),
            ),
            must("resource", record("", [must("id", text("", ID)), must("type", text("", "service_token"))])),
            must("owner", record("", [must("id", text("The account.", ID))])),
            must("oldValue", text("What was there, as JSON text; empty: nothing.", "")),
            must("newValue", text("What is there, as JSON text; empty: nothing.", "")),
            must("oldValueJson", anything("The same as JSON.")),
            must("newValueJson", anything("The same as JSON.")),
        ],
    )
}
