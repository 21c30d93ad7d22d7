//! What comes before HTTP: who a balancer says the client is, and the TLS handshake.

use super::proxy_protocol::{Parsed, Source, parse};
use super::socket::Socket;
use super::tls::{ClientCertificate, HTTP_2, Site, Tls};
use crate::refusal::Refusal;
use ipnet::IpNet;
use rustls::server::Acceptor;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

/// How connections begin.
pub struct Door {
    /// None: in clear.
    pub tls: Option<Arc<Tls>>,
    /// Who says in PROXY protocol who the client is.
    pub proxy_protocol_from: Vec<IpNet>,
    pub patience: Duration,
}

/// A connection on which HTTP can begin.
pub struct Entered {
    pub socket: Socket,
    pub peer: IpAddr,
    pub secured: Option<Secured>,
}

/// What TLS has settled.
pub struct Secured {
    site: Arc<Site>,
    server_name: Option<String>,
    pub is_http2: bool,
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl Secured {
    /// See [`Site::check`].
    pub fn check(&self, host: &str) -> Result<(), Refusal> {
        self.site.check(self.server_name.as_deref(), host)
    }
}

/// Why it does not come to HTTP.
#[derive(Debug)]
pub enum Turned {
    /// By a balancer that does not say, or says badly, who the client is.
    Unannounced,
    Handshake(io::Error),
    Slow,
    Gone(io::Error),
}

impl Turned {
    /// For the operator's counters.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unannounced => "proxy_protocol",
            Self::Handshake(_) => "tls",
            Self::Slow => "timeout",
            Self::Gone(_) => "gone",
        }
    }
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unannounced => f.write_str("no PROXY protocol header, or a malformed one"),
            Self::Handshake(error) => write!(f, "the TLS handshake failed: {error}"),
            Self::Slow => f.write_str("it took too long"),
            Self::Gone(error) => write!(f, "the client went: {error}"),
        }
    }
}

impl Door {
    pub async fn enter(&self, stream: TcpStream, peer: SocketAddr) -> Result<Entered, Turned> {
        if self.tls.is_none() && self.proxy_protocol_from.is_empty() {
            return Ok(Entered { socket: Socket::Clear(stream), peer: peer.ip(), secured: None });
        }
        tokio::time::timeout(self.patience, self.pass(stream, peer.ip())).await.unwrap_or(Err(Turned::Slow))
    }

    async fn pass(&self, mut stream: TcpStream, mut peer: IpAddr) -> Result<Entered, Turned> {
        let balancer = peer.to_canonical();
        if self.proxy_protocol_from.iter().any(|network| network.contains(&balancer)) {
            peer = announced(&mut stream).await?.unwrap_or(peer);
        }
        let Some(tls) = &self.tls else {
            return Ok(Entered { socket: Socket::Clear(stream), peer, secured: None });
        };
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(Turned::Handshake)?;
        let server_name = hello.client_hello().server_name().map(ToOwned::to_owned);
        let site = tls.site(&hello.client_hello());
        let site = site.ok_or_else(|| Turned::Handshake(io::ErrorKind::NotFound.into()))?;
        let stream = hello.into_stream(site.config.clone()).await.map_err(Turned::Handshake)?;
        let (_, session) = stream.get_ref();
        let is_http2 = session.alpn_protocol() == Some(HTTP_2);
        let chain = session.peer_certificates();
        let certificate = chain.and_then(|chain| tls.presented(&site, chain));
        if chain.is_some() && certificate.is_none() {
            return Err(Turned::Handshake(io::ErrorKind::InvalidData.into()));
        }
        let secured = Secured { site, server_name, is_http2, certificate };
        Ok(Entered { socket: Socket::Tls(Box::new(stream)), peer, secured: Some(secured) })
    }
}

/// Reads the header, and not a byte more. None: the balancer speaks for itself.
async fn announced(stream: &mut TcpStream) -> Result<Option<IpAddr>, Turned> {
    let mut header = Vec::new();
    loop {
        match parse(&header).map_err(|_| Turned::Unannounced)? {
            Parsed::Whole(Source::Balancer) => return Ok(None),
            Parsed::Whole(Source::Client(client)) => return Ok(Some(client.ip())),
            Parsed::More(more) => {
                let read = header.len();
                header.resize(read + more, 0);
                let place = header.get_mut(read..).unwrap_or_default();
                stream.read_exact(place).await.map_err(Turned::Gone)?;
            }
        }
    }
}
