//! The application behind the gateway: keeps what arrives, byte by byte, and answers what it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    /// Method and target.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap().strip_suffix(" HTTP/1.1").unwrap()
    }

    /// The lines, with names in lower case.
    pub fn headers(&self) -> Vec<String> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase())).collect()
    }
}

pub struct Upstream {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    manner: Mutex<Manner>,
}

/// How requests are answered.
#[derive(Default, Clone)]
pub enum Manner {
    #[default]
    Usual,
    /// With these bytes, and then the connection is closed.
    Told(Vec<u8>),
    /// Not at all.
    Silent,
    /// By whoever gets the connection.
    HandedOver(UnboundedSender<TcpStream>),
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let kept = shared.clone();
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = kept.clone();
                let manner = kept.manner.lock().unwrap().clone();
                if let Manner::HandedOver(to) = manner {
                    to.send(stream).unwrap();
                } else {
                    tokio::spawn(async move { serve(stream, &shared).await });
                }
            }
        });
        Self { address, shared, server }
    }

    /// From now on.
    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// What has arrived since this was last asked.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Until the gateway closes, or sends what is no whole request.
async fn serve(mut stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let seen = request(&mut stream, &mut read).await?;
        let is_head = seen.head.starts_with("HEAD ");
        shared.seen.lock().unwrap().push(seen);
        let manner = shared.manner.lock().unwrap().clone();
        match manner {
            Manner::Told(answer) => {
                stream.write_all(&answer).await.ok()?;
                return None;
            }
            Manner::Silent => {
                stream.read_buf(&mut read).await.ok()?;
                return None;
            }
            Manner::Usual | Manner::HandedOver(_) => {
                let body = if is_head { "" } else { "ok" };
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
        }
    }
}

async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Seen> {
    let head = take_until(stream, read, b"\r\n\r\n").await?;
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut seen = Seen { head, body: Vec::new() };
    let value =
        |name: &str| seen.headers().iter().find_map(|line| line.strip_prefix(name).map(ToOwned::to_owned));
    if value("transfer-encoding: ").is_some() {
        loop {
            let size = take_until(stream, read, b"\r\n").await?;
            let size = usize::from_str_radix(std::str::from_utf8(&size).ok()?.trim(), 16).ok()?;
            let chunk = take(stream, read, size + 2).await?;
            if size == 0 {
                return Some(seen);
            }
            seen.body.extend_from_slice(&chunk[..size]);
        }
    }
    if let Some(length) = value("content-length: ") {
        seen.body = take(stream, read, length.parse().ok()?).await?;
    }
    Some(seen)
}

async fn take(stream: &mut TcpStream, read: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    while read.len() < length {
        stream.read_buf(read).await.ok().filter(|read| *read > 0)?;
    }
    let rest = read.split_off(length);
    Some(std::mem::replace(read, rest))
}

async fn take_until(stream: &mut TcpStream, read: &mut Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = read.windows(end.len()).position(|window| window == end) {
            return take(stream, read, at + end.len()).await;
        }
        stream.read_buf(read).await.ok().filter(|read| *read > 0)?;
    }
}
