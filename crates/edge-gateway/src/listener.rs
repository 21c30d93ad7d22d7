//! Connections: HTTP/1.1 and HTTP/2 in clear text.

mod framing;
mod wire;

use crate::answer::{self, Body};
use crate::decide::{ANONYMOUS, Gatekeeper, Refused, Seen};
use crate::endpoints;
use crate::forward::Upstreams;
use crate::refusal::Refusal;
use crate::request::canonical::{self, Target};
use crate::request::client::Origin;
use crate::request::method;
use directory::Application;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use model::Error;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wire::Wire;

/// How long open connections may take to finish once the gateway stops.
const DRAIN: Duration = Duration::from_secs(5);
/// Longest head of a request: 431 beyond. Also how much of a body is read ahead of the application.
const HEAD_BYTES: usize = 64 * 1024;
const HEADERS: usize = 100;

/// Everything that answers a request.
pub struct Gateway {
    pub gatekeeper: Gatekeeper,
    pub origin: Origin,
    pub upstreams: Upstreams,
    pub is_unguarded: bool,
    /// How many connections may be open; others wait to be accepted.
    pub places: Arc<Semaphore>,
    /// How long a client may take for the head of a request.
    pub client_patience: Duration,
}

impl Gateway {
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let (parts, body) = request.into_parts();
        match self.judge(&parts, peer).await {
            Ok(Judged::Onward(onward, admission)) => {
                self.upstreams.forward(parts, body, *onward, admission).await
            }
            Ok(Judged::Answered(answer)) => answer,
            Err(Refused { refusal, application }) => answer::refusal(&refusal, application.as_deref()),
        }
    }

    async fn judge(&self, parts: &Parts, peer: IpAddr) -> Result<Judged, Refused> {
        method::check(&parts.method).map_err(nowhere)?;
        let target = canonical::target(&parts.uri, &parts.headers).map_err(nowhere)?;
        if target.path.starts_with(endpoints::PREFIX) {
            let Gatekeeper { knowledge, clock, .. } = &self.gatekeeper;
            let Target { host, path, .. } = &target;
            let answer = endpoints::answer(knowledge, &**clock, host, &parts.method, path);
            return Ok(Judged::Answered(answer));
        }
        let address = self.origin.address(peer, &parts.headers);
        let country = self.origin.country(peer, address, &parts.headers).map_err(nowhere)?;
        let seen = Seen { target: &target, method: &parts.method, headers: &parts.headers, address, country };
        let admission = if self.is_unguarded { ANONYMOUS } else { self.gatekeeper.decide(&seen).await? };
        let country = self
            .origin
            .country_header
            .clone()
            .zip(country.and_then(|country| HeaderValue::try_from(country.to_string()).ok()));
        let onward = self.upstreams.onward(&target, &parts.uri, address, country).map_err(nowhere)?;
        Ok(Judged::Onward(Box::new(onward), admission))
    }

    /// Accepts connections until told to stop, then lets the open ones finish.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) -> Result<(), Error> {
        let graceful = GracefulShutdown::new();
        while let Some(accepted) = stop.run_until_cancelled(self.accept(&listener)).await {
            match accepted {
                Ok((wire, peer)) => self.clone().connection(wire, peer, &graceful),
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end make room.
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("connections were still open after the drain time");
        }
        Ok(())
    }

    async fn accept(&self, listener: &TcpListener) -> std::io::Result<(Wire, SocketAddr)> {
        let place = self.places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, peer): (TcpStream, _) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        Ok((Wire::new(stream, self.client_patience, place), peer))
    }

    fn connection(self: Arc<Self>, wire: Wire, peer: SocketAddr, graceful: &GracefulShutdown) {
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.client_patience)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES);
        server.http2().timer(TokioTimer::new()).max_concurrent_streams(256).max_header_list_size(64 * 1024);
        let service = service_fn(move |request| {
            let gateway = self.clone();
            async move { Ok::<_, Infallible>(gateway.answer(request, peer.ip()).await) }
        });
        let connection = server.serve_connection(TokioIo::new(wire), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

/// What becomes of a request that is not refused.
enum Judged {
    Onward(Box<crate::forward::Onward>, crate::decide::Admission),
    Answered(Response<Body>),
}

/// Refused at no application.
fn nowhere(refusal: Refusal) -> Refused {
    Refused { refusal, application: None::<Arc<Application>> }
}
