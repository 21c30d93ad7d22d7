//! The recipes of `deploy/`, with their addresses replaced.

use anyhow::{Result, bail};
use harness::World;
use local_servers::proxy::{Files, Kind};
use std::net::SocketAddr;
use std::path::Path;

/// What a recipe points to.
#[derive(Debug, Clone)]
pub struct Fronts {
    pub ext_authz: SocketAddr,
    pub forward_auth: SocketAddr,
    pub upstream: SocketAddr,
}

impl Fronts {
    pub fn of(world: &World, upstream: SocketAddr) -> Result<Self, String> {
        let address = |name: &str| {
            let text = world.printed.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
            let text = text.trim_start_matches("http://").trim_end_matches('/');
            text.parse().map_err(|_| format!("no address of {name} was printed"))
        };
        Ok(Self { ext_authz: address("ext_authz")?, forward_auth: address("forward_auth")?, upstream })
    }
}

/// Of one proxy.
pub fn files(kind: Kind, _fronts: &Fronts, _port: u16, _directory: &Path) -> Result<Files> {
    bail!("no recipe for {}", kind.name())
}
