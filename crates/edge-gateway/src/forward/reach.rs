//! Connections to an application: to one of its addresses, in clear or by TLS.

use super::place::{Place, Places};
use super::scheme::Scheme;
use crate::config;
use crate::listener::provider;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// At how many addresses one request tries to connect.
const ATTEMPTS: usize = 3;

pub type Failure = Box<dyn Error + Send + Sync>;

/// How an application is connected to.
pub struct Reach {
    pub scheme: Scheme,
    pub places: Places,
    tls: Option<TlsConnector>,
    server_name: Option<ServerName<'static>>,
    /// With one address.
    pub patience: Duration,
}

/// There are as many connections as there may be.
#[derive(Debug)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are as many connections to it as there may be")
    }
}

impl Error for Busy {}

impl Reach {
    /// # Errors
    /// The reason, for the operator.
    pub fn new(upstream: &config::Upstream, limits: &config::Limits) -> Result<Self, String> {
        let (scheme, first) = Scheme::parse(&upstream.url).ok_or("the URL is malformed")?;
        let place = |authority| Place::new(authority, limits.upstream_connections());
        let more: Option<Vec<_>> =
            upstream.addresses.iter().map(|it| Scheme::address(it).map(place)).collect();
        let more = more.ok_or("an address is not host:port")?;
        let tls = if scheme.is_tls { Some(tls(upstream, scheme)?) } else { None };
        let server_name = upstream.server_name.clone().map(ServerName::try_from);
        let server_name = server_name.transpose().map_err(|error| error.to_string())?;
        let places = Places::new(place(first), more);
        Ok(Self { scheme, places, tls, server_name, patience: limits.upstream_connect_timeout() })
    }

    /// Connects at this address; at others, if that fails. At which it was in the end.
    pub async fn connect(&self, first: usize) -> Result<(Io, usize), Failure> {
        let mut failure: Failure = Box::new(Busy);
        for (at, place) in self.places.from(first).take(ATTEMPTS) {
            // Streams within one connection are what HTTP/2 counts.
            let permit = if self.scheme.is_http2 { None } else { Some(self.permit(place).await?) };
            match self.open(place).await {
                Ok(stream) => {
                    place.reached();
                    return Ok((Io { stream, is_elsewhere: at != first, _permit: permit }, at));
                }
                Err(error) => {
                    tracing::debug!(address = %place.authority, error, "an application's address is not reached");
                    place.failed();
                    failure = error;
                }
            }
        }
        Err(failure)
    }

    async fn permit(&self, place: &Place) -> Result<OwnedSemaphorePermit, Failure> {
        let permit = place.connections.clone().acquire_owned();
        let permit = tokio::time::timeout(self.patience, permit).await.map_err(|_| Busy)?;
        Ok(permit?)
    }

    pub async fn open(&self, place: &Place) -> Result<Stream, Failure> {
        tokio::time::timeout(self.patience, self.open_patiently(place)).await?
    }

    async fn open_patiently(&self, place: &Place) -> Result<Stream, Failure> {
        let host = place.authority.host();
        let port = place.authority.port_u16().unwrap_or(self.scheme.port());
        let stream = TcpStream::connect(format!("{host}:{port}")).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Stream::Clear(stream)) };
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?,
        };
        let stream = tls.connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        if self.scheme.is_http2 && session.alpn_protocol() != Some(b"h2") {
            return Err("it does not speak HTTP/2 by TLS".into());
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

fn tls(upstream: &config::Upstream, scheme: Scheme) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &upstream.authorities {
        let of_file = |reason: String| format!("{}: {reason}", file.display());
        let found = CertificateDer::pem_file_iter(file).map_err(|error| of_file(error.to_string()))?;
        for certificate in found {
            let certificate = certificate.map_err(|error| of_file(error.to_string()))?;
            roots.add(certificate).map_err(|error| of_file(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(of_file("holds no certificate".to_owned()));
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(
                "this machine has no authorities to verify certificates by: set authorities".to_owned()
            );
        }
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![if scheme.is_http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// For the HTTP/1 pool, which keeps connections by the address in the URL.
#[derive(Clone)]
pub struct Connector(pub Arc<Reach>);

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Io>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Io>, Failure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let reach = self.0.clone();
        Box::pin(async move {
            let first = uri.authority().map(|authority| reach.places.find(authority)).unwrap_or_default();
            let (io, _) = reach.connect(first).await?;
            Ok(TokioIo::new(io))
        })
    }
}

/// A connection to an application, and its place among those that may be open.
pub struct Io {
    stream: Stream,
    /// Not where it was asked for, because nobody was reached there: for one request alone.
    is_elsewhere: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Its bytes.
pub enum Stream {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Io {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.is_elsewhere {
            // The pool would give it to requests whose turn is at another address.
            connected.poison();
        }
        connected
    }
}

impl From<Stream> for Io {
    fn from(stream: Stream) -> Self {
        Self { stream, is_elsewhere: false, _permit: None }
    }
}

macro_rules! delegate {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().stream {
            Stream::Clear(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, poll_read(context, buffer))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Clear(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown(context))
    }
}
