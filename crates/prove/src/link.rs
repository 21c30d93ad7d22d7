//! A TCP proxy between two processes that can be told to misbehave.
//!
//! A cut is silent: connections stay open, nothing arrives, and what was on its way arrives when the cut is healed,
//! as over a network that drops packets and whose ends send them again.

use anyhow::Result;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// How a link behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Forward,
    /// Nothing passes, in either direction, and nobody is told.
    Cut,
    /// What the caller sends does not arrive; what it is sent does.
    CutForth,
    /// What the caller sends arrives; what it is sent does not.
    CutBack,
    /// Connections break, and new ones break at once.
    Refuse,
    /// Everything arrives this much later, in each direction.
    Delay(Duration),
}

impl Mode {
    /// How late bytes pass; `None`: not now.
    fn lateness(self, direction: Direction) -> Option<Duration> {
        match (self, direction) {
            (Self::Forward, _) | (Self::CutForth, Direction::Back) | (Self::CutBack, Direction::Forth) => {
                Some(Duration::ZERO)
            }
            (Self::Delay(delay), _) => Some(delay),
            (Self::Cut | Self::Refuse, _)
            | (Self::CutForth, Direction::Forth)
            | (Self::CutBack, Direction::Back) => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Forth,
    Back,
}

/// Connections of one link at a time.
const CONNECTIONS: usize = 512;
/// Read at once, and chunks on their way in each direction of a connection.
const CHUNK: usize = 16 * 1024;
const CHUNKS: usize = 64;

/// A listener whose connections go to one address. Ends when it is dropped.
#[derive(Debug)]
pub struct Link {
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
    task: AbortHandle,
}

impl Link {
    /// On a free port of the loopback interface.
    pub async fn open(to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (mode, watched) = watch::channel(Mode::Forward);
        let task = tokio::spawn(accept(listener, to, watched)).abort_handle();
        Ok(Self { address, mode, task })
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, mode: watch::Receiver<Mode>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Ends its tasks when this one is ended.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((caller, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let mode = mode.clone();
        connections.spawn(async move {
            let _ = connect(caller, to, mode).await;
            drop(place);
        });
    }
}

async fn connect(caller: TcpStream, to: SocketAddr, mut mode: watch::Receiver<Mode>) -> io::Result<()> {
    let broken = {
        let mut mode = mode.clone();
        async move {
            let _ = mode.wait_for(|mode| *mode == Mode::Refuse).await;
        }
    };
    let carry = async {
        // The callee does not hear of whoever calls through a cut.
        let _ = mode.wait_for(|mode| mode.lateness(Direction::Forth).is_some()).await;
        let callee = TcpStream::connect(to).await?;
        for stream in [&caller, &callee] {
            stream.set_nodelay(true)?;
        }
        let (from_caller, to_caller) = caller.into_split();
        let (from_callee, to_callee) = callee.into_split();
        tokio::join!(
            pump(from_caller, to_callee, mode.clone(), Direction::Forth),
            pump(from_callee, to_caller, mode.clone(), Direction::Back),
        );
        Ok(())
    };
    tokio::select! {
        () = broken => Ok(()),
        outcome = carry => outcome,
    }
}

async fn pump(from: OwnedReadHalf, to: OwnedWriteHalf, mode: watch::Receiver<Mode>, direction: Direction) {
    let (chunks, waiting) = mpsc::channel(CHUNKS);
    tokio::join!(read(from, chunks), write(to, waiting, mode, direction));
}

async fn read(mut from: OwnedReadHalf, chunks: mpsc::Sender<(Instant, Vec<u8>)>) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        // The end travels like a chunk: it arrives after what was sent before it.
        let is_over = !matches!(from.read_buf(&mut chunk).await, Ok(1..));
        if chunks.send((Instant::now(), chunk)).await.is_err() || is_over {
            return;
        }
    }
}

async fn write(
    mut to: OwnedWriteHalf,
    mut chunks: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut mode: watch::Receiver<Mode>,
    direction: Direction,
) {
    while let Some((read_at, chunk)) = chunks.recv().await {
        let lateness = match mode.wait_for(|mode| mode.lateness(direction).is_some()).await {
            Ok(mode) => mode.lateness(direction).unwrap_or_default(),
            Err(_) => return,
        };
        if !lateness.is_zero() {
            tokio::time::sleep_until(read_at + lateness).await;
        }
        if chunk.is_empty() || to.write_all(&chunk).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than anything that should happen takes; what should not is waited for a moment.
    const LONG: Duration = Duration::from_mins(1);
    const MOMENT: Duration = Duration::from_millis(50);

    /// The link, its caller's connection, and the callee's end of it.
    async fn linked() -> (Link, TcpStream, TcpStream) {
        let callee = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Link::open(callee.local_addr().unwrap()).await.unwrap();
        let caller = TcpStream::connect(link.address).await.unwrap();
        let (accepted, _) = tokio::time::timeout(LONG, callee.accept()).await.unwrap().unwrap();
        (link, caller, accepted)
    }

    async fn arrives(stream: &mut TcpStream, text: &[u8]) {
        let mut read = vec![0; text.len()];
        tokio::time::timeout(LONG, stream.read_exact(&mut read)).await.unwrap().unwrap();
        assert_eq!(read, text);
    }

    async fn nothing_arrives(stream: &mut TcpStream) {
        let mut byte = [0];
        assert!(tokio::time::timeout(MOMENT, stream.read(&mut byte)).await.is_err());
    }

    #[tokio::test]
    async fn bytes_and_the_end_pass_in_both_directions() {
        let (_link, mut caller, mut callee) = linked().await;
        caller.write_all(b"question").await.unwrap();
        arrives(&mut callee, b"question").await;
        callee.write_all(b"answer").await.unwrap();
        arrives(&mut caller, b"answer").await;
        drop(caller);
        let ended = tokio::time::timeout(LONG, callee.read(&mut [0])).await.unwrap();
        assert!(matches!(ended, Ok(0) | Err(_)));
    }

    #[tokio::test]
    async fn a_cut_is_silent_and_what_was_sent_arrives_when_it_is_healed() {
        let (link, mut caller, mut callee) = linked().await;
        link.set(Mode::Cut);
        caller.write_all(b"late").await.unwrap();
        nothing_arrives(&mut callee).await;
        link.set(Mode::Forward);
        arrives(&mut callee, b"late").await;
    }

    #[tokio::test]
    async fn one_direction_can_be_cut_alone() {
        let (link, mut caller, mut callee) = linked().await;
        for (mode, is_forth) in [(Mode::CutForth, true), (Mode::CutBack, false)] {
            link.set(mode);
            caller.write_all(b"forth").await.unwrap();
            callee.write_all(b"back").await.unwrap();
            if is_forth {
                arrives(&mut caller, b"back").await;
                nothing_arrives(&mut callee).await;
            } else {
                arrives(&mut callee, b"forth").await;
                nothing_arrives(&mut caller).await;
            }
            link.set(Mode::Forward);
            if is_forth {
                arrives(&mut callee, b"forth").await;
            } else {
                arrives(&mut caller, b"back").await;
            }
        }
    }

    #[tokio::test]
    async fn refusing_breaks_what_is_open_and_what_comes() {
        let (link, mut caller, _callee) = linked().await;
        link.set(Mode::Refuse);
        let mut next = TcpStream::connect(link.address).await.unwrap();
        for stream in [&mut caller, &mut next] {
            let ended = tokio::time::timeout(LONG, stream.read(&mut [0])).await.unwrap();
            assert!(matches!(ended, Ok(0) | Err(_)));
        }
    }

    #[tokio::test]
    async fn a_slow_link_delivers_late_and_in_order() {
        let (link, mut caller, mut callee) = linked().await;
        let delay = Duration::from_millis(100);
        link.set(Mode::Delay(delay));
        let sent = Instant::now();
        caller.write_all(b"first").await.unwrap();
        caller.write_all(b"second").await.unwrap();
        arrives(&mut callee, b"firstsecond").await;
        assert!(sent.elapsed() >= delay);
    }
}
