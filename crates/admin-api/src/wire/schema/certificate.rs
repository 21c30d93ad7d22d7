use super::{Shape, flag, id, list, may, must, named, record, text, texts, time};

const HOSTNAMES: &str = "Kept and shown.";

pub fn create() -> Shape {
    record(
        "",
        [
            must("name", text("", "machines")),
            must(
                "certificate",
                text("PEM of at most 20 authorities and 64 KiB.", "-----BEGIN CERTIFICATE-----\n…"),
            ),
            may("associated_hostnames", texts(HOSTNAMES, "billing.example.com")),
        ],
    )
}

pub fn update() -> Shape {
    record(
        "Host names that are not given are cleared.",
        [
            may("name", text("", "machines")),
            may("associated_hostnames", texts(HOSTNAMES, "billing.example.com")),
        ],
    )
}

pub fn settings() -> Shape {
    record("", [must("settings", list("All of them.", named("HostnameSetting")))])
}

pub fn hostname_setting() -> Shape {
    record(
        "Kept and shown.",
        [
            must("hostname", text("", "billing.example.com")),
            must("china_network", flag("")),
            must("client_certificate_forwarding", flag("")),
        ],
    )
}

pub fn shown() -> Shape {
    record(
        "Authorities of client certificates.",
        [
            must("id", id("Its id.")),
            must("name", text("", "machines")),
            must("fingerprint", text("", "SHA256 Fingerprint=…")),
            must("expires_on", time("When the first of them ends.")),
            must("associated_hostnames", texts("", "billing.example.com")),
            must("created_at", time("When it was made.")),
            must("updated_at", time("When it was changed last.")),
        ],
    )
}
