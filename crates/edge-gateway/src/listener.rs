//! Connections: HTTP/1.1 and HTTP/2 in clear text.

pub(crate) mod framing;
pub mod handshake;
mod traced;
pub mod wire;

use crate::answer::{self, Body};
use crate::decide::{ANONYMOUS, Admission, Gatekeeper, Grounds, Refused, Seen};
use crate::decisions::{CF_RAY, Ray};
use crate::endpoints;
use crate::forward::{Onward, Upstreams};
use crate::measure::{self, Measures};
use crate::refusal::Refusal;
use crate::request::canonical::{self, Target};
use crate::request::client::Origin;
use crate::request::method;
use crate::rides::{Line, Rides, Ticket};
use directory::Application;
use handshake::Handshake;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, Request, Response, Version};
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use wire::{Patience, Wire};

/// How long open connections may take to finish once the gateway stops.
pub const DRAIN: Duration = Duration::from_secs(5);
/// Longest head of a request: 431 beyond. Also how much of a body is read ahead of the application.
pub const HEAD_BYTES: usize = 64 * 1024;
pub const HEADERS: usize = 100;

/// Everything that answers a request.
pub struct Gateway {
    pub gatekeeper: Arc<Gatekeeper>,
    pub rides: Arc<Rides>,
    pub measures: Measures,
    pub origin: Arc<Origin>,
    pub upstreams: Upstreams,
    pub is_unguarded: bool,
    /// How many connections may be open; others wait to be accepted.
    pub places: Arc<Semaphore>,
    /// How long a client may take for the head of a request.
    pub client_patience: Duration,
    /// How long an open stream may be silent.
    pub stream_patience: Duration,
}

/// A client, as its requests need to know it.
struct Connection {
    peer: IpAddr,
    line: Arc<Line>,
    handshake: Arc<Handshake>,
}

impl Gateway {
    async fn answer(&self, request: Request<Incoming>, connection: &Connection) -> Response<Body> {
        let ray = Ray::next();
        let mut answer = if telemetry::trace::is_on() {
            self.answer_traced(request, connection, ray).await
        } else {
            self.answer_as(ray, request, connection).await
        };
        answer.headers_mut().insert(CF_RAY, ray.header());
        answer
    }

    async fn answer_as(
        &self,
        ray: Ray,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let asks = parts.version != Version::HTTP_2 && connection.handshake.next();
        let (mut answer, tunnel) = match self.judge(&parts, connection, ray).await {
            Ok(Judged::Onward(mut onward, admission)) => {
                onward.may_upgrade = asks;
                self.upstreams.forward(parts, body, *onward, admission).await
            }
            Ok(Judged::Answered(answer)) => (answer, None),
            Err(Refused { refusal, application }) => {
                (answer::refusal(&refusal, application.as_deref()), None)
            }
        };
        let handshake = &connection.handshake;
        if let Some(tunnel) = tunnel {
            let handshake = handshake.clone();
            tokio::spawn(tunnel.carry(move || handshake.open_tunnel()));
        } else if asks {
            // What the client has sent since could be read in two ways: nothing is.
            handshake.refuse();
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    async fn judge(&self, parts: &Parts, connection: &Connection, ray: Ray) -> Result<Judged<'_>, Refused> {
        let peer = connection.peer;
        method::check(&parts.method).map_err(nowhere)?;
        let target = canonical::target(&parts.uri, &parts.headers).map_err(nowhere)?;
        if target.path.starts_with(endpoints::PREFIX) {
            let Gatekeeper { knowledge, clock, .. } = &*self.gatekeeper;
            let Target { host, path, .. } = &target;
            let answer = endpoints::answer(knowledge, &**clock, host, &parts.method, path);
            return Ok(Judged::Answered(answer));
        }
        let address = self.origin.address(peer, &parts.headers);
        let country = self.origin.country(peer, address, &parts.headers).map_err(nowhere)?;
        let seen = Seen { target: &target, method: &parts.method, headers: &parts.headers, address, country };
        let decided_at = self.rides.changes();
        let admission = if self.is_unguarded { ANONYMOUS } else { self.decide_as(ray, &seen).await? };
        let country_said = self
            .origin
            .country_header
            .clone()
            .zip(country.and_then(|country| HeaderValue::try_from(country.to_string()).ok()));
        let mut onward =
            self.upstreams.onward(&target, &parts.uri, address, country_said).map_err(nowhere)?;
        onward.ray = Some(ray);
        onward.ticket = (!self.is_unguarded).then(|| {
            let grounds = Grounds::new(&target, address, country, admission.basis.clone());
            Ticket { line: connection.line.clone(), grounds, decided_at }
        });
        Ok(Judged::Onward(Box::new(onward), admission))
    }

    /// For fronts whose requests have no name of their own yet.
    pub async fn decide(&self, seen: &Seen<'_>) -> Result<Admission, Refused> {
        self.decide_as(Ray::next(), seen).await
    }

    async fn decide_as(&self, ray: Ray, seen: &Seen<'_>) -> Result<Admission, Refused> {
        let clock = &*self.gatekeeper.clock;
        let begun = Measures::begin(clock);
        let outcome = self.gatekeeper.decide_as(ray, seen).await;
        self.measures.decided(&outcome, begun, clock);
        outcome
    }

    /// Accepts connections until told to stop, then lets the open ones finish.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) -> Result<(), Error> {
        let graceful = GracefulShutdown::new();
        while let Some(accepted) = stop.run_until_cancelled(self.accept(&listener)).await {
            match accepted {
                Ok((stream, peer, place)) => self.clone().connection(stream, peer, place, &graceful),
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

    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let place = self.places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        Ok((stream, peer, place))
    }

    fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
        graceful: &GracefulShutdown,
    ) {
        let (line, handshake) = (Arc::new(Line::new(self.rides.clone())), Arc::<Handshake>::default());
        let patience = Patience { opening: self.client_patience, stream: self.stream_patience };
        let wire = Wire::new(stream, patience, handshake.clone(), line.clone(), place);
        let connection = Arc::new(Connection { peer: peer.ip(), line, handshake });
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.client_patience)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES);
        server.http2().timer(TokioTimer::new()).max_concurrent_streams(256).max_header_list_size(64 * 1024);
        let service = service_fn(move |request| {
            let (gateway, connection) = (self.clone(), connection.clone());
            async move { Ok::<_, Infallible>(gateway.answer(request, &connection).await) }
        });
        let connection = server.serve_connection_with_upgrades(TokioIo::new(wire), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

/// What becomes of a request that is not refused.
enum Judged<'u> {
    Onward(Box<Onward<'u>>, Admission),
    Answered(Response<Body>),
}

/// Refused at no application.
fn nowhere(refusal: Refusal) -> Refused {
    measure::refused(&refusal);
    Refused { refusal, application: None::<Arc<Application>> }
}
