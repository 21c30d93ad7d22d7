//! What every bus does while nothing is broken.

use crate::nats::tests::{LIMIT, PATIENCE};
use crate::{BACKLOG, Bus, LARGEST_PAYLOAD, Memory, Nats, Subscription, connect};
use bytes::Bytes;
use local_servers::Search;
use model::ErrorKind;
use std::time::Duration;

/// `publisher` and `listener` may be the same.
async fn conforms(publisher: &dyn Bus, listener: &dyn Bus) {
    every_subscriber_gets_every_message(publisher, listener).await;
    only_its_own_subject_is_heard(publisher, listener).await;
    each_message_goes_to_one_of_a_group(publisher, listener).await;
    any_bytes_are_a_payload(publisher, listener).await;
    what_is_not_allowed_is_refused(publisher).await;
    nobody_has_to_listen(publisher).await;
    a_dropped_subscription_takes_no_messages_from_its_group(publisher, listener).await;
    a_slow_subscriber_holds_nobody_up(publisher, listener).await;
    waiting_can_be_given_up_without_loss(publisher, listener).await;
}

async fn send(bus: &dyn Bus, subject: &str, payload: impl Into<Bytes>) {
    bus.publish(subject, payload.into()).await.unwrap();
}

async fn next(subscription: &mut Subscription) -> Bytes {
    tokio::time::timeout(LIMIT, subscription.next()).await.expect("a message in time").expect("a live bus")
}

/// What has arrived up to the message `end`, that left out.
async fn until_end(subscription: &mut Subscription) -> Vec<Bytes> {
    let mut messages = Vec::new();
    loop {
        match next(subscription).await {
            end if end == "end" => return messages,
            message => messages.push(message),
        }
    }
}

async fn every_subscriber_gets_every_message(publisher: &dyn Bus, listener: &dyn Bus) {
    let mut one = listener.subscribe("every").await.unwrap();
    let mut two = listener.subscribe("every").await.unwrap();
    for n in 0..100_u8 {
        send(publisher, "every", vec![n]).await;
    }
    for n in 0..100_u8 {
        assert_eq!(next(&mut one).await, vec![n]);
        assert_eq!(next(&mut two).await, vec![n]);
    }
}

async fn only_its_own_subject_is_heard(publisher: &dyn Bus, listener: &dyn Bus) {
    let mut subscription = listener.subscribe("own.subject").await.unwrap();
    for other in ["own", "own.subject.more", "own.Subject", "own.subjec", "subject"] {
        send(publisher, other, "other").await;
    }
    send(publisher, "own.subject", "end").await;
    assert_eq!(until_end(&mut subscription).await, Vec::<Bytes>::new());
}

async fn each_message_goes_to_one_of_a_group(publisher: &dyn Bus, listener: &dyn Bus) {
    let mut members = [
        listener.subscribe_shared("shared", "a").await.unwrap(),
        listener.subscribe_shared("shared", "a").await.unwrap(),
    ];
    let mut other_group = listener.subscribe_shared("shared", "b").await.unwrap();
    let mut plain = listener.subscribe("shared").await.unwrap();
    let mut expected: Vec<Bytes> = (0..100_u8).map(|n| vec![n].into()).collect();
    for message in &expected {
        send(publisher, "shared", message.clone()).await;
    }
    for subscription in [&mut other_group, &mut plain] {
        let mut heard = Vec::new();
        for _ in 0..100 {
            heard.push(next(subscription).await);
        }
        heard.sort();
        assert_eq!(heard, expected);
    }
    let [one, two] = &mut members;
    while !expected.is_empty() {
        let message = tokio::select! {
            message = next(one) => message,
            message = next(two) => message,
        };
        // Each once, whoever got it.
        let place = expected.iter().position(|e| *e == message).unwrap();
        expected.remove(place);
    }
}

async fn any_bytes_are_a_payload(publisher: &dyn Bus, listener: &dyn Bus) {
    let mut subscription = listener.subscribe("bytes").await.unwrap();
    let every_byte: Vec<u8> = (0..=255).collect();
    for payload in [vec![], every_byte, b"PUB bytes 0\r\n\r\n".to_vec(), vec![7; LARGEST_PAYLOAD]] {
        send(publisher, "bytes", payload.clone()).await;
        assert!(next(&mut subscription).await == payload);
    }
}

async fn what_is_not_allowed_is_refused(bus: &dyn Bus) {
    let long = "a".repeat(201);
    for subject in ["", ".", "a.", ".a", "a..b", "a b", "a.*", ">", "a\r\nb", "é", &long] {
        assert_eq!(bus.publish(subject, Bytes::new()).await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(bus.subscribe(subject).await.unwrap_err().kind(), ErrorKind::Invalid, "{subject:?}");
        assert!(bus.subscribe_shared(subject, "group").await.is_err(), "{subject:?}");
    }
    for group in ["", "a b", "a.b", "*", &long] {
        assert_eq!(
            bus.subscribe_shared("a", group).await.unwrap_err().kind(),
            ErrorKind::Invalid,
            "{group:?}"
        );
    }
    let too_large = Bytes::from(vec![7; LARGEST_PAYLOAD + 1]);
    assert_eq!(bus.publish("a", too_large).await.unwrap_err().reason(), "MESSAGE_TOO_LARGE");
}

async fn nobody_has_to_listen(bus: &dyn Bus) {
    send(bus, "nobody", "message").await;
}

async fn a_dropped_subscription_takes_no_messages_from_its_group(publisher: &dyn Bus, listener: &dyn Bus) {
    let gone = listener.subscribe_shared("dropped", "group").await.unwrap();
    drop(gone);
    let mut stays = listener.subscribe_shared("dropped", "group").await.unwrap();
    for n in 0..20_u8 {
        send(publisher, "dropped", vec![n]).await;
    }
    for n in 0..20_u8 {
        assert_eq!(next(&mut stays).await, vec![n]);
    }
}

async fn a_slow_subscriber_holds_nobody_up(publisher: &dyn Bus, listener: &dyn Bus) {
    let mut slow = listener.subscribe("slow").await.unwrap();
    let mut quick = listener.subscribe("slow").await.unwrap();
    for n in 0..BACKLOG + 1000 {
        send(publisher, "slow", n.to_string()).await;
        assert_eq!(next(&mut quick).await, n.to_string());
    }
    // It still lives, and has what there was room for.
    for n in 0..BACKLOG {
        assert_eq!(next(&mut slow).await, n.to_string());
    }
    send(publisher, "slow", "end").await;
    until_end(&mut slow).await;
}

async fn waiting_can_be_given_up_without_loss(publisher: &dyn Bus, listener: &dyn Bus) {
    let mut subscription = listener.subscribe("patience").await.unwrap();
    for n in 0..50_u8 {
        assert!(tokio::time::timeout(Duration::ZERO, subscription.next()).await.is_err());
        send(publisher, "patience", vec![n]).await;
        assert_eq!(next(&mut subscription).await, vec![n]);
    }
}

#[tokio::test]
async fn memory() {
    let bus = Memory::default();
    conforms(&bus, &bus).await;
}

#[tokio::test]
async fn nats() -> anyhow::Result<()> {
    let server = local_servers::Nats::throwaway(&Search::workspace()).await?;
    let publisher = Nats::connect_within(PATIENCE, server.url()).await?;
    let listener = Nats::connect_within(PATIENCE, server.url()).await?;
    conforms(&publisher, &listener).await;
    conforms(&listener, &listener).await;
    Ok(())
}

#[tokio::test]
async fn the_scheme_chooses_the_adapter() {
    assert!(connect("memory:").await.is_ok());
    for url in ["", "nats", "http://secret@host", "nats+tls://secret@host"] {
        let error = connect(url).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
