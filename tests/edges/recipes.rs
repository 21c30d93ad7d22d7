//! The recipes of `deploy/`, with their addresses replaced.

use anyhow::{Context as _, Result};
use harness::{World, root};
use local_servers::Search;
use local_servers::proxy::{self, Files, Kind};
use std::net::SocketAddr;
use std::path::Path;

/// One way to ask, by one proxy.
#[derive(Debug, PartialEq, Eq)]
pub struct Recipe {
    /// As the corpus writes it.
    pub name: &'static str,
    pub kind: Kind,
    /// Below `deploy/`; it is started with the first.
    files: &'static [&'static str],
    front: Front,
    /// Where its files say that they are.
    home: &'static str,
}

#[derive(Debug, PartialEq, Eq)]
enum Front {
    ExtAuthz,
    ForwardAuth,
}

pub const ALL: [Recipe; 6] = [
    Recipe {
        name: "envoy",
        kind: Kind::Envoy,
        files: &["envoy/envoy.yaml"],
        front: Front::ExtAuthz,
        home: "/etc/envoy",
    },
    Recipe {
        name: "envoy-http",
        kind: Kind::Envoy,
        files: &["envoy/http-service.yaml"],
        front: Front::ForwardAuth,
        home: "/etc/envoy",
    },
    Recipe {
        name: "nginx",
        kind: Kind::Nginx,
        files: &[
            "nginx/nginx.conf",
            "nginx/sallyport_http.conf",
            "nginx/sallyport_server.conf",
            "nginx/sallyport_location.conf",
        ],
        front: Front::ForwardAuth,
        home: "/etc/nginx",
    },
    Recipe {
        name: "caddy",
        kind: Kind::Caddy,
        files: &["caddy/Caddyfile"],
        front: Front::ForwardAuth,
        home: "/etc/caddy",
    },
    Recipe {
        name: "haproxy",
        kind: Kind::HaProxy,
        files: &["haproxy/haproxy.cfg", "haproxy/sallyport.lua"],
        front: Front::ForwardAuth,
        home: "/etc/haproxy",
    },
    Recipe {
        name: "traefik",
        kind: Kind::Traefik,
        files: &["traefik/traefik.yml", "traefik/dynamic.yml"],
        front: Front::ForwardAuth,
        home: "/etc/traefik",
    },
];

/// What a recipe points to.
#[derive(Debug, Clone)]
pub struct Fronts {
    ext_authz: SocketAddr,
    forward_auth: SocketAddr,
    upstream: SocketAddr,
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

impl Fronts {
    /// Both are this one.
    pub fn at(asked: SocketAddr, upstream: SocketAddr) -> Self {
        Self { ext_authz: asked, forward_auth: asked, upstream }
    }
}

impl Recipe {
    /// Its files, for a proxy that listens on this port and reads them in this directory.
    pub fn files(&self, fronts: &Fronts, port: u16, directory: &Path) -> Result<Files> {
        let read = |file: &&str| {
            let path = root().join("deploy").join(file);
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let name = file.rsplit('/').next().unwrap_or(file);
            Ok((name.to_owned(), self.replaced(&text, fronts, port, directory)))
        };
        self.files.iter().map(read).collect()
    }

    /// By the proxy's own judgement, where it has one.
    pub fn validate(&self) -> Result<(), String> {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        let fronts = Fronts::at(nobody, nobody);
        let configure = |port, directory: &_| self.files(&fronts, port, directory);
        proxy::validate(self.kind, &Search::workspace(), configure).map_err(|error| format!("{error:#}"))
    }

    fn replaced(&self, text: &str, fronts: &Fronts, port: u16, directory: &Path) -> String {
        let asks = match self.front {
            Front::ExtAuthz => fronts.ext_authz.port(),
            Front::ForwardAuth => fronts.forward_auth.port(),
        };
        let mut text = text.replace(self.home, &directory.display().to_string());
        // 127.0.0.1:8080, :8080 and port_value: 8080. Named first: a port may begin like one that is written.
        let ports =
            [(8080, "<listen>", port), (3000, "<upstream>", fronts.upstream.port()), (9001, "<asks>", asks)];
        for (written, name, _) in ports {
            for before in ["127.0.0.1:", " :", "//:", "port_value: "] {
                text = text.replace(&format!("{before}{written}"), &format!("{before}{name}"));
            }
        }
        ports.iter().fold(text, |text, (_, name, port)| text.replace(name, &port.to_string()))
    }
}
