use super::{Shape, anything, choice, flag, must, record, text, time};

const ID: &str = "ed17574386854bf78a67040be0a770b0";

pub fn shown() -> Shape {
    record(
        "A change, and who made it.",
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
                        must("type", text("", "api_token")),
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
