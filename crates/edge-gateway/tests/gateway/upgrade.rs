//! Another protocol on the same connection. Raw attempts at mischief around it are in `tests/corpus/upgrade.txt`.

use crate::client::PATIENCE;
use crate::passengers::{receive, web_socket};
use crate::streams::{LENGTH, ON_THE_WAY, drain, hand_over, head, push};
use crate::world::{Beginning, World};
use edge_gateway::config::Limits;
use futures::{SinkExt as _, StreamExt as _};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

const ASK: &str = "GET / HTTP/1.1\r\nHost: open.localhost\r\nConnection: upgrade\r\nUpgrade: bytes\r\n\r\n";
const CHANGE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: bytes\r\n\r\n";

/// A client that has asked for another protocol, and what it said at once; the application that has heard of it.
async fn asked(world: &World, early: &str) -> (TcpStream, TcpStream, UnboundedReceiver<TcpStream>) {
    let mut applications = hand_over(world);
    let mut client = TcpStream::connect(world.gateway).await.unwrap();
    client.write_all(format!("{ASK}{early}").as_bytes()).await.unwrap();
    let mut application = applications.recv().await.unwrap();
    assert!(head(&mut application).await.to_ascii_lowercase().contains("\r\nupgrade: bytes\r\n"));
    (client, application, applications)
}

async fn tunnel(world: &World) -> (TcpStream, TcpStream) {
    let (mut client, mut application, _) = asked(world, "").await;
    application.write_all(CHANGE.as_bytes()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 101"));
    (client, application)
}

async fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn t6_a_web_socket_is_judged_like_any_request() {
    let world = World::open().await;
    receive(&world);
    let mut pair = world.token().await;
    let mut socket = web_socket(&world, "app.localhost", &pair).await.unwrap();
    for message in [Message::text("hello"), Message::binary(vec![7; 1024 * 1024])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_close());
    pair.secret = model::ClientSecret::generate().unwrap().expose().to_owned();
    match web_socket(&world, "app.localhost", &pair).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 401),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn t5_early_bytes_wait_for_the_applications_word() {
    let world = World::open().await;
    let (mut client, mut application, _) = asked(&world, "early").await;
    // Whatever came before this has been read once it is answered.
    assert_eq!(world.connect().await.get("nobody.localhost", "/", "").await.status, 404);
    let mut byte = [0];
    let nothing = tokio::time::timeout(Duration::from_millis(100), application.read(&mut byte)).await;
    assert!(nothing.is_err(), "bytes arrive before the protocol has changed");
    application.write_all(format!("{CHANGE}first").as_bytes()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 101"));
    assert_eq!(read(&mut client, 5).await, "first");
    assert_eq!(read(&mut application, 5).await, "early");
    client.write_all(b"GET / HTTP/1.1\n\n").await.unwrap();
    assert_eq!(read(&mut application, 16).await, "GET / HTTP/1.1\n\n");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_word_is_gone_for_the_application() {
    let world = World::open().await;
    let (client, mut application, _) = asked(&world, "early").await;
    drop(client);
    let read = tokio::time::timeout(PATIENCE, application.read(&mut [0])).await.unwrap();
    assert_eq!(read.unwrap_or_default(), 0);
}

#[tokio::test]
async fn the_end_of_one_direction_leaves_the_other_open() {
    let world = World::open().await;
    let (mut client, mut application) = tunnel(&world).await;
    client.shutdown().await.unwrap();
    assert_eq!(application.read(&mut [0]).await.unwrap(), 0);
    application.write_all(b"late").await.unwrap();
    assert_eq!(read(&mut client, 4).await, "late");
    application.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_tunnel_takes_no_more_than_the_other_side_does() {
    let world = World::open().await;
    let (mut client, mut application) = tunnel(&world).await;
    let up = push(&mut client, LENGTH).await;
    assert!(up < ON_THE_WAY, "{up} bytes were taken that nobody reads");
    let down = push(&mut application, LENGTH).await;
    assert!(down < ON_THE_WAY, "{down} bytes were taken that nobody reads");
    tokio::join!(drain(&mut application, up), drain(&mut client, down));
}

#[tokio::test]
async fn a_silent_stream_has_a_limit_of_its_own() {
    let second = NonZeroU32::MIN;
    let limits = Limits {
        client_timeout_s: second,
        upstream_timeout_s: second,
        stream_timeout_s: NonZeroU32::new(3).unwrap(),
        ..Limits::default()
    };
    let world = World::begin(Beginning { limits, ..Beginning::default() }).await;
    world.until_ready().await;
    world.protect().await;
    let began = Instant::now();
    let (mut tunnelled, _application) = tunnel(&world).await;
    let mut applications = hand_over(&world);
    let mut events = TcpStream::connect(world.gateway).await.unwrap();
    events.write_all(b"GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n").await.unwrap();
    let mut application = applications.recv().await.unwrap();
    head(&mut application).await;
    application.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
    head(&mut events).await;
    for stream in [&mut tunnelled, &mut events] {
        let end = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await.expect("it goes on");
        assert_eq!(end.unwrap_or_default(), 0);
        assert!(began.elapsed() >= Duration::from_secs(3), "ended after {:?}", began.elapsed());
    }
}
