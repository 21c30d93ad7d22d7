//! A connection that is read and written in few large pieces. HTTP/2 flushes after every answer; here answers gather until
//! nothing more is there to be read, so that questions that came together are answered together: what a call costs on its way
//! is mostly the kernel's price of a piece.

use std::io::{Error, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};

/// Most that is read ahead, and most that waits to be written.
const ROOM: usize = 64 * 1024;

pub struct Gathered<R, W> {
    reading: BufReader<R>,
    writing: W,
    unsent: Vec<u8>,
    /// So much of it is written.
    sent: usize,
    /// The other side takes nothing now.
    is_blocked: bool,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Gathered<R, W> {
    pub fn new(reading: R, writing: W) -> Self {
        let reading = BufReader::with_capacity(ROOM, reading);
        Self { reading, writing, unsent: Vec::new(), sent: 0, is_blocked: false }
    }

    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.is_blocked = true;
        while let Some(rest) = self.unsent.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.writing).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(Error::from(ErrorKind::WriteZero))),
                written => self.sent += written,
            }
        }
        (self.sent, self.is_blocked) = (0, false);
        self.unsent.clear();
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> AsyncRead for Gathered<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let read = Pin::new(&mut self.reading).poll_read(cx, buffer);
        if read.is_pending()
            && let Poll::Ready(Err(error)) = self.drain(cx)
        {
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> AsyncWrite for Gathered<R, W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        if self.unsent.len() >= ROOM {
            ready!(self.drain(cx))?;
        }
        let before = self.unsent.len();
        for piece in pieces {
            let room = ROOM - self.unsent.len();
            self.unsent.extend_from_slice(piece.get(..room).unwrap_or(piece));
        }
        Poll::Ready(Ok(self.unsent.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Whoever reads next, and finds nothing, writes. That is this task, which is woken for it.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.is_blocked {
            return self.drain(cx);
        }
        if !self.unsent.is_empty() {
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(self.drain(cx))?;
        Pin::new(&mut self.writing).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, split};

    /// A task of its own, as HTTP/2 has: it answers each byte with one, and reads until there is nothing.
    async fn echo(stream: tokio::io::DuplexStream) {
        let (reading, writing) = split(stream);
        let mut gathered = Gathered::new(reading, writing);
        let mut byte = [0; 1];
        while gathered.read(&mut byte).await.is_ok_and(|read| read > 0) {
            gathered.write_all(&byte).await.unwrap();
            gathered.flush().await.unwrap();
        }
        gathered.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn what_was_flushed_arrives_though_nothing_more_comes() {
        let (mut near, far) = duplex(1024);
        let task = tokio::spawn(echo(far));
        for _ in 0..3 {
            near.write_all(b"abc").await.unwrap();
            let mut answer = [0; 3];
            near.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"abc");
        }
        drop(near);
        task.await.unwrap();
    }

    #[tokio::test]
    async fn more_than_there_is_room_for_passes_a_narrow_way_whole_and_in_order() {
        let (near, far) = duplex(100);
        let task = tokio::spawn(echo(far));
        let sent: Vec<u8> = (0..3 * ROOM).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let (mut reading, mut writing) = split(near);
        let all = sent.clone();
        let writer = tokio::spawn(async move {
            writing.write_all(&all).await.unwrap();
            writing.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        reading.read_to_end(&mut received).await.unwrap();
        assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
        writer.await.unwrap();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn answers_to_what_came_together_leave_together() {
        let (mut near, far) = duplex(1024);
        near.write_all(b"abc").await.unwrap();
        let (reading, writing) = split(far);
        let mut gathered = Gathered::new(reading, writing);
        let mut byte = [0; 1];
        for _ in 0..3 {
            gathered.read_exact(&mut byte).await.unwrap();
            gathered.write_all(&byte).await.unwrap();
            gathered.flush().await.unwrap();
        }
        assert_eq!((gathered.unsent.len(), gathered.sent), (3, 0));
        let mut nothing = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut gathered).poll_read(&mut cx, &mut nothing).is_pending());
        assert!(gathered.unsent.is_empty());
        let mut answer = [0; 3];
        near.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"abc");
    }
}
