use ipnet::IpNet;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[edge_gateway]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens for HTTP.
    pub listen: SocketAddr,
    /// Where it answers `/healthz` and `/readyz`.
    #[serde(default)]
    pub operations: Option<SocketAddr>,
    /// This enforcement point's name, for people. Unique among them.
    pub name: String,
    /// `nats://…`.
    pub bus: String,
    #[serde(flatten)]
    pub proxy: Proxy,
}

/// How requests come in and go on.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Proxy {
    /// Where requests go whose host is not in `upstreams`: `http://host:port`.
    #[serde(default)]
    pub upstream: Option<String>,
    /// Where the requests of each host go.
    #[serde(default)]
    pub upstreams: Vec<Upstream>,
    /// Clients reach the gateway by https: cookies are `Secure`.
    #[serde(default)]
    pub is_https: bool,
    /// Proxies whose `X-Forwarded-For` and country header are believed. None by default.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
    /// Header in which a trusted proxy names the client's country, for example `CF-IPCountry`.
    #[serde(default)]
    pub country_header: Option<String>,
    /// Country database in `MaxMind`'s format.
    #[serde(default)]
    pub country_database: Option<PathBuf>,
    /// Forward everything unjudged: the floor of a measurement. Refused outside benchmarks.
    #[serde(skip)]
    pub is_unguarded: bool,
}

/// The application behind one host.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Exact, without port.
    pub host: String,
    /// `http://host:port`.
    pub url: String,
}

impl Config {
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.proxy.problems();
        if self.bus.starts_with("memory:") {
            problems.push("edge_gateway.bus: memory: serves one process only; give nats://…".to_owned());
        }
        if self.name.is_empty() || self.name.len() > 200 {
            problems.push("edge_gateway.name: must have 1-200 characters".to_owned());
        }
        problems
    }
}

impl Proxy {
    pub fn problems(&self) -> Vec<String> {
        let urls = self.upstreams.iter().map(|upstream| &upstream.url).chain(&self.upstream);
        let mut problems: Vec<_> = urls
            .filter(|url| crate::forward::base(url).is_none())
            .map(|url| format!("edge_gateway.upstream: \"{url}\" is not http://host:port"))
            .collect();
        if let Some(name) =
            self.country_header.as_ref().filter(|name| http::HeaderName::try_from(*name).is_err())
        {
            problems.push(format!("edge_gateway.country_header: \"{name}\" is not a header name"));
        }
        problems
    }
}
