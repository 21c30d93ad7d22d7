//! A gateway that is told to stop.

use crate::client::{Client, PATIENCE};
use crate::streams::{hand_over, head};
use crate::world::{Beginning, World};
use edge_gateway::config::Limits;
use std::num::NonZeroU32;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn world(drain_delay_s: u32, drain_s: u32) -> World {
    let limits = Limits { drain_delay_s, drain_s: NonZeroU32::new(drain_s).unwrap(), ..Limits::default() };
    World::open_with(Beginning { limits, ..Beginning::default() }).await
}

#[tokio::test]
async fn o6_whoever_is_still_sent_here_is_served_while_it_is_not_ready_any_more() {
    let world = world(4, 5).await;
    let (gateway, ready) = (world.gateway, world.readiness());
    let _upstream = world.stop();
    let unready = async {
        while ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, unready).await.unwrap();
    let mut client = Client::connect(gateway).await;
    assert_eq!(client.get("open.localhost", "/", "").await.status, 200);
    // Then nobody is.
    let closed = async { while TcpStream::connect(gateway).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
}

#[tokio::test]
async fn o6_what_is_open_has_its_time_and_no_more() {
    let world = world(0, 4).await;
    let mut applications = hand_over(&world);
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(world.gateway).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n").await.unwrap();
        let mut application = applications.recv().await.unwrap();
        head(&mut application).await;
        clients.push((client, application));
    }
    let gateway = world.gateway;
    let _upstream = world.stop();
    let closed = async { while TcpStream::connect(gateway).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
    let (mut finished, mut application) = clients.remove(0);
    application.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    let mut answer = String::new();
    finished.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
}
