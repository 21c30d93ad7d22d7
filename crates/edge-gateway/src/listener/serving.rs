//! How HTTP is spoken on a connection.

use super::door::{Entered, Secured};
use super::handshake::Handshake;
use super::wire::{Patience, Wire};
use super::{Connection, Gateway};
use crate::config::Limits;
use crate::decisions::Front;
use crate::rides::Line;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use metrics::counter;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

/// What is kept of an answer in HTTP/2 for a client that does not take it, per stream.
const UNSENT: usize = 64 * 1024;
/// What a client may send on one stream of HTTP/2, and on all of a connection's, before the application has taken it.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams that a client may have begun and given up before they were looked at; then the connection ends.
const PENDING_RESETS: usize = 20;
/// Streams that the gateway may have ended for a client's mistakes; then the connection ends.
const MISTAKES: usize = 256;
/// Largest frame, the least that there may be.
const FRAME: u32 = 16 * 1024;

/// The limits of one connection.
pub struct Serving {
    /// How long a client may take for the head of a request.
    client_patience: Duration,
    /// How long an open stream may be silent.
    stream_patience: Duration,
    pub head_bytes: usize,
    pub headers: usize,
    streams: u32,
}

impl Serving {
    pub fn new(limits: &Limits) -> Self {
        Self {
            client_patience: limits.client_timeout(),
            stream_patience: limits.stream_timeout(),
            head_bytes: limits.max_header_bytes(),
            headers: limits.max_headers(),
            streams: limits.max_streams.get(),
        }
    }

    fn patience(&self) -> Patience {
        Patience { opening: self.client_patience, stream: self.stream_patience }
    }

    /// Where no stream is ever open.
    pub fn asking(&self) -> Patience {
        Patience { opening: self.client_patience, stream: self.client_patience }
    }

    /// By TLS, what was agreed on there; in clear, what the client begins with.
    pub fn server(&self, secured: Option<&Secured>) -> auto::Builder<TokioExecutor> {
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.client_patience)
            .max_headers(self.headers)
            .max_buf_size(self.head_bytes);
        server
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.streams)
            .max_header_list_size(u32::try_from(self.head_bytes).unwrap_or(u32::MAX))
            .max_frame_size(FRAME)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_local_error_reset_streams(MISTAKES)
            .max_send_buf_size(UNSENT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        match secured {
            Some(secured) if secured.is_http2 => server.http2_only(),
            Some(_) => server.http1_only(),
            None => server,
        }
    }
}

impl Gateway {
    /// One connection, from its first byte to its last. It counts as open for whoever holds `watcher`'s other end.
    pub(super) async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
        watcher: Watcher,
    ) {
        let entered = self.door.enter(stream, peer).await;
        let Entered { socket, peer, secured } = match entered {
            Ok(entered) => entered,
            Err(turned) => {
                let reason = turned.reason();
                counter!("sallyport_connections_turned_away_total", "reason" => reason).increment(1);
                tracing::debug!(%peer, %turned, "a connection came to nothing");
                return;
            }
        };
        let server = self.serving.server(secured.as_ref());
        let (line, handshake) = (Arc::new(Line::new(self.rides.clone())), Arc::<Handshake>::default());
        let patience = self.serving.patience();
        let wire =
            Wire::new(socket, self.serving.head_bytes, patience, handshake.clone(), line.clone(), place);
        let is_near = peer.to_canonical().is_loopback() || self.origin.trusts(peer.to_canonical());
        let is_in_clear = secured.is_none() && !self.trusts_the_way && !is_near;
        let connection = Arc::new(Connection { peer, secured, is_in_clear, line, handshake });
        let gateway = self.clone();
        let service = service_fn(move |request| {
            let (gateway, connection) = (gateway.clone(), connection.clone());
            async move { Ok::<_, Infallible>(gateway.answer(request, &connection).await) }
        });
        let connection = server.serve_connection_with_upgrades(TokioIo::new(wire), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            self.tell_unread(&*error, Front::Listener, peer);
            tracing::debug!(%error, "connection ended");
        }
    }
}
