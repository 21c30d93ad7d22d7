//! Raw requests and answers.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything takes, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A connection, in clear or not.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub struct Client {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// It ended as its head said.
    pub is_whole: bool,
}

impl Answer {
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    pub fn reason(&self) -> &str {
        self.headers("cf-access-error").first().copied().unwrap_or("-")
    }

    pub fn session(&self) -> Option<&str> {
        let cookies = self.headers("set-cookie");
        let mut sessions = cookies.iter().filter_map(|line| line.strip_prefix("CF_Authorization="));
        sessions.next()?.split(';').next()
    }
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), read: Vec::new() }
    }

    /// The gateway may have closed already: that is for the answer to show.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        read.expect("an answer in time").is_ok_and(|read| read > 0)
    }

    /// Whether the gateway closes the connection and says nothing more.
    pub async fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.more().await
    }

    pub async fn get(&mut self, host: &str, path: &str, lines: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")).await;
        self.answer(false).await.expect("an answer")
    }

    /// None: closed without one. `is_head`: no body follows, whatever the head says.
    pub async fn answer(&mut self, is_head: bool) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let rest = self.read.split_off(end + 4);
        let head = String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
        let status = head.get(9..12).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new(), is_whole: true };
        if status == 100 {
            return Box::pin(self.answer(is_head)).await;
        }
        if is_head || status == 204 || status == 304 {
            return Some(answer);
        }
        if let Some(length) = answer.headers("content-length").first().map(|it| it.parse().unwrap()) {
            while self.read.len() < length && self.more().await {}
            answer.is_whole = self.read.len() >= length;
            let rest = self.read.split_off(length.min(self.read.len()));
            answer.body = std::mem::replace(&mut self.read, rest);
        } else {
            let is_chunked = !answer.headers("transfer-encoding").is_empty();
            while !(is_chunked && self.read.ends_with(b"0\r\n\r\n")) && self.more().await {}
            answer.is_whole = !is_chunked || self.read.ends_with(b"0\r\n\r\n");
            answer.body = std::mem::take(&mut self.read);
        }
        Some(answer)
    }
}
