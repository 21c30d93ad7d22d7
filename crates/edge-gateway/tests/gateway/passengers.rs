//! One open stream of each kind, from the client through the gateway to the application and back.

use crate::client::PATIENCE;
use crate::grpc::Call;
use crate::upstream::Manner;
use crate::world::{Pair, World};
use futures::{SinkExt as _, StreamExt as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

/// What a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    WebSocket,
    Events,
    Call,
}

pub const KINDS: [Kind; 3] = [Kind::WebSocket, Kind::Events, Kind::Call];

impl Kind {
    /// Two applications that it is spoken to.
    pub const fn hosts(self) -> [&'static str; 2] {
        match self {
            Self::WebSocket | Self::Events => ["app.localhost", "preflight.localhost"],
            Self::Call => ["grpc.localhost", "calls.localhost"],
        }
    }
}

/// An open stream.
pub enum Passenger {
    WebSocket(Box<WebSocketStream<TcpStream>>),
    Events(TcpStream),
    Call(Call),
}

/// How many events and messages have been sent by whomever.
static EVENTS: AtomicU64 = AtomicU64::new(0);

impl Passenger {
    pub async fn board(world: &World, kind: Kind, host: &str, pair: &Pair) -> Self {
        let mut passenger = match kind {
            Kind::WebSocket => Self::WebSocket(Box::new(web_socket(world, host, pair).await.unwrap())),
            Kind::Events => {
                let mut stream = TcpStream::connect(world.gateway).await.unwrap();
                let head = format!("GET /events HTTP/1.1\r\nHost: {host}\r\n{}\r\n", pair.lines());
                stream.write_all(head.as_bytes()).await.unwrap();
                Self::Events(stream)
            }
            Kind::Call => Self::Call(Call::begin(world, host, pair).await.unwrap()),
        };
        assert!(passenger.is_alive().await, "{kind:?} at {host} does not begin");
        passenger
    }

    /// Whether what is sent now still arrives.
    pub async fn is_alive(&mut self) -> bool {
        tokio::time::timeout(PATIENCE, self.next()).await.unwrap().is_some()
    }

    async fn next(&mut self) -> Option<()> {
        match self {
            Self::WebSocket(stream) => {
                let now = Message::text(EVENTS.fetch_add(1, Ordering::SeqCst).to_string());
                stream.send(now.clone()).await.ok()?;
                let echo = stream.next().await?.ok()?;
                assert_eq!(echo, now);
                Some(())
            }
            Self::Events(stream) => {
                let now = EVENTS.load(Ordering::SeqCst);
                loop {
                    let mut bytes = vec![0; 64 * 1024];
                    let length = stream.read(&mut bytes).await.ok().filter(|length| *length > 0)?;
                    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                    let numbers = text.lines().filter_map(|line| line.strip_prefix("data: "));
                    if numbers.filter_map(|number| number.parse::<u64>().ok()).any(|number| number >= now) {
                        return Some(());
                    }
                }
            }
            Self::Call(call) => call.next().await.ok(),
        }
    }

    /// Waits until it has ended, as streams end that are cut off.
    pub async fn end(self) {
        tokio::time::timeout(PATIENCE, self.ended()).await.expect("the stream goes on");
    }

    async fn ended(mut self) {
        match &mut self {
            Self::WebSocket(stream) => {
                while let Some(Ok(message)) = stream.next().await {
                    assert!(!message.is_close(), "the application closed it");
                }
            }
            Self::Events(stream) => {
                let (mut bytes, mut last) = (vec![0; 64 * 1024], Vec::new());
                while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                    last = bytes[..length].to_vec();
                }
                assert!(!last.ends_with(b"0\r\n\r\n"), "the body is whole");
            }
            Self::Call(call) => while call.received().await.is_ok() {},
        }
    }
}

pub async fn web_socket(world: &World, host: &str, pair: &Pair) -> Result<WebSocketStream<TcpStream>, Error> {
    let mut request = format!("ws://{host}/socket").into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("cf-access-client-id", pair.token.client_id.parse().unwrap());
    headers.insert("cf-access-client-secret", pair.secret.parse().unwrap());
    let stream = TcpStream::connect(world.gateway).await?;
    Ok(client_async(request, stream).await?.0)
}

/// From now on the application answers in WebSocket where it is asked to, and everything else with events.
pub fn receive(world: &World) {
    let (to, mut connections) = mpsc::unbounded_channel();
    world.upstream.behave(Manner::HandedOver(to));
    tokio::spawn(async move {
        while let Some(stream) = connections.recv().await {
            tokio::spawn(serve(stream));
        }
    });
}

async fn serve(mut stream: TcpStream) -> Option<()> {
    let mut head = vec![0; 16 * 1024];
    let head = loop {
        stream.readable().await.ok()?;
        let length = stream.peek(&mut head).await.ok().filter(|length| *length > 0)?;
        if head[..length].ends_with(b"\r\n\r\n") {
            break String::from_utf8_lossy(&head[..length]).to_ascii_lowercase();
        }
    };
    if head.contains("upgrade: websocket") {
        let mut socket = accept_async(stream).await.ok()?;
        while let Some(message) = socket.next().await {
            // The answer to a close is sent while waiting for what follows it.
            let message = message.ok()?;
            if !message.is_close() {
                socket.send(message).await.ok()?;
            }
        }
        return None;
    }
    stream.read_exact(&mut vec![0; head.len()]).await.ok()?;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.ok()?;
    loop {
        let event = format!("data: {}\n\n", EVENTS.fetch_add(1, Ordering::SeqCst));
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.ok()?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
