use super::settings;
use super::{
    Field, Shape, at_times, choice, flag, id, list, may, must, named, none_of, nothing, policy, record, text,
    texts, time,
};
use crate::wire::application;

pub fn given() -> Shape {
    let own = [
        must("type", choice("", &["self_hosted"])),
        may("name", text("Left out: its first domain.", "billing")),
        may(
            "domain",
            text(
                "Host and path that it protects. Needed unless one of the lists is given.",
                "billing.example.com",
            ),
        ),
        may("destinations", list("The same as a list, which wins.", destination())),
        may("self_hosted_domains", texts("The same in its older form.", "billing.example.com")),
        may("policies", policy::links()),
        may(
            "session_duration",
            text("Of its sessions: a Go duration; 24h unless something else is said.", "24h"),
        ),
        may(
            "read_service_tokens_from_header",
            text("The one header that carries both halves of a credential, as JSON.", "Authorization"),
        ),
        may("service_auth_401_redirect", flag("Kept for clients that expect it.")),
        may("options_preflight_bypass", flag("Preflight requests go to the application unjudged.")),
        may("http_only_cookie_attribute", flag("Of the session cookie; true unless something else is said.")),
        may("same_site_cookie_attribute", text("Of the session cookie: `none`, `lax` or `strict`.", "lax")),
        may("path_cookie_attribute", flag("The session cookie is for the application's path alone.")),
    ];
    record("", own.into_iter().chain(settings::given(application::SETTINGS)))
}

fn destination() -> Shape {
    record(
        "",
        [
            may("type", choice("", &["public"])),
            must("uri", text("Host and path.", "billing.example.com")),
            may("overrides", none_of("Not supported: refused unless it is empty.", nothing(""))),
        ],
    )
}

pub fn shown() -> Shape {
    record("An application.", fields())
}

fn fields() -> impl Iterator<Item = Field> {
    let destination =
        record("", [must("type", choice("", &["public"])), must("uri", text("", "billing.example.com"))]);
    let own = [
        must("id", id("Its id.")),
        must("uid", id("The same.")),
        must(
            "aud",
            text(
                "The audience of its sessions: 64 hex digits that never change.",
                "f9a5081e73044638b58b668ede8005eb56347644b8934aa28f5efb095839933a",
            ),
        ),
        must("name", text("", "billing")),
        must("type", choice("", &["self_hosted"])),
        must("domain", text("The first of its domains.", "billing.example.com")),
        must("destinations", list("All of its domains.", destination)),
        must("self_hosted_domains", texts("The same.", "billing.example.com")),
        must("session_duration", text("Of its sessions.", "24h")),
        must("service_auth_401_redirect", flag("")),
        must("options_preflight_bypass", flag("")),
        must("http_only_cookie_attribute", flag("")),
        must("path_cookie_attribute", flag("")),
        at_times("read_service_tokens_from_header", text("", "Authorization")),
        at_times("same_site_cookie_attribute", text("", "lax")),
        must("policies", list("In full, in their order.", named("PolicyOfApplication"))),
        must("created_at", time("When it was made.")),
        must("updated_at", time("When it was changed last.")),
    ];
    own.into_iter().chain(settings::shown(application::SETTINGS))
}

/// Of `…/settings`.
pub fn two_settings() -> Shape {
    record(
        "",
        [
            may("allow_iframe", flag("Kept; nothing acts on it.")),
            may("skip_interstitial", flag("Kept; nothing acts on it: a gateway has no interstitial page.")),
        ],
    )
}

pub fn two_settings_shown() -> Shape {
    record(
        "",
        [
            must("allow_iframe", flag("")),
            must("skip_interstitial", flag("Kept; nothing acts on it: a gateway has no interstitial page.")),
        ],
    )
}

pub fn nothing_more() -> Shape {
    record("Nothing.", [])
}
