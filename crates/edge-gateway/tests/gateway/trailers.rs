//! What comes after a body, and before one is asked for.

use crate::streams::{hand_over, head};
use crate::world::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn until_end(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        read.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(read).unwrap().to_ascii_lowercase()
}

#[tokio::test]
async fn an_applications_trailers_arrive_at_a_client_that_takes_them() {
    let world = World::open().await;
    let mut applications = hand_over(&world);
    for (te, arrives) in [("TE: trailers\r\n", true), ("", false)] {
        let mut client = TcpStream::connect(world.gateway).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: open.localhost\r\n{te}Connection: close, TE\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut application = applications.recv().await.unwrap();
        let seen = head(&mut application).await.to_ascii_lowercase();
        assert_eq!(seen.contains("te: trailers\r\n"), arrives, "{seen}");
        application
            .write_all(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Cf-Access-Jwt-Assertion, Set-Cookie\r\n\r\n\
                2\r\nok\r\n0\r\nX-Sum: 7\r\nCf-Access-Jwt-Assertion: x\r\nSet-Cookie: CF_Authorization=x\r\n\r\n",
            )
            .await
            .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let answer = answer.to_ascii_lowercase();
        assert_eq!(answer.contains("trailer: x-sum"), arrives, "{answer}");
        assert!(answer.ends_with(if arrives { "0\r\nx-sum: 7\r\n\r\n" } else { "0\r\n\r\n" }), "{answer}");
        assert!(!answer.contains("cf-access") && !answer.contains("cf_authorization"), "{answer}");
    }
}

#[tokio::test]
async fn h4_a_clients_trailers_arrive_without_what_it_may_not_say() {
    let world = World::open().await;
    let mut applications = hand_over(&world);
    let mut client = TcpStream::connect(world.gateway).await.unwrap();
    client
        .write_all(
            b"POST / HTTP/1.1\r\nHost: open.localhost\r\nTransfer-Encoding: chunked\r\n\
            Trailer: X-Sum, Cf_Access_Jwt_Assertion, X-Forwarded-For\r\n\r\n\
            2\r\nok\r\n0\r\nX-Sum: 7\r\nCf_Access_Jwt_Assertion: x\r\nX-Forwarded-For: 192.0.2.1\r\nX-Unsaid: 1\r\n\r\n",
        )
        .await
        .unwrap();
    let mut application = applications.recv().await.unwrap();
    let seen = head(&mut application).await.to_ascii_lowercase();
    assert!(seen.contains("\r\ntrailer: x-sum\r\n") && seen.contains("transfer-encoding: chunked"), "{seen}");
    assert_eq!(until_end(&mut application, b"\r\n\r\n").await, "2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n");
}

#[tokio::test]
async fn a_client_that_waits_is_told_to_go_on_once_its_application_takes_the_request() {
    let world = World::open().await;
    let mut applications = hand_over(&world);
    let lines = "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    // Refused: it is never asked for its body.
    let mut client = TcpStream::connect(world.gateway).await.unwrap();
    client.write_all(format!("POST / HTTP/1.1\r\nHost: app.localhost\r\n{lines}").as_bytes()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 401"));

    let mut client = TcpStream::connect(world.gateway).await.unwrap();
    client.write_all(format!("POST / HTTP/1.1\r\nHost: open.localhost\r\n{lines}").as_bytes()).await.unwrap();
    let mut application = applications.recv().await.unwrap();
    assert!(head(&mut application).await.to_ascii_lowercase().contains("expect: 100-continue"));
    assert!(head(&mut client).await.starts_with("HTTP/1.1 100"));
    application.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
    client.write_all(b"hello").await.unwrap();
    let mut body = [0; 5];
    application.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"hello");
    application.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 200"), "asked for twice");
}
