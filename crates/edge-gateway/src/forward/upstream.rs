//! Where an application is reached, and in which version of HTTP.

use super::upload::Upload;
use crate::request::canonical::Target;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

const CONNECT: Duration = Duration::from_secs(5);
/// A connection in HTTP/2 that is silent is asked for a sign of life, and given up without one.
const LIFE_SIGN: Duration = Duration::from_secs(20);

/// The address in `http://host:port` or `h2c://host:port`.
pub enum Upstream {
    Http1(Authority),
    Http2(Box<Shared>),
}

/// One connection, shared by all requests: streams within it are cheap, and its authority is each request's own.
pub struct Shared {
    address: Authority,
    sender: Mutex<Option<SendRequest<Upload>>>,
}

/// Why there is no answer.
type Failure = Box<dyn Error + Send + Sync>;

impl Upstream {
    pub fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let is_plain = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let address = uri.authority().filter(|_| is_plain)?.clone();
        match uri.scheme_str()? {
            "http" => Some(Self::Http1(address)),
            "h2c" => Some(Self::Http2(Box::new(Shared { address, sender: Mutex::default() }))),
            _ => None,
        }
    }

    pub const fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    pub const fn address(&self) -> &Authority {
        match self {
            Self::Http1(address) => address,
            Self::Http2(shared) => &shared.address,
        }
    }

    /// The target of a request. In HTTP/2 the authority is what `Host` is in HTTP/1: what was judged. `given`: what the
    /// client sent, taken over as it is where it was canonical already.
    pub fn uri(&self, target: &Target<'_>, host: &str, given: &Uri) -> Option<Uri> {
        let authority = match self {
            Self::Http1(address) => address.clone(),
            Self::Http2(_) => host.parse().ok()?,
        };
        let path: PathAndQuery = match (&target.path, target.query) {
            (Cow::Borrowed(_), _) => given.path_and_query()?.clone(),
            (Cow::Owned(path), Some(query)) => format!("{path}?{query}").parse().ok()?,
            (Cow::Owned(path), None) => path.parse().ok()?,
        };
        Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(path).build().ok()
    }

    pub async fn send(
        &self,
        http1: &Client<HttpConnector, Upload>,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, Failure> {
        match self {
            Self::Http1(_) => Ok(http1.request(request).await?),
            Self::Http2(shared) => shared.send(request).await,
        }
    }
}

impl Shared {
    async fn send(&self, request: Request<Upload>) -> Result<Response<Incoming>, Failure> {
        let mut sender = self.sender().await?;
        match sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            // The connection ended before the request was on it: once more, on another.
            Err(mut error) => match error.take_message() {
                Some(request) => Ok(self.sender().await?.send_request(request).await?),
                None => Err(error.into_error().into()),
            },
        }
    }

    /// The connection there is, or another, however many wait for it.
    async fn sender(&self) -> Result<SendRequest<Upload>, Failure> {
        tokio::time::timeout(CONNECT, async {
            let mut kept = self.sender.lock().await;
            if let Some(sender) = kept.as_ref().filter(|sender| !sender.is_closed()) {
                return Ok(sender.clone());
            }
            let sender = self.connect().await?;
            *kept = Some(sender.clone());
            Ok(sender)
        })
        .await?
    }

    async fn connect(&self) -> Result<SendRequest<Upload>, Failure> {
        let port = self.address.port_u16().unwrap_or(80);
        let stream = TcpStream::connect(format!("{}:{port}", self.address.host())).await?;
        stream.set_nodelay(true)?;
        let mut builder = Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(LIFE_SIGN).keep_alive_timeout(LIFE_SIGN);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to an application ended");
            }
        });
        Ok(sender)
    }
}

/// The client for applications that speak HTTP/1.
pub fn http1() -> Client<HttpConnector, Upload> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build(connector)
}
