//! Who a client is according to its balancer, and what it may send in clear text.

use crate::authority::{Authority, Files, connect, tls};
use crate::client::Client;
use crate::world::{Beginning, World};
use edge_gateway::config::{Limits, Proxy};
use std::num::NonZeroU32;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const ELSEWHERE: &str = "PROXY TCP4 203.0.113.9 192.0.2.1 4660 443\r\n";
const HERE: &str = "PROXY TCP4 127.0.0.1 192.0.2.1 4660 443\r\n";

fn announced() -> Proxy {
    Proxy { proxy_protocol_from: vec!["127.0.0.0/8".parse().unwrap()], ..Proxy::default() }
}

async fn world(proxy: Proxy) -> World {
    let limits = Limits { handshake_timeout_s: NonZeroU32::MIN, ..Limits::default() };
    World::open_with(Beginning { limits, proxy, ..Beginning::default() }).await
}

async fn client(world: &World, header: impl AsRef<[u8]>) -> Client {
    let mut client = world.connect().await;
    client.send(header).await;
    client
}

#[tokio::test]
async fn t11_a_listed_balancer_says_who_the_client_is() {
    let world = world(announced()).await;
    let binary = |command: u8, address: [u8; 4]| {
        let rest = [&address[..], &[192, 0, 2, 1, 0x12, 0x34, 1, 0xbb, 0x20, 0, 1, 7]].concat();
        [b"\r\n\r\n\0\r\nQUIT\n", &[command, 0x11, 0, u8::try_from(rest.len()).unwrap()][..], &rest].concat()
    };
    for (header, status) in [
        (ELSEWHERE.into(), 401),
        (HERE.into(), 200),
        (b"PROXY UNKNOWN\r\n".to_vec(), 200),
        (binary(0x21, [203, 0, 113, 9]), 401),
        (binary(0x21, [127, 0, 0, 1]), 200),
        // The balancer itself.
        (binary(0x20, [203, 0, 113, 9]), 200),
    ] {
        let answer = client(&world, &header).await.get("inside.localhost", "/", "").await;
        assert_eq!(answer.status, status, "{header:x?}");
    }
    let seen: Vec<_> = world.upstream.take();
    assert!(seen.iter().all(|seen| seen.headers().contains(&"x-forwarded-for: 127.0.0.1".to_owned())));
}

#[tokio::test]
async fn t11_a_listed_balancer_must_say_so_and_well() {
    let world = world(announced()).await;
    let request = "GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n";
    for begun in [
        "",
        "PROXY TCP4 203.0.113.9",
        "PROXY TCP4 203.0.113.9 192.0.2.1 4660\r\n",
        "\r\n\r\n\0\r\nQUIT\n\u{31}\u{11}\0\0",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        " PROXY UNKNOWN\r\n",
    ] {
        let mut client = client(&world, format!("{begun}{request}")).await;
        assert!(client.is_closed().await, "{begun:?}");
    }
    // One that stops in the middle.
    assert!(client(&world, "PROXY TC").await.is_closed().await);
    assert!(world.upstream.take().is_empty());
}

#[tokio::test]
async fn t11_from_anybody_else_it_is_no_http() {
    let from = vec!["192.0.2.0/24".parse().unwrap()];
    for proxy in [Proxy::default(), Proxy { proxy_protocol_from: from, ..Proxy::default() }] {
        let world = world(proxy).await;
        for header in [
            ELSEWHERE.as_bytes(),
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\xc0\0\x02\x01\0\x01\0\x02",
        ] {
            let mut client = client(&world, header).await;
            client.send("GET / HTTP/1.1\r\nHost: inside.localhost\r\n\r\n").await;
            assert!(client.answer(false).await.is_none_or(|answer| answer.status == 400), "{header:x?}");
        }
        assert!(world.upstream.take().is_empty());
        assert_eq!(world.connect().await.get("inside.localhost", "/", "").await.status, 200);
    }
}

#[tokio::test]
async fn t11_tls_begins_after_it() {
    let (authority, files) = (Authority::new("servers"), Files::default());
    let own = files.pair("own", &authority.server(&["inside.localhost"]));
    let world = world(Proxy { tls: Some(tls(vec![own], None)), ..announced() }).await;
    let connector = authority.believer(None, &["http/1.1"]);
    for (header, status) in [(ELSEWHERE, 401), (HERE, 200)] {
        let mut stream = TcpStream::connect(world.gateway).await.unwrap();
        stream.write_all(header.as_bytes()).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("inside.localhost").unwrap();
        let mut client = Client::over(connector.connect(name, stream).await.unwrap());
        assert_eq!(client.get("inside.localhost", "/", "").await.status, status);
    }
    assert!(connect(&connector, world.gateway, "inside.localhost").await.is_err());
}

#[tokio::test]
async fn t13_no_credential_is_taken_in_clear_from_afar() {
    let world = world(announced()).await;
    let pair = world.token().await;
    let near = client(&world, HERE).await.get("app.localhost", "/", &pair.lines()).await;
    let session = near.session().unwrap().to_owned();
    let single = format!(
        r#"Authorization: {{"cf-access-client-id":"{}","cf-access-client-secret":"{}"}}"#,
        pair.token.client_id, pair.secret
    ) + "\r\n";
    let header = format!("Cf-Access-Token: {session}\r\n");
    let cookie = format!("Cookie: CF_Authorization={session}\r\n");
    for (host, lines) in [
        ("app.localhost", &pair.lines()),
        ("app.localhost", &header),
        ("app.localhost", &cookie),
        ("header.localhost", &single),
        ("open.localhost", &pair.lines()),
    ] {
        let answer = client(&world, HERE).await.get(host, "/", lines).await;
        assert_eq!(answer.status, 200, "{host} {lines:?}");
        let answer = client(&world, ELSEWHERE).await.get(host, "/", lines).await;
        assert_eq!((answer.status, answer.reason()), (403, "TLS_REQUIRED"), "{host} {lines:?}");
        assert!(answer.headers("location").is_empty());
    }
    assert_eq!(client(&world, ELSEWHERE).await.get("open.localhost", "/", "").await.status, 200);
    let answer = client(&world, ELSEWHERE).await.get("app.localhost", "/", "").await;
    assert_eq!(answer.reason(), "CREDENTIAL_MISSING");
}

#[tokio::test]
async fn t13_an_operator_who_knows_better_says_so() {
    for proxy in [Proxy { allow_plain_http: true, ..announced() }, Proxy { is_https: true, ..announced() }] {
        let world = world(proxy).await;
        let pair = world.token().await;
        let answer = client(&world, ELSEWHERE).await.get("app.localhost", "/", &pair.lines()).await;
        assert_eq!(answer.status, 200);
    }
}
