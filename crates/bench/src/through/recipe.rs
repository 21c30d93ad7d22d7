//! The recipes of `deploy/`, with their addresses replaced.

use anyhow::{Result, ensure};
use local_servers::proxy::{Files, Kind};
use std::net::SocketAddr;
use std::path::Path;

/// How one proxy is told to ask.
pub struct Recipe {
    pub section: &'static str,
    pub kind: Kind,
    pub asks: Asks,
    /// Name and text; it is started with the first.
    files: &'static [(&'static str, &'static str)],
    /// Where its files say that they are.
    home: &'static str,
    /// What is written otherwise for a measurement alone.
    changes: &'static [(&'static str, &'static str)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    ExtAuthz,
    ForwardAuth,
}

/// What a recipe leaves to be replaced.
#[derive(Clone, Copy)]
pub struct Addresses {
    /// Where the proxy listens.
    pub port: u16,
    /// Who decides.
    pub asked: SocketAddr,
    pub upstream: SocketAddr,
}

macro_rules! file {
    ($folder:literal, $name:literal) => {
        ($name, include_str!(concat!("../../../../deploy/", $folder, "/", $name)))
    };
}

pub const ALL: [Recipe; 2] = [
    Recipe {
        section: "through-envoy",
        kind: Kind::Envoy,
        asks: Asks::ExtAuthz,
        files: &[file!("envoy", "envoy.yaml")],
        home: "/etc/envoy",
        changes: &[],
    },
    Recipe {
        section: "through-nginx",
        kind: Kind::Nginx,
        asks: Asks::ForwardAuth,
        files: &[
            file!("nginx", "nginx.conf"),
            file!("nginx", "sallyport_http.conf"),
            file!("nginx", "sallyport_server.conf"),
            file!("nginx", "sallyport_location.conf"),
        ],
        home: "/etc/nginx",
        // The load keeps its connections, and nginx closes each after 1,000 requests.
        changes: &[("listen 127.0.0.1:8080;", "listen 127.0.0.1:8080; keepalive_requests 100000000;")],
    },
];

impl Recipe {
    /// Its files, for a proxy that reads them in this directory.
    pub fn files(&self, addresses: Addresses, directory: &Path) -> Result<Files> {
        let Addresses { port, asked, upstream } = addresses;
        let directory = directory.display().to_string();
        let replaced = |text: &str| {
            let changed =
                self.changes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
            let mut text = changed.replace(self.home, &directory);
            // Named first: a port may begin like one that is written.
            let ports = [
                (8080, "<listen>", port),
                (3000, "<upstream>", upstream.port()),
                (9001, "<asks>", asked.port()),
            ];
            for (written, name, _) in ports {
                for before in ["127.0.0.1:", "port_value: "] {
                    text = text.replace(&format!("{before}{written}"), &format!("{before}{name}"));
                }
            }
            ports.iter().fold(text, |text, (_, name, port)| text.replace(name, &port.to_string()))
        };
        let files: Files =
            self.files.iter().map(|(name, text)| ((*name).to_owned(), replaced(text))).collect();
        for port in [port, asked.port(), upstream.port()] {
            let port = port.to_string();
            ensure!(
                files.iter().any(|(_, text)| text.contains(&port)),
                "{}: an address was not replaced",
                self.section
            );
        }
        Ok(files)
    }
}
