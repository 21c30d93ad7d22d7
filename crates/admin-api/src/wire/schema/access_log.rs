use super::{Shape, at_times, choice, flag, id, must, record, text, time, whole};

/// Each member only where `fields` names it, or names nothing.
pub fn access_request() -> Shape {
    record(
        "A login of a machine.",
        [
            at_times("action", choice("", &["login"])),
            at_times("allowed", flag("Whether it was let in.")),
            at_times("app_domain", text("", "billing.example.com")),
            at_times("app_uid", id("")),
            at_times("connection", choice("", &["nonidentity"])),
            at_times("created_at", time("")),
            at_times("ip_address", text("", "192.0.2.1")),
            at_times("ray_id", text("", "0f4c2ab3d1e05a77")),
            at_times("user_email", text("Empty: a machine asked.", "")),
        ],
    )
}

pub fn decision() -> Shape {
    record(
        "What a gateway decided.",
        [
            must("ray_id", text("", "0f4c2ab3d1e05a77")),
            must("decided_at", time("")),
            must("allowed", flag("")),
            must("reason", text("Empty where it was let in.", "POLICY_NO_MATCH")),
            must("application_id", id("")),
            must("application_domain", text("", "billing.example.com")),
            must("policy_id", text("Empty: none decided.", "")),
            must("credential", choice("", &["none", "pair", "session"])),
            must("token_id", text("", "")),
            must("client_id", text("", "88bf3b6d86161464f6509f7219099e57.access")),
            must("client_secret_version", whole("", 1)),
            must("ip_address", text("", "192.0.2.1")),
            must("country_code", text("", "PT")),
            must("method", text("", "GET")),
            must("host", text("", "billing.example.com")),
            must("path", text("", "/invoices")),
            must("gateway", text("", "edge-a")),
            must("duration_us", whole("What the decision took, in microseconds.", 42)),
            must("fallback", text("By which failure mode, if by one.", "")),
        ],
    )
}
