//! One client's connection: strictly framed, and given up when it falls silent.

use crate::listener::framing::{Broken, Framing};
use crate::listener::handshake::{Handshake, Stage};
use crate::listener::socket::Socket;
use crate::rides::Line;
use bytes::{Buf as _, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

/// A connection on which nothing moves in either direction is closed after this, or twice this at the latest: the
/// client is gone, or does not read its answer. Not so while a stream is open that is silent itself.
const SILENCE: Duration = Duration::from_mins(5);
/// How much is kept of what a client sends before it knows whether it may speak another protocol.
const EARLY: usize = 64 * 1024;

/// How long a client is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For its first bytes.
    pub opening: Duration,
    /// For the next bytes in either direction, while a stream is open.
    pub stream: Duration,
}

/// A connection, and its place among those that may be open.
pub struct Wire {
    stream: Socket,
    framing: Framing,
    handshake: Arc<Handshake>,
    /// What came after a request for another protocol.
    early: BytesMut,
    line: Arc<Line>,
    /// Until it is known which protocol is spoken; then until the silence is too long.
    patience: Pin<Box<Sleep>>,
    stream_patience: Duration,
    still_since: Instant,
    is_open: bool,
    has_moved: bool,
    /// The client does not take what it is sent.
    is_stuck: bool,
    /// Its framing is broken. Nothing more is read from it, and what is given instead can be read in no way: the library
    /// behind answers 400 and closes.
    broken: Option<&'static [u8]>,
    _place: OwnedSemaphorePermit,
}

impl Wire {
    pub fn new(
        stream: Socket,
        longest_line: usize,
        patience: Patience,
        handshake: Arc<Handshake>,
        line: Arc<Line>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            stream,
            framing: Framing::new(longest_line),
            handshake,
            early: BytesMut::new(),
            line,
            patience: Box::pin(tokio::time::sleep(patience.opening)),
            stream_patience: patience.stream,
            still_since: Instant::now(),
            is_open: false,
            has_moved: false,
            is_stuck: false,
            broken: None,
            _place: place,
        }
    }

    /// Ready when the wait has been too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.patience.as_mut().poll(context));
            let now = Instant::now();
            if std::mem::take(&mut self.has_moved) {
                self.still_since = now;
            }
            let most = if self.line.is_ridden() && !self.is_stuck { self.stream_patience } else { SILENCE };
            let left = most.saturating_sub(now - self.still_since);
            if !self.is_open || left.is_zero() {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.watch(left);
        }
    }

    /// Looks again after a while, and soon enough should a stream begin or end meanwhile.
    fn watch(&mut self, left: Duration) {
        let soon = left.min(SILENCE).min(self.stream_patience);
        self.patience.as_mut().reset(Instant::now() + soon);
    }

    fn moved(&mut self) {
        self.has_moved = true;
        if !self.is_open && !self.framing.is_opening() {
            self.is_open = true;
            self.watch(SILENCE);
        }
    }

    /// An error once the connection has to end.
    fn check(&self) -> io::Result<()> {
        if self.line.is_cut() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    fn poll_http(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(end) = &mut self.broken {
            buffer.put_slice(std::mem::take(end));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => return self.poll_patience(context).map(Err),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {}
        }
        let news = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        match self.framing.read(news) {
            Ok(taken) => {
                if let Some(request) = self.framing.asked() {
                    self.handshake.ask(request);
                    self.early.extend_from_slice(news.get(taken..).unwrap_or_default());
                    buffer.set_filled(before + taken);
                }
            }
            Err(Broken { at }) => {
                let rest = news.get_mut(at..).unwrap_or_default();
                rest.fill(b'\n');
                self.broken = Some(if rest.is_empty() { b"\0\n\n" } else { b"\n\n" });
                if let Some(first) = rest.first_mut() {
                    *first = 0;
                }
            }
        }
        self.moved();
        Poll::Ready(Ok(()))
    }

    /// Ready only when the client is gone. What it says is kept, or thrown away.
    fn poll_early(&mut self, context: &mut Context<'_>, is_kept: bool) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        while !is_kept || self.early.len() < EARLY {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if is_kept => self.early.extend_from_slice(buffer.filled()),
                Poll::Ready(Ok(())) => {}
            }
            self.moved();
        }
        self.poll_patience(context).map(Err)
    }

    fn poll_tunnel(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            if Pin::new(&mut self.stream).poll_read(context, buffer)?.is_pending() {
                return self.poll_patience(context).map(Err);
            }
        } else {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(self.early.get(..length).unwrap_or_default());
            self.early.advance(length);
        }
        self.moved();
        Poll::Ready(Ok(()))
    }

    fn after_writing(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.is_stuck = written.is_pending();
        if self.is_stuck {
            return self.poll_patience(context).map(Err);
        }
        self.has_moved = true;
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        match self.handshake.stage() {
            Stage::Http => self.poll_http(context, buffer),
            Stage::Asked => self.poll_early(context, true),
            Stage::Refused => self.poll_early(context, false),
            Stage::Tunnel => self.poll_tunnel(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.after_writing(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.after_writing(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
