//! Addresses and ports.

use crate::dev::state::State;
use anyhow::{Context as _, Result};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use tokio::net::TcpListener;

/// Where things are.
pub struct Places {
    /// The first is the team domain's.
    pub gateways: Vec<SocketAddr>,
    /// The team domain's URL, if it is not the first gateway's own.
    pub team_domain: Option<String>,
    /// Where the first gateway answers Envoy.
    pub ext_authz: Option<SocketAddr>,
    pub admin: SocketAddr,
    /// Where other proxies ask a gateway.
    pub forward_auth: Option<SocketAddr>,
    /// Of the one process there is; `None`: nowhere, or each process has its own.
    pub operations: Option<SocketAddr>,
    pub outbox: PathBuf,
    pub data_dir: PathBuf,
}

impl Places {
    /// Host and port of the team domain: on every machine `*.localhost` is this machine.
    pub fn auth_domain(&self) -> String {
        if let Some(url) = &self.team_domain {
            return url.split_once("://").map_or(url.as_str(), |(_, host)| host).to_owned();
        }
        let port = self.gateways.first().map_or(80, SocketAddr::port);
        format!("team.localhost:{port}")
    }

    /// Issuer of every session; serves the key set.
    pub fn issuer(&self) -> String {
        self.team_domain.clone().unwrap_or_else(|| format!("http://{}", self.auth_domain()))
    }
}

/// Proxies on this machine.
pub fn loopback() -> Vec<IpNet> {
    [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)].map(IpNet::from).to_vec()
}

/// Binds what was asked for. Port 0 takes the port of the last start again if it is free: sessions name it.
pub async fn bind(asked: SocketAddr, last: Option<u16>, flag: &str) -> Result<TcpListener> {
    if let Some(port) = last.filter(|_| asked.port() == 0)
        && let Ok(listener) = TcpListener::bind(SocketAddr::new(asked.ip(), port)).await
    {
        return Ok(listener);
    }
    let listener = TcpListener::bind(asked).await;
    listener.with_context(|| {
        format!("cannot listen on {asked}; choose another address with {flag}, or port 0 for a free one")
    })
}

/// The gateway's and the admin API's listeners, and their ports remembered.
pub async fn bind_both(
    gateway: SocketAddr,
    admin: SocketAddr,
    state: &mut State,
) -> Result<(TcpListener, TcpListener)> {
    let ports = state.memory.ports;
    let gateway = bind(gateway, ports.map(|ports| ports.0), "--gateway").await?;
    let admin = bind(admin, ports.map(|ports| ports.1), "--admin").await?;
    state.memory.ports = Some((gateway.local_addr()?.port(), admin.local_addr()?.port()));
    state.save()?;
    Ok((gateway, admin))
}
