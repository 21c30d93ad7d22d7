//! A client that sends exactly the bytes that it is told.

use crate::recorder::{MARK, position};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Longer than any answer may take.
pub const PATIENCE: Duration = Duration::from_secs(40);
/// How long a second request may take to arrive where none should.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// What came of one connection.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// `None`: closed without an answer.
    pub status: Option<u16>,
    /// Lower case names.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// The session that the edge gave.
    pub fn session(&self) -> Option<&str> {
        let mut lines = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        let (value, _) =
            lines.find_map(|(_, line)| line.strip_prefix("CF_Authorization=")?.split_once(';'))?;
        Some(value)
    }

    pub fn is_from_upstream(&self) -> bool {
        self.header(MARK).is_some()
    }
}

/// Connects as a client that no front has been told to believe.
pub async fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 2], 0).into())?;
    socket.connect(to).await
}

/// Sends the bytes and reads the first answer; `linger`: and waits whether anything else comes of them.
///
/// # Errors
/// Nothing was answered in time.
pub async fn send(to: SocketAddr, bytes: &[u8], linger: bool) -> Result<Answer, String> {
    let mut stream = connect(to).await.map_err(|error| format!("cannot connect: {error}"))?;
    // It may be refused before it is sent in full.
    let _ = stream.write_all(bytes).await;
    let is_head = bytes.starts_with(b"HEAD ");
    let answer = tokio::time::timeout(PATIENCE, answer(&mut stream, is_head)).await;
    let answer = answer.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
    if linger {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(AFTERWARDS, stream.read_to_end(&mut rest)).await;
    }
    Ok(answer)
}

/// A request of this shape, with these header lines.
///
/// # Errors
/// Nothing was answered in time.
pub async fn get(to: SocketAddr, host: &str, path: &str, lines: &[String]) -> Result<Answer, String> {
    let first = [format!("GET {path} HTTP/1.1"), format!("Host: {host}")];
    let head = [&first, lines].concat().join("\r\n") + "\r\n\r\n";
    send(to, head.as_bytes(), false).await
}

async fn answer(stream: &mut TcpStream, is_head: bool) -> Answer {
    let mut buffer = Vec::new();
    loop {
        let Some(end) = head_end(stream, &mut buffer).await else { return Answer::default() };
        let head: Vec<u8> = buffer.drain(..end).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        if status.is_some_and(|status: u16| status < 200 && status != 101) {
            continue;
        }
        let header = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let mut answer = Answer { status, headers: lines.filter_map(header).collect(), body: Vec::new() };
        if !is_head && !matches!(status, Some(101 | 204 | 304)) {
            answer.body = body(stream, buffer, &answer).await;
        }
        return answer;
    }
}

async fn head_end(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<usize> {
    loop {
        if let Some(at) = position(buffer, b"\r\n\r\n") {
            return Some(at + 4);
        }
        more(stream, buffer).await?;
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut part = vec![0; 16 * 1024];
    let length = stream.read(&mut part).await.ok().filter(|length| *length > 0)?;
    buffer.extend_from_slice(&part[..length]);
    Some(())
}

async fn body(stream: &mut TcpStream, mut buffer: Vec<u8>, of: &Answer) -> Vec<u8> {
    let length: Option<usize> = of.header("content-length").and_then(|value| value.parse().ok());
    let is_chunked = of.header("transfer-encoding").is_some();
    loop {
        let is_whole = match length {
            Some(length) => buffer.len() >= length,
            None => is_chunked && buffer.ends_with(b"0\r\n\r\n"),
        };
        if is_whole || more(stream, &mut buffer).await.is_none() {
            return buffer;
        }
    }
}
