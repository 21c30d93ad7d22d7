//! The listener, and who may ask.

use super::{Dialect, Question, Unasked, answer};
use crate::answer::{Asker, Body};
use crate::asked_span;
use crate::config;
use crate::decide::{Admission, Refused, Seen};
use crate::decisions::{self, CF_RAY, Ray};
use crate::listener::handshake::Handshake;
use crate::listener::wire::Wire;
use crate::listener::{ClientCertificate, Gateway, Socket};
use crate::measure;
use crate::metadata::{self, METADATA, PROXYS_PATIENCE};
use crate::refusal::Refusal;
use crate::request::method::method_name;
use crate::request::{client, headers, method};
use crate::rides::Line;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use model::Error;
use policy::CountryCode;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Where proxies ask, and which may.
pub struct Front {
    /// Already bound, so that the caller knows the port.
    pub listener: TcpListener,
    pub trusted_proxies: Vec<IpNet>,
    /// In which they name the client's country.
    pub country_header: Option<HeaderName>,
}

/// A front, and who answers.
pub struct Server {
    front: Front,
    gateway: Arc<Gateway>,
    /// How many connections may be open; others wait to be accepted.
    places: Arc<Semaphore>,
    /// What is wrong with the proxies' configuration is logged once.
    has_warned: AtomicBool,
}

/// Whose request it is, as the proxy tells it.
struct Client {
    address: IpAddr,
    country: Option<CountryCode>,
    certificate: Option<Arc<ClientCertificate>>,
}

impl Front {
    pub async fn bind(config: &config::ForwardAuth) -> Result<Self, Error> {
        let config::ForwardAuth { listen, trusted_proxies, country_header } = config;
        let country_header =
            country_header.as_deref().map(HeaderName::try_from).transpose().map_err(Error::internal)?;
        let cannot_listen =
            |error| Error::invalid("forward_auth.listen", format!("cannot listen on {listen}: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
        Ok(Self { listener, trusted_proxies: trusted_proxies.clone(), country_header })
    }

    /// `connections`: how many may be open at once.
    pub(crate) fn answering_by(self, gateway: Arc<Gateway>, connections: usize) -> Arc<Server> {
        let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        Arc::new(Server { front: self, gateway, places, has_warned: AtomicBool::new(false) })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}

impl Server {
    async fn answer(&self, parts: &Parts, peer: IpAddr) -> Response<Body> {
        let ray = Ray::next();
        let mut answer = self.answer_as(ray, parts, peer).await;
        answer.headers_mut().insert(CF_RAY, ray.header());
        answer
    }

    async fn answer_as(&self, ray: Ray, parts: &Parts, peer: IpAddr) -> Response<Body> {
        if !self.front.trusts(peer.to_canonical()) {
            let refusal = untrusted(peer);
            self.warn(&refusal);
            self.turned_away(&refusal, peer, ray);
            return answer::deny(&refusal, None, None);
        }
        let Some(dialect) = Dialect::of(parts.uri.path()) else {
            let refusal = Refusal::not_found(
                "ENDPOINT_NOT_FOUND",
                "ask at /authz/auth-request, /authz/forward-auth or /authz/ext-authz/…",
            );
            self.turned_away(&refusal, peer, ray);
            return answer::deny(&refusal, None, None);
        };
        match self.question(dialect, parts, peer) {
            Ok((question, client)) => {
                let address = Some(client.address);
                match self.decide(ray, parts, &question, client, peer).await {
                    Ok(admission) => answer::allow(dialect, admission, &parts.headers),
                    Err(refused) => {
                        let asker = Asker::new(&question.method, &parts.headers);
                        let mut answer = answer::refused(dialect, &refused, Some(asker));
                        if metadata::is_asked(&question.method, &parts.headers) {
                            let host = &question.target.host;
                            let said = Box::pin(self.gateway.gatekeeper.metadata(
                                &refused,
                                host,
                                address,
                                PROXYS_PATIENCE,
                            ))
                            .await;
                            answer.headers_mut().extend(said.map(|said| (METADATA, said)));
                        }
                        answer
                    }
                }
            }
            Err(unasked) => {
                let (Unasked::Proxy(refusal) | Unasked::Client(refusal)) = &unasked;
                if matches!(unasked, Unasked::Proxy(_)) {
                    self.warn(refusal);
                }
                self.turned_away(refusal, peer, ray);
                answer::unasked(dialect, unasked)
            }
        }
    }

    /// What is asked, and who asks it. The proxy's own address is never taken for its client's.
    fn question<'a>(
        &self,
        dialect: Dialect,
        parts: &'a Parts,
        peer: IpAddr,
    ) -> Result<(Question<'a>, Client), Unasked> {
        let question = dialect.read(parts)?;
        method::check(&question.method)?;
        if parts.headers.keys().any(|name| headers::is_twin(name.as_str())) {
            let message = "a header has a name of ours in another spelling, which the proxy would pass on";
            return Err(Refusal::bad_request("HEADER_AMBIGUOUS", message).into());
        }
        let header = dialect.address();
        if !parts.headers.contains_key(header.name) {
            return Err(header.missing());
        }
        let origin = &self.gateway.origin;
        let trusts = |address| self.front.trusts(address) || origin.trusts(address);
        let address = client::address(peer, &parts.headers, trusts).ok_or_else(|| header.malformed())?;
        let country = match &self.front.country_header {
            Some(name) => client::country_said(name, &parts.headers)?,
            None => origin.look_up(Some(address)),
        };
        let now = self.gateway.gatekeeper.clock.now();
        let passed = self.gateway.passed.as_ref();
        let certificate = passed.map(|passed| passed.find(&parts.headers, now)).transpose();
        let certificate = certificate.map_err(|refusal| match refusal.status {
            // It cannot be read: the proxy writes it otherwise.
            StatusCode::BAD_REQUEST => Unasked::Proxy(refusal),
            _ => Unasked::Client(refusal),
        })?;
        Ok((question, Client { address, country, certificate: certificate.flatten() }))
    }

    async fn decide(
        &self,
        ray: Ray,
        parts: &Parts,
        question: &Question<'_>,
        client: Client,
        peer: IpAddr,
    ) -> Result<Admission, Refused> {
        let Question { method, target } = question;
        let Client { address, country, certificate } = client;
        let certificate = certificate.as_ref();
        let (headers, address) = (&parts.headers, Some(address));
        let seen = Seen { target, method, headers, address, country, certificate, is_in_clear: false };
        let is_trusted = self.gateway.origin.trusts(peer.to_canonical());
        let span = asked_span::begin(method_name(method), headers, is_trusted, ray);
        let outcome = span.run(self.gateway.decide_as(ray, &seen)).await;
        asked_span::end(&span, outcome.as_ref().err().map(|refused| &refused.refusal));
        outcome
    }

    fn turned_away(&self, refusal: &Refusal, peer: IpAddr, ray: Ray) {
        let decisions = &self.gateway.gatekeeper.decisions;
        measure::turned_away(decisions, decisions::Front::ForwardAuth, Some(peer), Some(ray), refusal);
    }

    fn warn(&self, refusal: &Refusal) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason = %refusal.reason, message = %refusal.message, "a proxy is refused; said once");
        }
    }

    /// Accepts connections until told to stop, then lets the open ones finish.
    pub async fn serve(self: Arc<Self>, stop: CancellationToken) -> Result<(), Error> {
        let graceful = GracefulShutdown::new();
        while let Some(accepted) = stop.run_until_cancelled(self.accept()).await {
            match accepted {
                Ok((stream, peer, place)) => self.clone().connection(stream, peer.ip(), place, &graceful),
                Err(error) => {
                    tracing::warn!(%error, "accepting a proxy's connection failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        if tokio::time::timeout(self.gateway.drain.patience, graceful.shutdown()).await.is_err() {
            tracing::warn!("proxies' connections were still open after the drain time");
        }
        Ok(())
    }

    async fn accept(&self) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let place = self.places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, peer) = self.front.listener.accept().await?;
        let _ = stream.set_nodelay(true);
        Ok((stream, peer, place))
    }

    /// Framed as strictly as a client's.
    fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        place: OwnedSemaphorePermit,
        graceful: &GracefulShutdown,
    ) {
        let serving = &self.gateway.serving;
        let (line, handshake) =
            (Arc::new(Line::new(self.gateway.rides.clone())), Arc::<Handshake>::default());
        let socket = Socket::Clear(stream);
        let wire = Wire::new(socket, serving.head_bytes, serving.asking(), handshake.clone(), line, place);
        let server = serving.server(None);
        let gateway = self.gateway.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (this, handshake) = (self.clone(), handshake.clone());
            async move {
                // Nobody reads the body.
                let (parts, _) = request.into_parts();
                let asks = parts.version != Version::HTTP_2 && handshake.next();
                let mut answer = this.answer(&parts, peer).await;
                if asks {
                    // The client's wish for another protocol, passed on: it is between client and application.
                    handshake.refuse();
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = server.serve_connection(TokioIo::new(wire), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                gateway.tell_unread(&*error, decisions::Front::ForwardAuth, peer);
                tracing::debug!(%error, "a proxy's connection ended");
            }
        });
    }
}

fn untrusted(peer: IpAddr) -> Refusal {
    let message = format!("{peer} may not ask: it is not in edge_gateway.forward_auth.trusted_proxies");
    Refusal::denied("PROXY_NOT_TRUSTED", message)
}
