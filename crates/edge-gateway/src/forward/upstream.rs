//! An application, and in which version of HTTP it is spoken to.

use super::place::Place;
use super::reach::{Connector, Failure, Io, Reach};
use super::upload::Upload;
use crate::config::{self, Health, Limits};
use crate::request::canonical::Target;
use bytes::Bytes;
use futures::future::join_all;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A connection in HTTP/2 that is silent is asked for a sign of life, and given up without one.
const LIFE_SIGN: Duration = Duration::from_secs(20);

/// One application.
pub struct Upstream {
    reach: Arc<Reach>,
    protocol: Protocol,
    health: Option<Health>,
}

enum Protocol {
    Http1(Box<Client<Connector, Upload>>),
    /// One connection to each address, shared by all requests: streams within it are cheap, and its authority is each
    /// request's own.
    Http2(Vec<Mutex<Option<SendRequest<Upload>>>>),
}

impl Upstream {
    /// # Errors
    /// The reason, for the operator.
    pub fn new(upstream: &config::Upstream, limits: &Limits) -> Result<Self, String> {
        let reach = Arc::new(Reach::new(upstream, limits)?);
        let protocol = if reach.scheme.is_http2 {
            Protocol::Http2(reach.places.all().iter().map(|_| Mutex::default()).collect())
        } else {
            let mut builder = Client::builder(TokioExecutor::new());
            builder
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(limits.upstream_idle())
                .pool_max_idle_per_host(limits.upstream_connections());
            Protocol::Http1(Box::new(builder.build(Connector(reach.clone()))))
        };
        Ok(Self { reach, protocol, health: upstream.health.clone() })
    }

    pub fn is_http2(&self) -> bool {
        self.reach.scheme.is_http2
    }

    /// The first address, for logs.
    pub fn address(&self) -> Option<&Authority> {
        self.reach.places.all().first().map(|place| &place.authority)
    }

    /// The target of a request, at the address whose turn it is. In HTTP/2 the authority is what `Host` is in HTTP/1: what
    /// was judged. `given`: what the client sent, taken over as it is where it was canonical already.
    pub fn uri(&self, target: &Target<'_>, host: &str, given: &Uri) -> Option<Uri> {
        let authority = if self.is_http2() {
            host.parse().ok()?
        } else {
            self.reach.places.all().get(self.reach.places.next())?.authority.clone()
        };
        let path: PathAndQuery = match (&target.path, target.query) {
            (Cow::Borrowed(_), _) => given.path_and_query()?.clone(),
            (Cow::Owned(path), Some(query)) => format!("{path}?{query}").parse().ok()?,
            (Cow::Owned(path), None) => path.parse().ok()?,
        };
        // In HTTP/1 nobody sees the scheme.
        let is_https = self.is_http2() && self.reach.scheme.is_tls;
        let scheme = if is_https { Scheme::HTTPS } else { Scheme::HTTP };
        Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build().ok()
    }

    pub async fn send(&self, request: Request<Upload>) -> Result<Response<Incoming>, Failure> {
        match &self.protocol {
            Protocol::Http1(client) => Ok(client.request(request).await?),
            Protocol::Http2(senders) => {
                let first = self.reach.places.next();
                let mut sender = self.sender(senders, first).await?;
                match sender.try_send_request(request).await {
                    Ok(response) => Ok(response),
                    // The connection ended before the request was on it: once more, on another.
                    Err(mut error) => match error.take_message() {
                        Some(request) => Ok(self.sender(senders, first).await?.send_request(request).await?),
                        None => Err(error.into_error().into()),
                    },
                }
            }
        }
    }

    /// The connection there is to an address, or another, however many wait for it.
    async fn sender(
        &self,
        senders: &[Mutex<Option<SendRequest<Upload>>>],
        first: usize,
    ) -> Result<SendRequest<Upload>, Failure> {
        let kept = senders.get(first).ok_or("no address")?.lock();
        let mut kept = tokio::time::timeout(self.reach.patience, kept).await?;
        if let Some(sender) = kept.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let (io, at) = self.reach.connect(first).await?;
        let sender = begin(io).await?;
        // At another address it is only for whoever needs it now.
        *kept = (at == first).then(|| sender.clone());
        Ok(sender)
    }

    /// Asks every address whether it is well, for ever; returns at once if nobody is to be asked.
    pub async fn keep_asking(&self) {
        let Some(health) = &self.health else { return };
        join_all(self.reach.places.all().iter().map(|place| self.keep_asking_at(place, health))).await;
    }

    async fn keep_asking_at(&self, place: &Place, health: &Health) {
        let seconds = |number: std::num::NonZeroU32| Duration::from_secs(number.get().into());
        let mut failures = 0;
        loop {
            let asked = tokio::time::timeout(seconds(health.timeout_s), self.ask(place, &health.path)).await;
            let is_well = matches!(asked, Ok(Ok(true)));
            failures = if is_well { 0 } else { health.ill_after.get().min(failures + 1) };
            if is_well || failures >= health.ill_after.get() {
                place.told(is_well);
            }
            tokio::time::sleep(seconds(health.interval_s)).await;
        }
    }

    /// On a connection of its own.
    async fn ask(&self, place: &Place, path: &str) -> Result<bool, Failure> {
        let io = TokioIo::new(Io::from(self.reach.open(place).await?));
        let request = Request::get(path);
        let answer = if self.is_http2() {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
            let uri = Uri::builder().scheme("http").authority(place.authority.clone()).path_and_query(path);
            let request = request.uri(uri.build()?).version(Version::HTTP_2).body(Empty::<Bytes>::new())?;
            drive(connection, sender.send_request(request)).await?
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
            let request = request.header(HOST, place.authority.as_str()).body(Empty::<Bytes>::new())?;
            drive(connection, sender.send_request(request)).await?
        };
        Ok(answer.status().is_success())
    }
}

/// The answer, while the connection is kept going.
async fn drive<T>(
    connection: impl Future<Output = hyper::Result<()>>,
    answer: impl Future<Output = hyper::Result<T>>,
) -> Result<T, Failure> {
    tokio::pin!(connection, answer);
    tokio::select! {
        biased;
        answer = &mut answer => return Ok(answer?),
        ended = &mut connection => ended?,
    }
    Ok(answer.await?)
}

async fn begin(io: Io) -> Result<SendRequest<Upload>, Failure> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).keep_alive_interval(LIFE_SIGN).keep_alive_timeout(LIFE_SIGN);
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to an application ended");
        }
    });
    Ok(sender)
}
