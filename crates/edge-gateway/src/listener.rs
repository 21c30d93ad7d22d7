//! Connections: HTTP/1.1 and HTTP/2, by TLS or in clear text.
//!
//! | module | holds |
//! |---|---|
//! | `door` | what comes before HTTP |
//! | `proxy_protocol` | who a balancer says the client is |
//! | `tls` | certificates, the gateway's and the clients' |
//! | `socket` | bytes, in clear or by TLS |
//! | `wire` | one connection: strictly framed, and given up when it falls silent |
//! | `framing` | where each HTTP/1 request begins and ends |
//! | `handshake` | the change to another protocol |
//! | `serving` | how HTTP is spoken on it |

mod door;
pub(crate) mod framing;
pub mod handshake;
pub mod proxy_protocol;
mod serving;
mod socket;
mod tls;
mod traced;
pub mod wire;

use crate::answer::{self, Asker, Body};
use crate::decide::{ANONYMOUS, Admission, Gatekeeper, Grounds, Refused, Seen};
use crate::decisions::{CF_RAY, Front, Ray};
use crate::endpoints;
use crate::forward::{Onward, Upstreams};
use crate::measure::{self, Measures};
use crate::metadata::{self, METADATA, PATIENCE};
use crate::refusal::Refusal;
use crate::request::canonical;
use crate::request::client::Origin;
use crate::request::method;
use crate::rides::{Line, Rides, Ticket};
use directory::Application;
use door::Secured;
use handshake::Handshake;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::server::graceful::GracefulShutdown;
use model::Error;
use service_kit::leftover;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

pub use door::Door;
pub use serving::Serving;
pub use socket::Socket;
pub use tls::{ClientCertificate, Passed, Tls, provider};

/// Everything that answers a request.
pub struct Gateway {
    pub gatekeeper: Arc<Gatekeeper>,
    pub rides: Arc<Rides>,
    pub measures: Measures,
    pub origin: Arc<Origin>,
    pub upstreams: Arc<Upstreams>,
    pub is_unguarded: bool,
    pub door: Door,
    /// What other proxies may say of their clients' certificates.
    pub passed: Option<Arc<Passed>>,
    /// Credentials are taken in clear text from anybody.
    pub trusts_the_way: bool,
    pub serving: Serving,
    /// How many connections may be open; others wait to be accepted.
    pub places: Arc<Semaphore>,
    pub drain: Drain,
}

/// The end of the listener.
pub struct Drain {
    /// How long connections are accepted once the gateway is told to stop.
    pub delay: Duration,
    /// How long open ones have after that.
    pub patience: Duration,
    /// It has been told: it is not ready.
    pub begun: CancellationToken,
}

/// A client, as its requests need to know it.
struct Connection {
    peer: IpAddr,
    secured: Option<Secured>,
    /// Others may read along.
    is_in_clear: bool,
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
            Ok(Judged::Answered(answer)) => (read_out(&parts, body, answer).await, None),
            Err(refused) => {
                let Refused { refusal, application } = &refused;
                let asker = Asker::new(&parts.method, &parts.headers);
                let mut answer = answer::refusal(refusal, application.as_deref(), Some(asker));
                if metadata::is_asked(&parts.method, &parts.headers) {
                    let said = Box::pin(self.metadata(&parts, connection, &refused)).await;
                    answer.headers_mut().extend(said.map(|said| (METADATA, said)));
                }
                (read_out(&parts, body, answer).await, None)
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
        let Connection { peer, secured, is_in_clear, .. } = connection;
        let nowhere = |refusal| self.turn_away(refusal, *peer, Some(ray));
        if parts.headers.len() > self.serving.headers {
            return Err(nowhere(too_many_headers()));
        }
        method::check(&parts.method).map_err(nowhere)?;
        let target = canonical::target(&parts.uri, &parts.headers).map_err(nowhere)?;
        if let Some(secured) = secured {
            secured.check(&target.host).map_err(nowhere)?;
        }
        let address = self.origin.address(*peer, &parts.headers);
        let country = self.origin.country(*peer, address, &parts.headers).map_err(nowhere)?;
        let certificate = secured.as_ref().and_then(|secured| secured.certificate.as_ref());
        let seen = Seen {
            target: &target,
            method: &parts.method,
            headers: &parts.headers,
            address,
            country,
            certificate,
            is_in_clear: *is_in_clear,
        };
        if seen.target.path.starts_with(endpoints::PREFIX) {
            return Ok(Judged::Answered(Box::pin(endpoints::answer(&self.gatekeeper, &seen)).await));
        }
        let decided_at = self.rides.changes();
        let admission = if self.is_unguarded { ANONYMOUS } else { self.decide_as(ray, &seen).await? };
        let country_said = self
            .origin
            .country_header
            .clone()
            .zip(country.and_then(|country| HeaderValue::try_from(country.to_string()).ok()));
        // Decided already, and told.
        let mut onward =
            self.upstreams.onward(&target, &parts.uri, address, country_said).map_err(uncarried)?;
        onward.ray = Some(ray);
        onward.ticket = (!self.is_unguarded).then(|| {
            let mut grounds = Grounds::new(&target, address, country, admission.basis.clone());
            grounds.certificate = certificate.cloned();
            grounds.is_bound = admission.is_bound;
            Ticket { line: connection.line.clone(), grounds, decided_at }
        });
        Ok(Judged::Onward(Box::new(onward), admission))
    }

    /// What a client is told that asks which application has refused it.
    async fn metadata(
        &self,
        parts: &Parts,
        connection: &Connection,
        refused: &Refused,
    ) -> Option<HeaderValue> {
        let target = canonical::target(&parts.uri, &parts.headers).ok()?;
        let address = self.origin.address(connection.peer, &parts.headers);
        self.gatekeeper.metadata(refused, &target.host, address, PATIENCE).await
    }

    pub(crate) async fn decide_as(&self, ray: Ray, seen: &Seen<'_>) -> Result<Admission, Refused> {
        let clock = &*self.gatekeeper.clock;
        let begun = Measures::begin(clock);
        let outcome = self.gatekeeper.decide_as(ray, seen).await;
        self.measures.decided(&outcome, begun, clock);
        outcome
    }

    /// Refused at no application.
    fn turn_away(&self, refusal: Refusal, peer: IpAddr, ray: Option<Ray>) -> Refused {
        let decisions = &self.gatekeeper.decisions;
        measure::turned_away(decisions, Front::Listener, Some(peer), ray, &refusal);
        Refused { refusal, application: None::<Arc<Application>> }
    }

    /// A head that could not be read, if that is why a connection has ended. The HTTP library has answered it.
    pub(crate) fn tell_unread(&self, error: &(dyn std::error::Error + 'static), front: Front, peer: IpAddr) {
        let refusal = match error.downcast_ref::<hyper::Error>() {
            Some(error) if error.is_parse_too_large() => too_long_head(),
            Some(error) if error.is_parse() => malformed(),
            Some(_) | None => return,
        };
        measure::turned_away(&self.gatekeeper.decisions, front, Some(peer), None, &refusal);
    }

    /// Accepts connections until told to stop, and a little longer if so configured; then lets the open ones finish.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) -> Result<(), Error> {
        let graceful = GracefulShutdown::new();
        let closing = async {
            stop.cancelled().await;
            self.drain.begun.cancel();
            if !self.drain.delay.is_zero() {
                tokio::time::sleep(self.drain.delay).await;
            }
        };
        tokio::pin!(closing);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut closing => break,
                accepted = self.accept(&listener) => accepted,
            };
            match accepted {
                Ok((stream, peer, place)) => {
                    let served = self.clone().connection(stream, peer, place, graceful.watcher());
                    tokio::spawn(served);
                }
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end make room.
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(self.drain.patience, graceful.shutdown()).await.is_err() {
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
}

/// Nobody takes the body: the connection goes on behind it, or says that it does not. HTTP/2 has a way to say so itself.
async fn read_out(parts: &Parts, body: Incoming, mut answer: Response<Body>) -> Response<Body> {
    if parts.version != Version::HTTP_2 && !leftover::is_read(body, &parts.headers).await {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// What becomes of a request that is not refused.
enum Judged<'u> {
    Onward(Box<Onward<'u>>, Admission),
    Answered(Response<Body>),
}

/// Admitted, and there is nowhere to send it.
fn uncarried(refusal: Refusal) -> Refused {
    measure::refused(&refusal);
    Refused { refusal, application: None::<Arc<Application>> }
}

fn too_many_headers() -> Refusal {
    let message = "the request has more headers than are taken";
    Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "HEADERS_TOO_MANY", message)
}

fn too_long_head() -> Refusal {
    let message = "the head of the request is longer than is read";
    Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "HEAD_TOO_LONG", message)
}

fn malformed() -> Refusal {
    Refusal::bad_request(
        "REQUEST_MALFORMED",
        "the request is not framed as HTTP is, or could be read in two ways",
    )
}
