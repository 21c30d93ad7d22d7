//! One connection, several requests: a refused one costs no other.

use crate::worlds::{Scenario, scenarios};
use harness::World;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared: a_refused_requests_body_costs_no_other_request]
}

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

async fn a_refused_requests_body_costs_no_other_request(world: &World) {
    let (app, _) = world.opened().await;
    for (address, host) in [(world.gateway().address, app.domain.as_str()), (world.rest.address, "api.test")]
    {
        for _ in 0..20 {
            goes_on_or_says_that_it_ends(world, address, host).await;
        }
    }
}

/// The body comes a moment after its head, when a server may have answered already.
async fn goes_on_or_says_that_it_ends(world: &World, address: SocketAddr, host: &str) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let head = format!("POST /x HTTP/1.1\r\nhost: {host}\r\ncontent-length: 5\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    world.gateway().get("nowhere.test").send().await;
    stream.write_all(b"hello").await.unwrap();
    let first = answer(&mut stream).await;
    if first.contains("connection: close") {
        return;
    }
    stream.write_all(head.as_bytes()).await.expect("the connection is open");
    stream.write_all(b"hello").await.unwrap();
    let second = answer(&mut stream).await;
    assert_eq!(second.lines().next(), first.lines().next());
}

/// The head of an answer in small letters, and its body passed over.
async fn answer(stream: &mut TcpStream) -> String {
    let whole = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer, and the connection stays open"));
        }
        let head = String::from_utf8(head).expect("a head is text").to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let mut body = vec![0; length.expect("a length")];
        stream.read_exact(&mut body).await.expect("a body");
        head
    };
    tokio::time::timeout(PATIENCE, whole).await.expect("an answer comes")
}
