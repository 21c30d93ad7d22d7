//! `cloudflared access tcp`: TCP inside a WebSocket, past the gateway by a service token. What cloudflared 2026.8 sends is
//! replayed byte for byte; and itself, where it is at hand. `discovery`: its other commands.

mod discovery;

use crate::in_a_world;
use base64::Engine as _;
use harness::World;
use harness::objects::{App, Token};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(20);
/// The key of RFC 6455, and the answer that belongs to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// One binary frame, masked with 01 02 03 04, which holds `ping`; and the same as a server sends it.
const SENT: [u8; 10] = [0x82, 0x84, 1, 2, 3, 4, b'p' ^ 1, b'i' ^ 2, b'n' ^ 3, b'g' ^ 4];
const ECHOED: [u8; 6] = [0x82, 0x04, b'p', b'i', b'n', b'g'];

/// The machine behind: it takes one WebSocket, sends one frame back, and says with what head it was asked.
async fn echo(listener: TcpListener) -> String {
    let (mut client, _) = listener.accept().await.unwrap();
    let head = head(&mut client).await;
    let key = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key:").then(|| &line[18..]));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {}\r\n\r\n",
        accept(key.expect("a key").trim())
    );
    client.write_all(answer.as_bytes()).await.unwrap();
    let mut frame = [0; SENT.len()];
    client.read_exact(&mut frame).await.unwrap();
    let [kind, length, mask @ .., a, b, c, d] = frame;
    assert_eq!((kind, length), (SENT[0], SENT[1]), "one masked binary frame of four bytes");
    let plain: Vec<u8> = [a, b, c, d].iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    assert_eq!(plain, ECHOED[2..]);
    client.write_all(&ECHOED).await.unwrap();
    // Until the client is gone.
    let _ = client.read(&mut [0]).await;
    head
}

/// RFC 6455 section 4.2.2.
fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(digest)
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let whole = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a whole head"));
        }
    };
    tokio::time::timeout(PATIENCE, whole).await.expect("a head comes");
    String::from_utf8(head).expect("a head is text")
}

/// The handshake as cloudflared writes it.
async fn handshake(gateway: SocketAddr, app: &App, token: &Token) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nUser-Agent: cloudflared/2026.8.2\r\nCf-Access-Client-Id: {}\r\n\
         Cf-Access-Client-Secret: {}\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n\r\n",
        app.domain, token.client_id, token.client_secret
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = head(&mut stream).await;
    (stream, answer)
}

async fn behind(facts: impl AsyncFnOnce(&World, TcpListener)) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", listener.local_addr().unwrap());
    in_a_world(None, &["--upstream".to_owned(), upstream], async |world| facts(world, listener).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tcp_stream_passes_with_a_service_token_and_ends_with_it() {
    behind(async |world, listener| {
        let (app, token) = world.opened().await;
        let echo = tokio::spawn(echo(listener));
        let (mut stream, answer) = handshake(world.gateway().address, &app, &token).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(
            answer
                .to_ascii_lowercase()
                .contains(&format!("sec-websocket-accept: {}", ACCEPT.to_ascii_lowercase()))
        );
        stream.write_all(&SENT).await.unwrap();
        let mut frame = [0; ECHOED.len()];
        stream.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame, ECHOED);
        world.rest.put(&token.path(), &serde_json::json!({"enabled": false})).await.result(200);
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the stream outlives its token");
        let seen = echo.await.unwrap().to_ascii_lowercase();
        assert!(
            seen.contains("cf-access-jwt-assertion: ") && !seen.contains("cf-access-client-secret"),
            "{seen}"
        );
    })
    .await;
}

/// A redirect to a login page would start a browser; anything else ends cloudflared with an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_ends_cloudflared_and_starts_no_browser() {
    behind(async |world, _listener| {
        let (app, token) = world.opened().await;
        let wrong = world.token().await.client_secret;
        let (_, answer) = handshake(world.gateway().address, &app, &token.with_secret(&wrong)).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(!answer.to_ascii_lowercase().contains("\r\nlocation:"), "{answer}");
    })
    .await;
}

/// With `CLOUDFLARED`: the program. It speaks TLS alone, and takes any certificate where it is told to connect to.
#[tokio::test(flavor = "multi_thread")]
async fn cloudflared_itself_carries_a_tcp_stream() {
    let Some(program) = std::env::var_os("CLOUDFLARED") else {
        println!("CLOUDFLARED is not set: its exchange is replayed, it does not run");
        return;
    };
    behind(async |world, listener| {
        let (app, token) = world.opened().await;
        let echo = tokio::spawn(echo(listener));
        let gateway = format!("http://{}", world.gateway().address);
        let mut front = Command::new(harness::root().join(".tools/bin/python"));
        front.arg(harness::root().join("tests/conformance/python/tls_front.py"));
        front.env_clear().env("SALLYPORT_GATEWAY", gateway).env("PYTHONDONTWRITEBYTECODE", "1");
        let mut front =
            front.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = tokio::io::BufReader::new(front.stdout.take().unwrap()).lines();
        let tls = lines.next_line().await.unwrap().expect("a port");
        let home = tempfile::tempdir().unwrap();
        let local = format!("127.0.0.1:{}", local_servers::free_port().unwrap());
        let mut cloudflared = Command::new(program);
        cloudflared.args(["access", "tcp", "--hostname", &app.domain, "--url", &local]);
        cloudflared.args(["--connect-to", &format!("{}:{tls}:127.0.0.1", app.domain)]);
        cloudflared.env_clear().env("HOME", home.path());
        cloudflared.env("TUNNEL_SERVICE_TOKEN_ID", &token.client_id);
        cloudflared.env("TUNNEL_SERVICE_TOKEN_SECRET", &token.client_secret);
        let mut cloudflared =
            cloudflared.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let connect = || async { TcpStream::connect(&local).await.ok() };
        let mut stream = harness::until("cloudflared listens", PATIENCE, connect).await;
        stream.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an echo").unwrap();
        assert_eq!(&answer, b"ping");
        cloudflared.kill().await.unwrap();
        front.kill().await.unwrap();
        let head = echo.await.unwrap();
        println!(
            "cloudflared carried a stream; the application was asked:\n{}",
            head.split("\r\n").next().unwrap()
        );
    })
    .await;
}
