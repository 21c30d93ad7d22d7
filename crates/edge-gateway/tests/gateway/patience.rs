//! The slow, the silent and the many.

use crate::upstream::Manner;
use crate::world::{Beginning, World};
use edge_gateway::config::Limits;
use std::num::NonZeroU32;

async fn patient(client_timeout_s: u32, max_connections: u32) -> World {
    let number = |number| NonZeroU32::new(number).unwrap();
    let limits = Limits {
        upstream_timeout_s: number(1),
        client_timeout_s: number(client_timeout_s),
        max_connections: number(max_connections),
        ..Limits::default()
    };
    let world = World::begin(Beginning { limits, ..Beginning::default() }).await;
    world.until_ready().await;
    world.protect().await;
    world
}

#[tokio::test]
async fn t12_whoever_says_nothing_or_stops_in_a_head_is_shut_out() {
    let world = patient(1, 100).await;
    let mut clients = Vec::new();
    for begun in ["", "P", "PRI * HTTP/2.0\r\n", "G", "GET / HTTP/1.1\r\nHost: app.local"] {
        let mut client = world.connect().await;
        client.send(begun).await;
        clients.push((begun, client));
    }
    for (begun, mut client) in clients {
        assert!(client.is_closed().await, "{begun:?} keeps its place");
    }
}

#[tokio::test]
async fn t12_a_body_that_does_not_go_on_is_given_up() {
    let world = patient(1, 100).await;
    let mut client = world.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: 10\r\n\r\nhello").await;
    let answer = client.answer(false).await.unwrap();
    assert_eq!((answer.status, answer.reason()), (408, "BODY_TIMEOUT"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_application_that_does_not_answer_is_given_up() {
    let world = patient(1, 100).await;
    world.upstream.behave(Manner::Told(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()));
    let answer = world.connect().await.get("open.localhost", "/", "").await;
    assert_eq!((answer.status, answer.reason()), (502, "UPSTREAM_UNREACHABLE"));
    world.upstream.behave(Manner::Silent);
    let answer = world.connect().await.get("open.localhost", "/", "").await;
    assert_eq!((answer.status, answer.reason()), (504, "UPSTREAM_TIMEOUT"));
}

#[tokio::test]
async fn q8_more_connections_than_there_is_place_for_wait() {
    let world = patient(30, 2).await;
    let mut open = [world.connect().await, world.connect().await];
    for client in &mut open {
        assert_eq!(client.get("open.localhost", "/", "").await.status, 200);
    }
    let mut third = world.connect().await;
    third.send("GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n").await;
    // Nobody is read before somebody has gone.
    assert_eq!(open[0].get("open.localhost", "/", "").await.status, 200);
    assert_eq!(world.upstream.take().len(), 3);
    drop(open);
    assert_eq!(third.answer(false).await.unwrap().status, 200);
}
