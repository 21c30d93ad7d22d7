//! An application that notes every byte it gets, and answers 200.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// In its answers, and in no other.
pub const MARK: &str = "x-answered-by";

/// The first part of an answer that goes on later.
const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
const TUNNEL: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// One request, as a lenient reader takes the bytes apart.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// First line and headers, as they came.
    pub head: Vec<u8>,
    /// Chunk sizes and trailers too.
    pub body: Vec<u8>,
    pub target: String,
    /// Names as they were spelled.
    pub headers: Vec<(String, String)>,
}

impl Seen {
    /// The body without its framing.
    pub fn said(&self) -> Vec<u8> {
        if self.all("transfer-encoding").next().is_none() {
            return self.body.clone();
        }
        let (mut said, mut rest) = (Vec::new(), self.body.as_slice());
        while let Some(end) = position(rest, b"\n") {
            let (line, after) = rest.split_at(end + 1);
            let line = String::from_utf8_lossy(line);
            let size =
                usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
            let Some(chunk) = after.get(..size).filter(|_| size > 0) else { break };
            said.extend_from_slice(chunk);
            rest = after.get(size + 2..).unwrap_or_default();
        }
        said
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Stopped when dropped.
pub struct Recorder {
    pub address: SocketAddr,
    notes: Arc<Notes>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Notes {
    seen: Mutex<Vec<Seen>>,
    /// For an answer that is held up.
    goes_on: Notify,
}

impl Recorder {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let notes: Arc<Notes> = Arc::default();
        let noted = notes.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = noted.clone();
                tokio::spawn(async move { serve(stream, &noted).await });
            }
        });
        Self { address, notes, server }
    }

    /// The rest of the answer to `/stream`.
    pub fn go_on(&self) {
        self.notes.goes_on.notify_one();
    }

    /// What has arrived since this was asked last.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.notes.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, notes: &Notes) {
    let mut buffer = Vec::new();
    while let Some(seen) = request(&mut stream, &mut buffer).await {
        let is_head = seen.head.starts_with(b"HEAD ");
        let path = seen.target.clone();
        let is_upgrade = seen.all("upgrade").next().is_some();
        notes.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        if path == "/websocket" && is_upgrade {
            return echo(stream).await;
        }
        if path == "/stream" {
            let _ = stream.write_all(STREAM).await;
            notes.goes_on.notified().await;
            let _ = stream.write_all(b"4\r\nlast\r\n0\r\n\r\n").await;
            continue;
        }
        let body = if is_head { "" } else { "ok" };
        let answer = format!(
            "HTTP/1.1 200 OK\r\n{MARK}: recorder\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{body}"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A tunnel that says what it hears.
async fn echo(mut stream: TcpStream) {
    let _ = stream.write_all(TUNNEL).await;
    let (mut from, mut to) = stream.split();
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// Up to and with `end`.
async fn until(stream: &mut TcpStream, buffer: &mut Vec<u8>, ends: &[&[u8]]) -> Option<Vec<u8>> {
    loop {
        let found = ends.iter().filter_map(|end| Some(position(buffer, end)? + end.len())).min();
        if let Some(length) = found {
            return Some(buffer.drain(..length).collect());
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

pub fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let head = until(stream, buffer, &[b"\r\n\r\n", b"\n\n"]).await?;
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let target =
        first.split_once(' ').map_or("", |(_, rest)| rest.rsplit_once(' ').map_or(rest, |(it, _)| it));
    let header =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let headers: Vec<_> = lines.filter_map(header).collect();
    let mut seen = Seen { head, target: target.to_owned(), headers, body: Vec::new() };
    if seen.all("expect").next().is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
    }
    let length: Option<usize> = seen.all("content-length").next().and_then(|value| value.parse().ok());
    let is_chunked = seen.all("transfer-encoding").any(|value| value.to_lowercase().contains("chunked"));
    if is_chunked {
        seen.body = chunked(stream, buffer).await?;
    } else if let Some(length) = length {
        while buffer.len() < length {
            more(stream, buffer).await?;
        }
        seen.body = buffer.drain(..length).collect();
    }
    Some(seen)
}

async fn chunked(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = until(stream, buffer, &[b"\n"]).await?;
        let text = String::from_utf8_lossy(&line).into_owned();
        body.extend(line);
        let size = usize::from_str_radix(text.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            break;
        }
        while buffer.len() < size + 2 {
            more(stream, buffer).await?;
        }
        body.extend(buffer.drain(..size + 2));
    }
    loop {
        let line = until(stream, buffer, &[b"\n"]).await?;
        let is_end = line.trim_ascii().is_empty();
        body.extend(line);
        if is_end {
            return Some(body);
        }
    }
}
