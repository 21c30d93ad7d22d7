//! Connections: bounded in number and patience, and finished before the process stops.

use super::lent::Lent;
use axum::Router;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use model::Error;
use service_kit::leftover;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The other end of a connection: a reverse proxy, where there is one.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Most connections at once; further ones wait.
const CONNECTIONS: usize = 1024;
/// How long a connection may take to send a request's head, idle time included.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long requests in flight may go on after the stop. Less than what a process is given.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until told to stop, then finishes what has begun.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> Result<(), Error> {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let (stream, peer, place) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = accept(&listener, &places) => match next {
                Some(next) => next,
                None => continue,
            },
        };
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            answer(router.clone(), request)
        });
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight at the stop");
    }
    Ok(())
}

async fn answer(
    router: TowerToHyperService<Router>,
    request: http::Request<Incoming>,
) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    let (headers, lent) = (parts.headers.clone(), Lent::new(body));
    let mut answer = router.call(http::Request::from_parts(parts, lent.clone())).await?;
    if !leftover::is_read(lent, &headers).await {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}

/// `None`: that connection is gone, or the process has no file to spare right now.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, Peer(peer.ip()), place))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
