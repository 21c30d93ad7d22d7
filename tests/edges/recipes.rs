//! The recipes of `deploy/`, with their three addresses replaced.

use anyhow::{Context as _, Result};
use harness::{World, root};
use local_servers::proxy::{Files, Kind};
use std::net::SocketAddr;
use std::path::Path;

/// Where a recipe listens, where its application is, and where it asks.
const LISTENS: &str = "127.0.0.1:8080";
const APPLICATION: &str = "127.0.0.1:3000";
const ASKS: &str = "127.0.0.1:9001";

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

/// Of one proxy: the first is the one that it is started with.
pub fn files(kind: Kind, fronts: &Fronts, port: u16, directory: &Path) -> Result<Files> {
    let (folder, first) = match kind {
        Kind::Envoy => ("envoy", "envoy.yaml"),
        Kind::Nginx => ("nginx", "nginx.conf"),
        Kind::Caddy => ("caddy", "Caddyfile"),
        Kind::HaProxy => ("haproxy", "haproxy.cfg"),
        Kind::Traefik => ("traefik", "traefik.yaml"),
    };
    let folder = root().join("deploy").join(folder);
    let mut files = Files::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_file() && name != "README.md" {
            files.push((name, replaced(kind, &std::fs::read_to_string(&path)?, fronts, port, directory)));
        }
    }
    files.sort_by_key(|(name, _)| name != first);
    Ok(files)
}

fn replaced(kind: Kind, text: &str, fronts: &Fronts, port: u16, directory: &Path) -> String {
    let asks = if kind == Kind::Envoy { fronts.ext_authz } else { fronts.forward_auth };
    text.replace(LISTENS, &format!("127.0.0.1:{port}"))
        .replace(APPLICATION, &fronts.upstream.to_string())
        .replace(ASKS, &asks.to_string())
        .replace("/etc/haproxy", &directory.display().to_string())
}
