//! One client's connection: strictly framed, and given up when it falls silent.

use crate::listener::framing::{Broken, Framing};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

/// A connection on which nothing moves in either direction is closed after this, or twice this at the latest: the
/// client is gone, or does not read its answer.
const SILENCE: Duration = Duration::from_mins(5);

/// A connection, and its place among those that may be open.
pub struct Wire {
    stream: TcpStream,
    framing: Framing,
    /// Until it is known which protocol is spoken; then until the silence is too long.
    patience: Pin<Box<Sleep>>,
    is_open: bool,
    has_moved: bool,
    /// Its framing is broken. Nothing more is read from it, and what is given instead can be read in no way: the library
    /// behind answers 400 and closes.
    broken: Option<&'static [u8]>,
    _place: OwnedSemaphorePermit,
}

impl Wire {
    /// `opening`: how long the client may take for its first bytes.
    pub fn new(stream: TcpStream, opening: Duration, place: OwnedSemaphorePermit) -> Self {
        let patience = Box::pin(tokio::time::sleep(opening));
        Self {
            stream,
            framing: Framing::default(),
            patience,
            is_open: false,
            has_moved: false,
            broken: None,
            _place: place,
        }
    }

    /// Ready when the wait has been too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.patience.as_mut().poll(context));
            let may_stay = self.is_open && std::mem::take(&mut self.has_moved);
            if !may_stay {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.patience.as_mut().reset(Instant::now() + SILENCE);
        }
    }

    fn moved(&mut self) {
        self.has_moved = true;
        if !self.is_open && !self.framing.is_opening() {
            self.is_open = true;
            self.patience.as_mut().reset(Instant::now() + SILENCE);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(end) = &mut this.broken {
            buffer.put_slice(std::mem::take(end));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending => this.poll_patience(context).map(Err),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {
                let news = buffer.filled_mut().get_mut(before..).unwrap_or_default();
                if let Err(Broken { at }) = this.framing.read(news) {
                    let rest = news.get_mut(at..).unwrap_or_default();
                    rest.fill(b'\n');
                    this.broken = Some(if rest.is_empty() { b"\0\n\n" } else { b"\n\n" });
                    if let Some(first) = rest.first_mut() {
                        *first = 0;
                    }
                }
                this.moved();
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.after_writing(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.after_writing(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Wire {
    fn after_writing(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            return self.poll_patience(context).map(Err);
        }
        self.has_moved = true;
        written
    }
}
