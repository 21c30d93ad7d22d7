//! Proxies' connections.

use super::{ALL, Dialect, outcome};
use crate::client::Client;
use crate::world::{Beginning, World};
use bytes::Bytes;
use edge_gateway::config::Limits;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::num::NonZeroU32;
use tokio::net::TcpStream;

#[tokio::test]
async fn every_dialect_is_answered_over_http2_too() {
    let world = World::open().await;
    let stream = TcpStream::connect(world.forward_auth).await.unwrap();
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for (host, path, status) in
        [("open.localhost", "/", 200), ("app.localhost", "/", 401), ("open.localhost", "//", 400)]
    {
        for dialect in ALL {
            let authority = if dialect == Dialect::ExtAuthz { host } else { "gateway.internal" };
            let request = Request::get(format!("http://{authority}{}", dialect.endpoint(path)));
            let lines = dialect.lines("GET", host, path);
            let lines =
                lines.iter().filter_map(|line| line.split_once(": ")).filter(|(name, _)| *name != "Host");
            let request = lines.fold(request, |request, (name, value)| request.header(name, value));
            let answer = sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
            let expected = if status == 400 { dialect.or_403(400) } else { status };
            assert_eq!(answer.status().as_u16(), expected, "{dialect:?} {host}{path}");
        }
    }
}

#[tokio::test]
async fn t4_a_proxys_framing_is_read_strictly() {
    let world = World::open().await;
    let whole = Dialect::Forwarded.request("GET", "open.localhost", "/", "");
    for lines in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "X-A: 1\n",
    ] {
        let mut client = Client::connect(world.forward_auth).await;
        client.send(whole.replace("\r\n\r\n", &format!("\r\n{lines}\r\n"))).await;
        assert_eq!(client.answer(false).await.unwrap().status, 400, "{lines:?}");
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn t5_a_wish_for_another_protocol_is_answered_and_what_follows_is_not_read() {
    let world = World::open().await;
    for dialect in ALL {
        let mut client = Client::connect(world.forward_auth).await;
        let wish = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
        client.send(dialect.request("GET", "open.localhost", "/", wish)).await;
        client.send(dialect.request("GET", "open.localhost", "/", "")).await;
        assert_eq!(outcome(&client.answer(false).await.unwrap()), (200, "-"), "{dialect:?}");
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn a_body_is_not_waited_for() {
    let world = World::open().await;
    let mut client = Client::connect(world.forward_auth).await;
    let request = Dialect::Forwarded.request("POST", "app.localhost", "/", "Content-Length: 1000000\r\n");
    client.send(request).await;
    assert_eq!(outcome(&client.answer(false).await.unwrap()), (401, "CREDENTIAL_MISSING"));
}

#[tokio::test]
async fn h7_a_head_that_is_too_large_is_refused() {
    let world = World::open().await;
    for lines in [format!("X-A: {}\r\n", "a".repeat(70_000)), "X-A: a\r\n".repeat(120)] {
        let mut client = Client::connect(world.forward_auth).await;
        client.send(Dialect::Forwarded.request("GET", "open.localhost", "/", &lines)).await;
        assert_eq!(client.answer(false).await.unwrap().status, 431);
    }
}

#[tokio::test]
async fn t12_q8_the_silent_are_shut_out_and_no_more_are_let_in_than_there_is_place_for() {
    let number = |number| NonZeroU32::new(number).unwrap();
    let limits = Limits { client_timeout_s: number(1), max_connections: number(1), ..Limits::default() };
    let world = World::begin(Beginning { limits, ..Beginning::default() }).await;
    world.until_ready().await;
    world.protect().await;
    let mut silent = Client::connect(world.forward_auth).await;
    let mut waiting = world.asker().await;
    // Answered once the first is gone.
    let answer = waiting.ask(Dialect::Forwarded, "open.localhost", "/", "").await;
    assert_eq!(outcome(&answer), (200, "-"));
    assert!(silent.is_closed().await);
}
