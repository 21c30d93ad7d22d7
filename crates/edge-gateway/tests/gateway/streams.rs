//! Large bodies flow through; they are not kept.

use crate::upstream::Manner;
use crate::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver};

pub const LENGTH: usize = 100 * 1024 * 1024;
/// What may be on the way: buffers here, there and in the kernel.
pub const ON_THE_WAY: usize = 24 * 1024 * 1024;
static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Writes as much as is taken; how much that was before nothing more was.
pub async fn push(stream: &mut TcpStream, most: usize) -> usize {
    let mut written = 0;
    while written < most {
        let piece = &PIECE[..PIECE.len().min(most - written)];
        let one = tokio::time::timeout(std::time::Duration::from_secs(1), stream.write(piece)).await;
        let Ok(one) = one else { break };
        written += one.unwrap();
    }
    written
}

/// Writes so much, however long it takes.
pub async fn pour(stream: &mut TcpStream, length: usize) {
    let mut left = length;
    while left > 0 {
        let written = stream.write(&PIECE[..PIECE.len().min(left)]).await.unwrap();
        left -= written;
    }
}

pub async fn drain(stream: &mut TcpStream, length: usize) {
    let mut buffer = vec![0; 1024 * 1024];
    let mut left = length;
    while left > 0 {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{left} bytes are missing");
        left -= read;
    }
}

pub async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// From now on connections to the application are had from here.
pub fn hand_over(world: &World) -> UnboundedReceiver<TcpStream> {
    let (to, applications) = mpsc::unbounded_channel();
    world.upstream.behave(Manner::HandedOver(to));
    applications
}

/// A client's connection, and how the application's are had.
async fn sides() -> (World, TcpStream, UnboundedReceiver<TcpStream>) {
    let world = World::open().await;
    let applications = hand_over(&world);
    let client = TcpStream::connect(world.gateway).await.unwrap();
    (world, client, applications)
}

#[tokio::test]
async fn an_upload_waits_for_the_application_and_then_arrives_whole() {
    let (_world, mut client, mut applications) = sides().await;
    let lines = format!("POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: {LENGTH}\r\n\r\n");
    client.write_all(lines.as_bytes()).await.unwrap();
    let mut application = applications.recv().await.unwrap();
    let seen = head(&mut application).await;
    assert!(seen.to_ascii_lowercase().contains(&format!("content-length: {LENGTH}")));
    let taken = push(&mut client, LENGTH).await;
    assert!(taken < ON_THE_WAY, "{taken} bytes were taken that nobody reads");
    tokio::join!(pour(&mut client, LENGTH - taken), drain(&mut application, LENGTH));
    application.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 204"));
}

#[tokio::test]
async fn a_download_waits_for_the_client_and_then_arrives_whole() {
    let (_world, mut client, mut applications) = sides().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n").await.unwrap();
    let mut application = applications.recv().await.unwrap();
    head(&mut application).await;
    let lines = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
    application.write_all(lines.as_bytes()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 200"));
    let taken = push(&mut application, LENGTH).await;
    assert!(taken < ON_THE_WAY, "{taken} bytes were taken that nobody reads");
    tokio::join!(pour(&mut application, LENGTH - taken), drain(&mut client, LENGTH));
}

#[tokio::test]
async fn an_upload_that_is_given_up_ends_at_the_application() {
    let (_world, mut client, mut applications) = sides().await;
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: 10\r\n\r\nhello")
        .await
        .unwrap();
    let mut application = applications.recv().await.unwrap();
    head(&mut application).await;
    drain(&mut application, 5).await;
    drop(client);
    assert_eq!(application.read(&mut [0]).await.unwrap_or_default(), 0, "more arrived than was sent");
}

#[tokio::test]
async fn an_application_may_answer_before_it_has_read_everything() {
    let (_world, mut client, mut applications) = sides().await;
    let lines = format!("POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: {LENGTH}\r\n\r\n");
    client.write_all(lines.as_bytes()).await.unwrap();
    let mut application = applications.recv().await.unwrap();
    head(&mut application).await;
    push(&mut client, 1024 * 1024).await;
    application.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 413"));
}
