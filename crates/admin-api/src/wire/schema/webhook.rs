use super::{Shape, may, must, nullable, record, text, time};

const URL: &str = "https://hooks.example.com/sallyport";

pub fn create() -> Shape {
    record(
        "",
        [
            must("name", text("", "on-call")),
            must("url", text("Where messages go. A test message must be taken.", URL)),
            may("secret", text("Sent along as `cf-webhook-auth`. Written only.", "a-long-secret")),
        ],
    )
}

pub fn update() -> Shape {
    record(
        "Changes what is given.",
        [
            may("name", text("", "on-call")),
            may("url", text("", URL)),
            may("secret", text("", "a-long-secret")),
        ],
    )
}

pub fn shown() -> Shape {
    record(
        "A destination.",
        [
            must("id", text("Its id.", "ed17574386854bf78a67040be0a770b0")),
            must("name", text("", "on-call")),
            must("url", text("", URL)),
            must("type", text("", "generic")),
            must("created_at", time("")),
            must("last_success", nullable(time(""))),
            must("last_failure", nullable(time(""))),
        ],
    )
}
