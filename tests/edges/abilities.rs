//! What each edge can express: the table of `deploy/README.md`, tried.

use crate::client::{self, PATIENCE, connect, get};
use crate::edge::{At, Edge};
use crate::ground::Ground;
use crate::http2;
use crate::recorder::position;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// One row.
#[expect(clippy::struct_excessive_bools, reason = "a row of a table")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// The status of a path that could be read in two ways, of a host of nobody, and of a method that nobody knows.
    pub ambiguous: u16,
    pub unknown: u16,
    pub method: u16,
    /// What was let through by identity is `Cache-Control: private`.
    pub is_private: bool,
    /// The answer's first part reaches the client before its last has been said.
    pub streams: bool,
    pub websocket: bool,
    /// HTTP/2 in clear text.
    pub http2: bool,
    /// Of a request in HTTP/1.1, to the application.
    pub trailers: bool,
}

const ROWS: [(&str, Abilities); 7] = [
    ("gateway", row([400, 404, 405], [true, true, true, true, true])),
    ("envoy", row([400, 404, 400], [true, true, false, true, false])),
    ("envoy-http", row([400, 404, 400], [false, true, false, true, false])),
    ("nginx", row([403, 403, 403], [true, true, false, false, false])),
    ("caddy", row([400, 404, 405], [true, true, true, true, false])),
    ("haproxy", row([400, 404, 405], [true, true, true, true, true])),
    ("traefik", row([400, 404, 405], [false, true, true, true, false])),
];

const fn row([ambiguous, unknown, method]: [u16; 3], rest: [bool; 5]) -> Abilities {
    let [is_private, streams, websocket, http2, trailers] = rest;
    Abilities { ambiguous, unknown, method, is_private, streams, websocket, http2, trailers }
}

/// What is seen is what the row says.
pub async fn are_what_the_table_says(ground: &Ground, at: At) -> Result<(), String> {
    let edge = ground.edge(at).await?.lock().await;
    let seen = seen(ground, &edge).await?;
    let (_, said) = ROWS.iter().find(|(name, _)| *name == at.name()).ok_or("no row")?;
    if seen == *said { Ok(()) } else { Err(format!("it is {seen:?}\n    not {said:?}")) }
}

async fn seen(ground: &Ground, edge: &Edge) -> Result<Abilities, String> {
    let status = async |request: &str| {
        let answer = client::send(edge.address, request.as_bytes(), false).await?;
        Ok::<_, String>(answer.status.unwrap_or_default())
    };
    let pair = [
        ground.words.fill("CF-Access-Client-Id: {id}"),
        ground.words.fill("CF-Access-Client-Secret: {secret}"),
    ];
    let admitted = get(edge.address, "closed.test", "/x", &pair).await?;
    let open = [":method: GET", ":scheme: http", ":authority: open.test", ":path: /x"];
    let open: Vec<_> = open.iter().map(|line| line.as_bytes().to_vec()).collect();
    Ok(Abilities {
        ambiguous: status("GET /x;y HTTP/1.1\r\nHost: open.test\r\n\r\n").await?,
        unknown: status("GET /x HTTP/1.1\r\nHost: nobody.test\r\n\r\n").await?,
        method: status("FROB /x HTTP/1.1\r\nHost: open.test\r\n\r\n").await?,
        is_private: admitted.header("cache-control") == Some("private"),
        streams: streams(edge).await,
        websocket: is_tunnel(edge).await,
        http2: http2::send(edge.address, &open).await?.status == Some(200),
        trailers: passes_trailers(edge).await?,
    })
}

/// The application says "first" at once, and the rest when it is asked to.
async fn streams(edge: &Edge) -> bool {
    let Ok(mut stream) = connect(edge.address).await else { return false };
    let request = "GET /stream HTTP/1.1\r\nHost: open.test\r\n\r\n";
    let _ = stream.write_all(request.as_bytes()).await;
    let is_here = read_until(&mut stream, b"first").await.is_some();
    edge.recorder.go_on();
    is_here && read_until(&mut stream, b"last").await.is_some()
}

async fn is_tunnel(edge: &Edge) -> bool {
    let Ok(mut stream) = connect(edge.address).await else { return false };
    let request = "GET /websocket HTTP/1.1\r\nHost: open.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let _ = stream.write_all(request.as_bytes()).await;
    let head = read_until(&mut stream, b"\r\n\r\n").await.unwrap_or_default();
    if !head.starts_with(b"HTTP/1.1 101 ") {
        return false;
    }
    let _ = stream.write_all(b"over and back").await;
    read_until(&mut stream, b"over and back").await.is_some()
}

async fn passes_trailers(edge: &Edge) -> Result<bool, String> {
    edge.recorder.take();
    let request = "POST /x HTTP/1.1\r\nHost: open.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Own\r\nTE: trailers\r\n\r\n\
                   5\r\nhello\r\n0\r\nX-Own: yes\r\n\r\n";
    client::send(edge.address, request.as_bytes(), false).await?;
    let seen = edge.recorder.take();
    let seen = seen.first().ok_or("nothing arrived")?;
    Ok(String::from_utf8_lossy(&seen.body).to_lowercase().contains("x-own: yes"))
}

/// One byte at a time: what follows stays.
async fn read_until(stream: &mut tokio::net::TcpStream, end: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let reading = async {
        while position(&bytes, end).is_none() {
            bytes.push(stream.read_u8().await.ok()?);
        }
        Some(())
    };
    tokio::time::timeout(PATIENCE, reading).await.ok()??;
    Some(bytes)
}
