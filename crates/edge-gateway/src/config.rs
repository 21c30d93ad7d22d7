mod throttle;

pub use throttle::Throttle;

use ipnet::IpNet;
use serde::Deserialize;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

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

/// `[edge_gateway.limits]`: how long somebody is waited for, and how much there may be at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Seconds that an application may take for the head of its answer, from the last that the client sent of its body.
    pub upstream_timeout_s: NonZeroU32,
    /// Seconds that a client may take for the head of a request, and be silent within a body.
    pub client_timeout_s: NonZeroU32,
    /// Seconds that a connection with an open stream (an event stream, a tunnel, a gRPC call) may be silent in both
    /// directions.
    pub stream_timeout_s: NonZeroU32,
    /// How many connections of clients may be open; more wait.
    pub max_connections: NonZeroU32,
    /// How many sessions are remembered that came as a JWT, so that their signature is checked once: at most 200 bytes
    /// each. And an eighth as many Client IDs and Client Secrets with the session that each was exchanged for: at most
    /// 1.6 KB each.
    pub max_sessions: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX);
        Self {
            upstream_timeout_s: number(100),
            client_timeout_s: number(30),
            stream_timeout_s: number(3600),
            max_connections: number(10_000),
            max_sessions: number(1_000_000),
        }
    }
}

impl Limits {
    pub(crate) fn upstream_timeout(&self) -> Duration {
        Duration::from_secs(self.upstream_timeout_s.get().into())
    }

    pub(crate) fn client_timeout(&self) -> Duration {
        Duration::from_secs(self.client_timeout_s.get().into())
    }

    pub(crate) fn stream_timeout(&self) -> Duration {
        Duration::from_secs(self.stream_timeout_s.get().into())
    }

    pub(crate) fn max_connections(&self) -> usize {
        usize::try_from(self.max_connections.get()).unwrap_or(usize::MAX)
    }

    pub(crate) fn max_sessions(&self) -> usize {
        usize::try_from(self.max_sessions.get()).unwrap_or(usize::MAX)
    }

    /// Pairs take as many bytes in all as sessions do.
    pub(crate) fn max_pairs(&self) -> usize {
        self.max_sessions().div_ceil(8)
    }
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
    /// Where requests go whose host is not in `upstreams`: `http://host:port`, or `h2c://host:port` for an application
    /// that is to be spoken to in HTTP/2, such as a gRPC server.
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
    /// `[edge_gateway.decisions]`: what is told of each decision.
    #[serde(default)]
    pub decisions: crate::decisions::Settings,
    #[serde(default)]
    pub throttle: Throttle,
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
    /// `http://host:port` or `h2c://host:port`.
    pub url: String,
}

impl Config {
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.proxy.problems();
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
    pub fn problems(&self) -> Vec<String> {
        let urls = self.upstreams.iter().map(|upstream| &upstream.url).chain(&self.upstream);
        let mut problems: Vec<_> = urls
            .filter(|url| crate::forward::Upstream::parse(url).is_none())
            .map(|url| format!("edge_gateway.upstream: \"{url}\" is not http://host:port or h2c://host:port"))
            .collect();
        if let Some(name) =
            self.country_header.as_ref().filter(|name| http::HeaderName::try_from(*name).is_err())
        {
            problems.push(format!("edge_gateway.country_header: \"{name}\" is not a header name"));
        }
        problems
    }
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
