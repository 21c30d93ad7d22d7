//! `[[edge_gateway.upstreams]]`: the applications behind the gateway.

use serde::Deserialize;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// The application behind one host.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Exact, without port. `*`: every host that has none of its own.
    pub host: String,
    /// `http://host:port`, or `https://…`; `h2c://…`, or `h2://…`, for an application that is to be spoken to in HTTP/2,
    /// such as a gRPC server. With `https` and `h2` the application's certificate is verified.
    pub url: String,
    /// More addresses of the same application, `host:port`. Requests take turns; an address that cannot be connected to
    /// is left out for a while.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// PEM: the authorities that the application's certificate is verified by. The machine's own if unset.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
    /// Name that is asked for, and that its certificate must bear. The address's host if unset.
    #[serde(default)]
    pub server_name: Option<String>,
    /// Ask each address whether it is well.
    #[serde(default)]
    pub health: Option<Health>,
}

/// `health = { path = "/healthz" }`: each address is asked `GET path`; well is who answers 200 to 299.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    pub path: String,
    /// Seconds between two questions.
    #[serde(default = "ten")]
    pub interval_s: NonZeroU32,
    /// Seconds that an answer may take.
    #[serde(default = "two")]
    pub timeout_s: NonZeroU32,
    /// How many answers in a row it takes to be ill.
    #[serde(default = "two")]
    pub ill_after: NonZeroU32,
}

fn ten() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(9)
}

fn two() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(1)
}

impl Upstream {
    pub(super) fn problems(&self) -> Vec<String> {
        let Self { host, url, health, server_name, .. } = self;
        let mut problems = super::url_problem(url).into_iter().collect::<Vec<_>>();
        let is_address = |address: &&String| crate::forward::Scheme::address(address).is_some();
        for address in self.addresses.iter().filter(|address| !is_address(address)) {
            problems.push(format!("edge_gateway.upstreams \"{host}\": \"{address}\" is not host:port"));
        }
        if health.as_ref().is_some_and(|health| health.path.parse::<http::uri::PathAndQuery>().is_err()) {
            problems.push(format!("edge_gateway.upstreams \"{host}\": health.path is not a path"));
        }
        let is_named = |name: &String| rustls::pki_types::ServerName::try_from(name.as_str()).is_ok();
        if server_name.as_ref().is_some_and(|name| !is_named(name)) {
            problems.push(format!("edge_gateway.upstreams \"{host}\": server_name is not a name"));
        }
        problems
    }
}
