//! Connections of Envoys: HTTP/2 in clear text from the first byte on.

use crate::ext_authz::Authorizer;
use crate::ext_authz::gathered::Gathered;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use model::Error;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// What every HTTP/2 client says first.
const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a new connection may take to say it.
const OPENING: Duration = Duration::from_secs(5);
/// A connection on which nothing comes for so long is asked whether it is there, and given up if it does not say so.
const SILENCE: Duration = Duration::from_secs(20);
/// How long open calls may take to finish once the gateway stops.
const DRAIN: Duration = Duration::from_secs(5);
/// Calls at once on one connection.
const CALLS: u32 = 256;
/// Calls that were reset before they were looked at, and that were ended for a caller's mistakes; then the connection ends.
const PENDING_RESETS: usize = 20;
const MISTAKES: usize = 256;
/// What is kept of an answer that its caller does not take.
const UNSENT: usize = 64 * 1024;
/// Longest head of a call.
const HEAD: u32 = 16 * 1024;
/// What a connection may send ahead of being read.
const WINDOW: u32 = 1024 * 1024;
const STREAM_WINDOW: u32 = 128 * 1024;

/// Accepts connections.
pub struct Server {
    authorizer: Arc<Authorizer>,
    /// How many connections may be open; others wait to be accepted.
    places: Arc<Semaphore>,
}

impl Server {
    pub fn new(authorizer: Authorizer, max_connections: usize) -> Self {
        let places = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
        Self { authorizer: Arc::new(authorizer), places }
    }

    /// Until told to stop; then open calls finish.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> Result<(), Error> {
        let graceful = GracefulShutdown::new();
        while let Some(accepted) = stop.run_until_cancelled(self.accept(&listener)).await {
            match accepted {
                Ok((stream, peer, place)) => {
                    let (authorizer, watcher) = (self.authorizer.clone(), graceful.watcher());
                    let stop = stop.clone();
                    tokio::spawn(async move {
                        let opened = tokio::time::timeout(OPENING, open(stream));
                        if let Some(Ok(Some(io))) = stop.run_until_cancelled(opened).await {
                            carry(authorizer, peer, io, watcher).await;
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end make room.
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("calls were still open after the drain time");
        }
        Ok(())
    }

    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> std::io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
        let place = self.places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        Ok((stream, peer.ip().to_canonical(), place))
    }
}

/// None for what does not begin as HTTP/2 does: it is closed.
async fn open(mut stream: TcpStream) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send> {
    let mut said = [0; PREFACE.len()];
    stream.read_exact(&mut said).await.ok()?;
    if said != PREFACE {
        return None;
    }
    let (reading, writing) = stream.into_split();
    Some(Gathered::new(PREFACE.as_slice().chain(reading), writing))
}

/// Nearly every call has come whole when its head is read, and is answered without waiting for anybody: a task for it would
/// cost more than its answer. As in a task, a panic ends one call and not the connection.
#[derive(Clone)]
struct AtOnce;

impl<F> Executor<F> for AtOnce
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        let mut call = Box::pin(call);
        // Nobody is woken: a call that waits is asked again by its task.
        let mut asked = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut asked)));
        if matches!(polled, Ok(Poll::Pending)) {
            tokio::spawn(call);
        }
    }
}

async fn carry(
    authorizer: Arc<Authorizer>,
    peer: IpAddr,
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    watcher: Watcher,
) {
    // Counted for each connection: calls on several do not meet at one counter.
    let authorizer = Arc::new(authorizer);
    let caller = authorizer.caller(peer);
    let service = service_fn(move |request| {
        let authorizer = authorizer.clone();
        async move { Ok::<_, Infallible>(authorizer.call(request, caller).await) }
    });
    let mut server = http2::Builder::new(AtOnce);
    server
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(CALLS)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(MISTAKES)
        .max_send_buf_size(UNSENT)
        .max_header_list_size(HEAD)
        .initial_connection_window_size(WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        .keep_alive_interval(SILENCE)
        .keep_alive_timeout(SILENCE);
    if let Err(error) = watcher.watch(server.serve_connection(TokioIo::new(io), service)).await {
        tracing::debug!(%error, "connection ended");
    }
}
