use super::settings;
use super::{Field, Shape, choice, flag, may, must, record, text, time, whole_within};
use crate::wire::organization;

const INACTIVITY: &str = "service_token_inactivity";

pub fn create() -> Shape {
    record(
        "",
        [
            must("name", text("", "Example")),
            must(
                "auth_domain",
                text("The team domain, which issues the sessions.", "example.cloudflareaccess.com"),
            ),
        ]
        .into_iter()
        .chain(rest()),
    )
}

pub fn update() -> Shape {
    record(
        "Changes what is given.",
        [
            may("name", text("", "Example")),
            may(
                "auth_domain",
                text("The team domain, which issues the sessions.", "example.cloudflareaccess.com"),
            ),
        ]
        .into_iter()
        .chain(rest()),
    )
}

fn rest() -> impl Iterator<Item = Field> {
    let own = [
        may("session_duration", text("Of applications that say nothing else.", "24h")),
        may(
            "strict_service_token_auth",
            flag("Service tokens are asked for by policies of the decision `non_identity` alone."),
        ),
        may("deny_unmatched_requests", flag("Hosts of no application are refused.")),
    ];
    let says = "What becomes of service tokens that nobody uses. All three are needed.";
    let inactivity = record(
        says,
        [
            must("enabled", flag("")),
            must("inactivity_threshold_days", whole_within("", 30, 365)),
            must("action", choice("", &["disable", "delete"])),
        ],
    );
    let described = |setting: Field| {
        if setting.name == INACTIVITY { may(INACTIVITY, inactivity.clone()) } else { setting }
    };
    own.into_iter().chain(settings::given(organization::SETTINGS).map(described).collect::<Vec<_>>())
}

pub fn shown() -> Shape {
    let own = [
        must("name", text("", "Example")),
        must(
            "auth_domain",
            text("The team domain, which issues the sessions.", "example.cloudflareaccess.com"),
        ),
        must("session_duration", text("", "24h")),
        must("strict_service_token_auth", flag("")),
        must("deny_unmatched_requests", flag("")),
        must("created_at", time("When it was made.")),
        must("updated_at", time("When it was changed last.")),
    ];
    record("The organization of an account.", own.into_iter().chain(settings::shown(organization::SETTINGS)))
}

pub fn revoke_user() -> Shape {
    record("", [must("email", text("A person, of whom there is none.", "a@example.com"))])
}

pub fn nothing_revoked() -> Shape {
    flag("`false`: people have no sessions here.")
}
