//! Each edge: our own gateway, and other people's proxies with the recipes of `deploy/`.

use crate::recipes;
use crate::recorder::Recorder;
use harness::World;
use local_servers::Search;
use local_servers::proxy::{Kind, Proxy};
use std::net::SocketAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Gateway,
    Proxy(Kind),
}

impl At {
    pub const ALL: [Self; 6] = [
        Self::Gateway,
        Self::Proxy(Kind::Envoy),
        Self::Proxy(Kind::Nginx),
        Self::Proxy(Kind::Caddy),
        Self::Proxy(Kind::HaProxy),
        Self::Proxy(Kind::Traefik),
    ];

    /// As the corpus writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Proxy(Kind::Envoy) => "envoy",
            Self::Proxy(Kind::Nginx) => "nginx",
            Self::Proxy(Kind::Caddy) => "caddy",
            Self::Proxy(Kind::HaProxy) => "haproxy",
            Self::Proxy(Kind::Traefik) => "traefik",
        }
    }

    /// Whether its answers carry the session that the front gives.
    pub fn gives_sessions(self) -> bool {
        true
    }
}

/// One that runs.
pub struct Edge {
    pub at: At,
    pub address: SocketAddr,
    /// The application behind it.
    pub recorder: Recorder,
    pub _proxy: Option<Proxy>,
}

impl Edge {
    pub async fn start(at: At, world: &World) -> Result<Self, String> {
        let At::Proxy(kind) = at else { return Err("the gateway is started with the world".to_owned()) };
        let recorder = Recorder::start().await;
        let fronts = recipes::Fronts::of(world, recorder.address)?;
        let configure = |port, directory: &_| recipes::files(kind, &fronts, port, directory);
        let proxy = Proxy::throwaway(kind, &Search::workspace(), configure).await;
        let proxy = proxy.map_err(|error| format!("{error:#}"))?;
        Ok(Self { at, address: proxy.address, recorder, _proxy: Some(proxy) })
    }
}
