//! HTTP/2 used up on purpose: frames by hand, since no client library writes such.

use crate::client::PATIENCE;
use crate::streams::{LENGTH, ON_THE_WAY, hand_over, head, push};
use crate::world::World;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET http://open.localhost/`, or `POST`.
fn request(method: u8) -> Vec<u8> {
    let host = b"open.localhost";
    [&[method, 0x86, 0x84, 0x01, u8::try_from(host.len()).unwrap()], &host[..]].concat()
}

const GET: u8 = 0x82;
const POST: u8 = 0x83;

async fn begin(world: &World, settings: &[u8]) -> TcpStream {
    begin_at(world.gateway, settings).await
}

pub async fn begin_at(address: SocketAddr, settings: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, settings)).await.unwrap();
    stream
}

/// What became of a flood.
#[derive(Debug)]
pub enum Flood {
    /// The gateway ended the connection after so many bytes.
    Ended(usize),
    /// It reads no more.
    Stopped(usize),
    /// It took everything.
    Taken,
}

/// More than any limit lets through, and than the kernel keeps.
const MOST: usize = 64 * 1024 * 1024;

/// Writes the same again and again. `reads`: answers are read.
pub async fn flood(stream: TcpStream, mut next: impl FnMut() -> Vec<u8>, reads: bool) -> Flood {
    let (mut read, mut write) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while reads && read.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        if !reads {
            std::future::pending::<()>().await;
        }
    });
    let mut written = 0;
    let outcome = loop {
        if written > MOST {
            break Flood::Taken;
        }
        let bytes = next();
        let patience = if reads { PATIENCE } else { Duration::from_secs(2) };
        match tokio::time::timeout(patience, write.write_all(&bytes)).await {
            Ok(Ok(())) => written += bytes.len(),
            Ok(Err(_)) => break Flood::Ended(written),
            Err(_) => break Flood::Stopped(written),
        }
        if reads && reading.is_finished() {
            break Flood::Ended(written);
        }
    };
    reading.abort();
    outcome
}

async fn others_are_served(world: &World) {
    assert_eq!(world.connect().await.get("open.localhost", "/", "").await.status, 200);
}

#[tokio::test]
async fn q1_requests_that_are_reset_at_once_end_the_connection() {
    let world = World::open().await;
    let stream = begin(&world, &[]).await;
    let mut id = 1;
    let batch = || {
        let mut batch = Vec::new();
        for _ in 0..200 {
            batch.extend(frame(HEADERS, END_HEADERS | END_STREAM, id, &request(GET)));
            batch.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
            id += 2;
        }
        batch
    };
    let Flood::Ended(bytes) = flood(stream, batch, true).await else { panic!("it goes on") };
    // About 50 bytes for each.
    assert!(bytes < 4 * 1024 * 1024, "{bytes}");
    others_are_served(&world).await;
}

#[tokio::test]
async fn q1_a_head_without_end_ends_the_connection() {
    let world = World::open().await;
    for payload in [
        vec![],
        vec![0x00, 1, b'x', 1, b'y'],
        [&[0x00, 1, b'x', 127, 0x81, 0x7d][..], &[b'y'; 16_000]].concat(),
    ] {
        let mut stream = begin(&world, &[]).await;
        stream.write_all(&frame(HEADERS, END_STREAM, 1, &request(GET))).await.unwrap();
        let one = frame(CONTINUATION, 0, 1, &payload);
        let many = one.repeat((64 * 1024_usize).div_ceil(one.len()));
        let Flood::Ended(bytes) = flood(stream, || many.clone(), true).await else { panic!("it goes on") };
        assert!(bytes < ON_THE_WAY, "{bytes}");
        others_are_served(&world).await;
    }
    assert_eq!(world.upstream.take().len(), 3);
}

#[tokio::test]
async fn q1_q2_a_small_head_that_unfolds_is_not_taken() {
    let world = World::open().await;
    let mut stream = begin(&world, &[]).await;
    // A header of 3,000 bytes is put into the table once, and then named by one byte, 10,000 times: 30 MB.
    let value = vec![b'y'; 3000];
    let length = [127, 0xb9, 0x16];
    let mut block = request(GET);
    block.extend([&[0x40, 1, b'x'][..], &length, &value, &[0xbe; 10_000]].concat());
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await.unwrap();
    let mut answered = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut answered)).await;
    others_are_served(&world).await;
    assert_eq!(world.upstream.take().len(), 1);
}

#[tokio::test]
async fn q1_answers_that_nobody_reads_stop_the_questions() {
    let world = World::open().await;
    for question in [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[])] {
        let stream = begin(&world, &[]).await;
        let many = question.repeat(4000);
        let outcome = flood(stream, || many.clone(), false).await;
        let (Flood::Ended(bytes) | Flood::Stopped(bytes)) = outcome else { panic!("it takes all of it") };
        assert!(bytes < ON_THE_WAY, "{bytes}");
        others_are_served(&world).await;
    }
}

#[tokio::test]
async fn q1_empty_pieces_of_a_body_keep_nobody_from_being_served() {
    let world = World::open().await;
    let mut applications = hand_over(&world);
    let mut stream = begin(&world, &[]).await;
    stream.write_all(&frame(HEADERS, END_HEADERS, 1, &request(POST))).await.unwrap();
    let mut application = applications.recv().await.unwrap();
    head(&mut application).await;
    let many = frame(DATA, 0, 1, &[]).repeat(4000);
    let flooding = tokio::spawn(flood(stream, move || many.clone(), true));
    let mut other = world.connect().await;
    other.send("GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n").await;
    let mut application = applications.recv().await.unwrap();
    head(&mut application).await;
    application.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert_eq!(other.answer(false).await.unwrap().status, 200);
    println!("{:?}", flooding.await.unwrap());
}

#[tokio::test]
async fn q1_an_answer_that_nobody_takes_is_not_kept() {
    let world = World::open().await;
    let mut applications = hand_over(&world);
    // A window of nothing, for every stream.
    let mut stream = begin(&world, &[0, 4, 0, 0, 0, 0]).await;
    let mut applications_of = Vec::new();
    for id in [1, 3, 5, 7] {
        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, id, &request(GET))).await.unwrap();
        let mut application = applications.recv().await.unwrap();
        head(&mut application).await;
        applications_of.push(application);
    }
    for application in &mut applications_of {
        let lines = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
        application.write_all(lines.as_bytes()).await.unwrap();
        let taken = push(application, LENGTH).await;
        assert!(taken < ON_THE_WAY / 2, "{taken} bytes were taken that nobody reads");
    }
}

#[tokio::test]
async fn h7_so_many_headers_are_refused_however_small() {
    let world = World::open().await;
    let lines = |count: usize| "X-A: 1\r\n".repeat(count);
    let answer = world.connect().await.get("open.localhost", "/", &lines(101)).await;
    assert_eq!(answer.status, 431);
    let mut stream = begin(&world, &[]).await;
    let mut block = request(GET);
    block.extend([0x00, 1, b'x', 1, b'y'].repeat(101));
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await.unwrap();
    let mut answered = Vec::new();
    let until_reason = async {
        while !answered.windows(16).any(|it| it == b"HEADERS_TOO_MANY") {
            assert!(stream.read_buf(&mut answered).await.unwrap() > 0);
        }
    };
    tokio::time::timeout(PATIENCE, until_reason).await.unwrap();
    assert!(world.upstream.take().is_empty());
}
