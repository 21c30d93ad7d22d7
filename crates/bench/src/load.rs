//! The load: a fixed request on keep-alive connections, each sent when the last was answered.

use crate::series::{Turn, nanos, now};
use anyhow::{Context as _, Result, bail};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// More answers than this a connection are not waited for, however fast they come.
const MOST: usize = 1_000_000;

/// What is asked, and where.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub request: Arc<[u8]>,
}

impl Target {
    /// A GET of the sample application with these further header lines.
    pub fn new(address: SocketAddr, lines: &str) -> Self {
        let host = crate::world::DOMAIN;
        let request = format!(
            "GET /orders/17 HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nUser-Agent: bench\r\n{lines}\r\n"
        );
        Self { address, request: request.into_bytes().into() }
    }

    /// One turn: every connection is open and answered once before the time starts.
    pub async fn turn(&self, connections: u16, duration: Duration) -> Result<Turn> {
        let mut open = Vec::new();
        for _ in 0..connections {
            let mut connection = Connection::open(self.address).await?;
            connection.ask(&self.request).await?;
            open.push(connection);
        }
        let (mut asking, start) = (JoinSet::new(), now());
        let end = start.after(duration);
        for mut connection in open {
            let request = self.request.clone();
            asking.spawn(async move {
                let (mut latencies, mut sent) = (Vec::with_capacity(1 << 14), now());
                while sent < end && latencies.len() < MOST {
                    connection.ask(&request).await?;
                    let answered = now();
                    latencies.push(nanos(answered.since(sent)));
                    sent = answered;
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(asked) = asking.join_next().await {
            latencies.append(&mut asked??);
        }
        Ok(Turn { elapsed: now().since(start), latencies })
    }

    /// The head of one answer.
    pub async fn head(&self) -> Result<String> {
        let mut connection = Connection::open(self.address).await?;
        let head = connection.ask(&self.request).await?;
        Ok(String::from_utf8_lossy(head).into_owned())
    }
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(1 << 14) })
    }

    /// Sends a request and reads its whole answer, which must be 200. The answer's head.
    pub async fn ask(&mut self, request: &[u8]) -> Result<&[u8]> {
        let (head, _) = self.exchange(request).await?;
        if !head.starts_with(b"HTTP/1.1 200 ") {
            bail!("the answer is not 200: {}", String::from_utf8_lossy(head));
        }
        Ok(head)
    }

    /// Sends a request and reads its whole answer, whatever it is: head and body.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<(&[u8], &[u8])> {
        let Self { stream, answer } = self;
        stream.write_all(request).await?;
        answer.clear();
        let (head, whole) = loop {
            read(stream, answer).await?;
            if let Some(lengths) = lengths(answer)? {
                break lengths;
            }
        };
        while answer.len() < whole {
            read(stream, answer).await?;
        }
        answer.split_at_checked(head).context("the answer has no head")
    }
}

async fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<()> {
    if stream.read_buf(answer).await? == 0 {
        bail!("the connection was closed before the answer was complete");
    }
    Ok(())
}

/// Of the head, and of the whole answer; nothing while the head is incomplete.
fn lengths(answer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = end + 4;
    let lines = answer.get(..end).unwrap_or_default().split(|byte| *byte == b'\n');
    let body = lines.filter_map(|line| line.split_at_checked(15)).find_map(|(name, value)| {
        let value = name.eq_ignore_ascii_case(b"content-length:").then_some(value)?;
        std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok()
    });
    Ok(Some((head, head + body.context("the answer has no Content-Length")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_head_says() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\nok";
        assert_eq!(lengths(answer).unwrap(), Some((answer.len() - 2, answer.len())));
        assert_eq!(lengths(&answer[..30]).unwrap(), None);
        assert!(lengths(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[tokio::test]
    async fn a_turn_counts_what_was_answered() {
        let target = Target::new(crate::upstream::serve().await.unwrap(), "");
        let turn = target.turn(2, Duration::from_millis(20)).await.unwrap();
        assert!(!turn.latencies.is_empty());
        assert!(turn.elapsed >= Duration::from_millis(20));
        assert!(target.head().await.unwrap().starts_with("HTTP/1.1 200 OK"));
    }
}
