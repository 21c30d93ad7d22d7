//! Connections: HTTP/1.1 and HTTP/2 in clear text.

use crate::answer::{self, Body};
use crate::decide::{ANONYMOUS, Gatekeeper, Refused, Seen};
use crate::endpoints;
use crate::forward::Upstreams;
use crate::refusal::Refusal;
use crate::request::canonical;
use crate::request::client::Origin;
use http::{Method, Request, Response, StatusCode};
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
use tokio_util::sync::CancellationToken;

/// How long open connections may take to finish once the gateway stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Everything that answers a request.
pub struct Gateway {
    pub gatekeeper: Gatekeeper,
    pub origin: Origin,
    pub upstreams: Upstreams,
    pub is_unguarded: bool,
}

impl Gateway {
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
            return answer::refusal(&not_allowed(), None);
        }
        let (parts, body) = request.into_parts();
        let target = match canonical::target(&parts.uri, &parts.headers) {
            Ok(target) => target,
            Err(refusal) => return answer::refusal(&refusal, None),
        };
        if target.path.starts_with(endpoints::PREFIX) {
            let Gatekeeper { knowledge, clock, .. } = &self.gatekeeper;
            return endpoints::answer(knowledge, &**clock, &target.host, &parts.method, &target.path);
        }
        let address = self.origin.address(peer, &parts.headers);
        let country = self.origin.country(peer, address, &parts.headers);
        let seen = Seen { target: &target, method: &parts.method, headers: &parts.headers, address, country };
        let decision = if self.is_unguarded { Ok(ANONYMOUS) } else { self.gatekeeper.decide(&seen).await };
        match decision {
            Ok(admission) => {
                let mut request = Request::new(body);
                *request.method_mut() = parts.method.clone();
                *request.headers_mut() = parts.headers.clone();
                self.upstreams.forward(request, &target, address, admission).await
            }
            Err(Refused { refusal, application }) => {
                tracing::debug!(host = %target.host, reason = %refusal.reason, "refused");
                answer::refusal(&refusal, application.as_deref())
            }
        }
    }

    /// Accepts connections until told to stop, then lets the open ones finish.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) -> Result<(), Error> {
        let graceful = GracefulShutdown::new();
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, peer)) => self.clone().connection(stream, peer, &graceful),
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

    fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, graceful: &GracefulShutdown) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request| {
            let gateway = self.clone();
            async move { Ok::<_, Infallible>(gateway.answer(request, peer.ip()).await) }
        });
        let mut server = auto::Builder::new(TokioExecutor::new());
        server.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10)).max_headers(100);
        server.http2().timer(TokioTimer::new()).max_concurrent_streams(256).max_header_list_size(64 * 1024);
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

fn not_allowed() -> Refusal {
    Refusal {
        status: StatusCode::METHOD_NOT_ALLOWED,
        reason: "METHOD_NOT_ALLOWED".into(),
        message: "TRACE and CONNECT are refused".into(),
    }
}
