//! The targets by name.

mod body;
mod broadcast;
mod canonical;
mod check_request;
mod client_address;
mod cookie;
mod credential;
mod domain;
mod duration;
mod entries;
mod framing;
mod headers;
mod identifier;
mod jwt;
mod policy;
mod proxy_protocol;
mod time;
mod usage;

/// A parser and what must hold of it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Also the name of its folder of inputs, and of its dictionary.
    pub name: &'static str,
    /// Panics where a property does not hold.
    pub run: fn(&[u8]),
    /// How many mutations `cargo test` tries: a second or two.
    pub tries: u32,
}

const fn target(name: &'static str, run: fn(&[u8]), tries: u32) -> Target {
    Target { name, run, tries }
}

/// All of them, by name.
pub const ALL: [Target; 18] = [
    target("body", body::run, 4_000),
    target("broadcast", broadcast::run, 20_000),
    target("canonical", canonical::run, 40_000),
    target("check_request", check_request::run, 20_000),
    target("client_address", client_address::run, 20_000),
    target("cookie", cookie::run, 20_000),
    target("credential", credential::run, 10_000),
    target("domain", domain::run, 10_000),
    target("duration", duration::run, 40_000),
    target("entries", entries::run, 500),
    target("framing", framing::run, 10_000),
    target("headers", headers::run, 20_000),
    target("identifier", identifier::run, 40_000),
    target("jwt", jwt::run, 2_000),
    target("policy", policy::run, 5_000),
    target("proxy_protocol", proxy_protocol::run, 20_000),
    target("time", time::run, 40_000),
    target("usage", usage::run, 20_000),
];

/// The target of that name.
pub fn find(name: &str) -> Option<Target> {
    ALL.into_iter().find(|target| target.name == name)
}
