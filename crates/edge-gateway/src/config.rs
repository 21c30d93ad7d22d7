//! What an operator may set.

mod limits;
mod passed;
mod throttle;
mod tls;
mod upstream;

use ipnet::IpNet;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use limits::Limits;
pub use passed::PassedCertificates;
pub use throttle::Throttle;
pub use tls::{Certificate, Clients, Mode, Tls};
pub use upstream::{Health, Upstream};

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
    #[serde(default)]
    pub limits: Limits,
    /// The second front; off without it.
    #[serde(default)]
    pub ext_authz: Option<ExtAuthz>,
    #[serde(default)]
    pub forward_auth: Option<ForwardAuth>,
    #[serde(flatten)]
    pub proxy: Proxy,
}

/// `[edge_gateway.ext_authz]`: where Envoy asks (gRPC in clear text, for its own network alone).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtAuthz {
    pub listen: SocketAddr,
}

/// `[edge_gateway.forward_auth]`: decisions for other proxies, over HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardAuth {
    /// Where proxies ask.
    pub listen: SocketAddr,
    /// Proxies that may ask, and whose word about the client's request counts. None by default: everybody is refused.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
    /// Header in which they name the client's country. They must set it on every request: what a client sends under this
    /// name counts otherwise.
    #[serde(default)]
    pub country_header: Option<String>,
}

/// How requests come in and go on.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Proxy {
    /// Where requests go whose host is not in `upstreams`; written as [`Upstream::url`].
    #[serde(default)]
    pub upstream: Option<String>,
    /// Where the requests of each host go.
    #[serde(default)]
    pub upstreams: Vec<Upstream>,
    /// Clients reach the gateway by https, which ends before it: cookies are `Secure`. Always so with `tls`.
    #[serde(default)]
    pub is_https: bool,
    /// `[edge_gateway.tls]`: `listen` speaks TLS, and nothing else.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// `[edge_gateway.passed_certificates]`: client certificates that other proxies pass on. None is heard without it.
    #[serde(default)]
    pub passed_certificates: Option<PassedCertificates>,
    /// Take credentials in clear text from anybody. Otherwise, without TLS here or before the gateway, only from this
    /// machine and from listed proxies: whoever sends one in clear is refused, so that nobody gets used to it.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Balancers that say in PROXY protocol (version 1 or 2) who the client is. They must; nobody else may.
    #[serde(default)]
    pub proxy_protocol_from: Vec<IpNet>,
    /// Proxies whose `X-Forwarded-For` and country header are believed. None by default.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
    /// Header in which a trusted proxy names the client's country, for example `CF-IPCountry`.
    #[serde(default)]
    pub country_header: Option<String>,
    /// Country database in `MaxMind`'s format.
    #[serde(default)]
    pub country_database: Option<PathBuf>,
    /// `[edge_gateway.decisions]`: what is told of each decision.
    #[serde(default)]
    pub decisions: crate::decisions::Settings,
    #[serde(default)]
    pub throttle: Throttle,
    /// Forward everything unjudged: the floor of a measurement. Refused outside benchmarks.
    #[serde(skip)]
    pub is_unguarded: bool,
}

impl Config {
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.proxy.problems();
        problems.extend(self.limits.problems());
        if let Some(name) = self.forward_auth.as_ref().and_then(|front| front.country_header.as_ref())
            && http::HeaderName::try_from(name).is_err()
        {
            problems
                .push(format!("edge_gateway.forward_auth.country_header: \"{name}\" is not a header name"));
        }
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
    /// Clients reach the gateway by https, here or before it.
    pub(crate) const fn is_https(&self) -> bool {
        self.is_https || self.tls.is_some()
    }

    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<_> = self.upstream.iter().filter_map(|url| url_problem(url)).collect();
        problems.extend(self.upstreams.iter().flat_map(Upstream::problems));
        problems.extend(self.tls.iter().flat_map(Tls::problems));
        problems.extend(self.passed_certificates.iter().flat_map(PassedCertificates::problems));
        if let Some(name) =
            self.country_header.as_ref().filter(|name| http::HeaderName::try_from(*name).is_err())
        {
            problems.push(format!("edge_gateway.country_header: \"{name}\" is not a header name"));
        }
        problems
    }
}

fn url_problem(url: &str) -> Option<String> {
    let is_one = crate::forward::Scheme::parse(url).is_some();
    (!is_one).then(|| {
        format!("edge_gateway.upstream: \"{url}\" is not http://host:port, https://…, h2c://… or h2://…")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn config(forward_auth: &Value) -> serde_json::Result<Config> {
        let rest =
            json!({ "listen": "127.0.0.1:1", "name": "a", "bus": "nats://b", "forward_auth": forward_auth });
        serde_json::from_value(rest)
    }

    #[test]
    fn other_proxies_are_nobody_unless_they_are_listed() {
        assert!(
            config(&json!({ "listen": "127.0.0.1:2" }))
                .unwrap()
                .forward_auth
                .unwrap()
                .trusted_proxies
                .is_empty()
        );
        let listed = config(&json!({ "listen": "127.0.0.1:2", "trusted_proxies": ["10.0.0.0/8"] })).unwrap();
        assert_eq!(
            (listed.forward_auth.as_ref().unwrap().trusted_proxies.len(), listed.problems()),
            (1, Vec::new())
        );
        for wrong in [json!({}), json!({ "listen": "127.0.0.1:2", "trusted": [] }), json!({ "listen": "2" })]
        {
            assert!(config(&wrong).is_err(), "{wrong}");
        }
        let wrong = config(&json!({ "listen": "127.0.0.1:2", "country_header": "a b" })).unwrap();
        assert!(wrong.problems()[0].contains("edge_gateway.forward_auth.country_header"));
    }
}
