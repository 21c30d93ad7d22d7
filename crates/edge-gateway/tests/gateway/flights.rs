//! Many first requests at once.

use crate::client::{Answer, Client, PATIENCE};
use crate::world::{Beginning, World, throttle};
use edge_gateway::config::Throttle;
use model::ClientSecret;
use std::num::NonZeroU32;

const MANY: usize = 100;

/// Every client has sent the same request, and every request has been read.
async fn send_all(world: &World, lines: &str) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..MANY {
        let mut client = world.connect().await;
        client.send(format!("GET / HTTP/1.1\r\nHost: app.localhost\r\n{lines}\r\n")).await;
        clients.push(client);
    }
    // Whatever came before these has been read when they are answered.
    for _ in 0..MANY {
        assert_eq!(world.connect().await.get("app.localhost", "/", "").await.status, 401);
    }
    clients
}

async fn answers(clients: Vec<Client>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for mut client in clients {
        answers.push(client.answer(false).await.expect("an answer"));
    }
    answers
}

#[tokio::test]
async fn k2_many_first_requests_cause_one_exchange() {
    let world = World::open().await;
    let pair = world.token().await;
    let issuer = &world.links[2];
    issuer.hold(true);
    let clients = send_all(&world, &pair.lines()).await;
    issuer.hold(false);
    let answers = answers(clients).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.session().is_some()));
    assert_eq!(issuer.exchanges(), 1);
}

#[tokio::test]
async fn k2_many_wrong_secrets_cause_one_exchange() {
    let world = World::open().await;
    let mut pair = world.token().await;
    pair.secret = ClientSecret::generate().unwrap().expose().to_owned();
    let issuer = &world.links[2];
    issuer.hold(true);
    let clients = send_all(&world, &pair.lines()).await;
    issuer.hold(false);
    let answers = answers(clients).await;
    assert!(answers.iter().all(|answer| answer.reason() == "TOKEN_UNKNOWN"));
    assert_eq!(issuer.exchanges(), 1);
}

#[tokio::test]
async fn k2_other_addresses_and_applications_ask_for_themselves() {
    let world = World::open().await;
    let pair = world.token().await;
    let issuer = &world.links[2];
    issuer.hold(true);
    let mut clients = Vec::new();
    for (host, address) in [
        ("app.localhost", "198.51.100.1"),
        ("app.localhost", "198.51.100.2"),
        ("preflight.localhost", "198.51.100.1"),
    ] {
        let mut client = world.connect().await;
        let lines = pair.lines();
        client
            .send(format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {address}\r\n{lines}\r\n"))
            .await;
        clients.push(client);
    }
    issuer.after_exchanges(3).await;
    issuer.hold(false);
    assert!(answers(clients).await.iter().all(|answer| answer.status == 200));
    assert_eq!(issuer.exchanges(), 3);
}

#[tokio::test]
async fn k2_a_first_request_that_is_given_up_keeps_nobody_from_an_answer() {
    let world = World::open().await;
    let pair = world.token().await;
    let issuer = &world.links[2];
    issuer.hold(true);
    let mut clients = send_all(&world, &pair.lines()).await;
    issuer.after_exchanges(1).await;
    // Whoever asks first asks for all: it is the first that was read.
    drop(clients.remove(0));
    issuer.after_exchanges(2).await;
    issuer.hold(false);
    assert!(answers(clients).await.iter().all(|answer| answer.status == 200));
    assert_eq!(issuer.exchanges(), 2);
}

/// A reply that was asked for before a change is not shared with a request that came after it.
#[tokio::test]
async fn l2_k3_a_request_after_a_confirmed_change_shares_no_older_answer() {
    let world = World::open().await;
    let pair = world.token().await;
    let issuer = &world.links[2];
    issuer.hold(true);
    let mut before = world.connect().await;
    before.send(format!("GET / HTTP/1.1\r\nHost: app.localhost\r\n{}\r\n", pair.lines())).await;
    issuer.after_exchanges(1).await;
    let other = world.token().await;
    world.delete(&other.token).await;
    let mut after = world.connect().await;
    after.send(format!("GET / HTTP/1.1\r\nHost: app.localhost\r\n{}\r\n", pair.lines())).await;
    let asked = tokio::time::timeout(PATIENCE / 2, issuer.after_exchanges(2)).await;
    assert!(asked.is_ok(), "it waits for the older answer");
    issuer.hold(false);
    assert!(answers(vec![before, after]).await.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn q7_requests_that_are_given_up_leave_nothing_behind() {
    let wrong = NonZeroU32::MAX;
    let throttle = Throttle { wrong_per_client_id: wrong, wrong_per_source: wrong, ..throttle() };
    let world = World::begin(Beginning { throttle, ..Beginning::default() }).await;
    world.until_ready().await;
    world.protect().await;
    let (mut pair, good) = (world.token().await, world.token().await);
    let issuer = &world.links[2];
    issuer.hold(true);
    // More than may be under way at once, in two waves.
    for wave in 1..=2 {
        let mut clients = Vec::new();
        for _ in 0..200 {
            pair.secret = ClientSecret::generate().unwrap().expose().to_owned();
            let mut client = world.connect().await;
            client.send(format!("GET / HTTP/1.1\r\nHost: app.localhost\r\n{}\r\n", pair.lines())).await;
            clients.push(client);
        }
        issuer.after_exchanges(200 * wave).await;
    }
    let mut client = world.connect().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: app.localhost\r\n{}\r\n", good.lines())).await;
    issuer.after_exchanges(401).await;
    issuer.hold(false);
    assert_eq!(client.answer(false).await.unwrap().status, 200);
}

/// Judged while it was good, answered when it was no more: the credential is asked about again.
#[tokio::test]
async fn l2_a_reply_that_arrives_after_the_revocation_admits_nobody() {
    let world = World::open().await;
    let issuer = &world.links[2];
    for (host, expected) in
        [("app.localhost", (401, "TOKEN_UNKNOWN")), ("waved.localhost", (503, "AUTHZ_UNAVAILABLE"))]
    {
        let (good, pair, before) = (world.token().await, world.token().await, issuer.exchanges());
        let mut client = world.connect().await;
        assert_eq!(client.get(host, "/", &good.lines()).await.status, 200);
        issuer.hold(true);
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{}\r\n", pair.lines());
        client.send(&request).await;
        issuer.after_answers(before + 2).await;
        world.delete(&pair.token).await;
        issuer.hold(false);
        let late = client.answer(false).await.unwrap();
        assert_eq!((late.status, late.reason()), expected, "{host}: {late:?}");
    }
}
