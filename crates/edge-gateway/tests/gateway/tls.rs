//! Clients that come in by TLS.

use crate::authority::{Authority, Files, Leaf, connect, tls};
use crate::client::{Client, PATIENCE};
use crate::streams::{LENGTH, ON_THE_WAY, hand_over, head};
use crate::world::{Beginning, World};
use bytes::Bytes;
use edge_gateway::config::{Limits, Mode, Proxy};
use http::{Request, Version};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

struct Scene {
    world: World,
    authority: Authority,
    files: Files,
}

const HOSTS: &[&str] = &["app.localhost", "open.localhost", "127.0.0.1"];

async fn scene(edit: impl FnOnce(&Authority, &Files, &mut Proxy)) -> Scene {
    scene_within(Limits::default(), edit).await
}

async fn scene_within(limits: Limits, edit: impl FnOnce(&Authority, &Files, &mut Proxy)) -> Scene {
    let (authority, files) = (Authority::new("servers"), Files::default());
    let first = files.pair("first", &authority.server(HOSTS));
    let second = files.pair("second", &authority.server(&["inside.localhost", "*.b.localhost"]));
    let mut proxy = Proxy { tls: Some(tls(vec![first, second], None)), ..Proxy::default() };
    edit(&authority, &files, &mut proxy);
    let world = World::open_with(Beginning { limits, proxy, ..Beginning::default() }).await;
    Scene { world, authority, files }
}

impl Scene {
    async fn client(&self, name: &str) -> Client {
        let connector = self.authority.believer(None, &["http/1.1"]);
        Client::over(connect(&connector, self.world.gateway, name).await.unwrap())
    }

    /// The certificate that is presented.
    async fn presented(&self, connector: &TlsConnector, name: &str) -> Vec<u8> {
        let stream = connect(connector, self.world.gateway, name).await.unwrap();
        let (_, session) = stream.get_ref();
        session.peer_certificates().unwrap()[0].to_vec()
    }

    /// Until this one is presented.
    async fn until_presented(&self, leaf: &Leaf, name: &str) {
        let connector = self.authority.believer(None, &[]);
        let wait = async {
            while self.presented(&connector, name).await != leaf.chain()[0].to_vec() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }
}

#[tokio::test]
async fn t2_a_connection_serves_the_hosts_that_its_certificate_names() {
    let scene = scene(|_, _, _| {}).await;
    for (name, host, expected) in [
        ("open.localhost", "open.localhost", (200, "-")),
        ("OPEN.localhost", "Open.LOCALHOST:8443", (200, "-")),
        ("open.localhost", "app.localhost", (401, "CREDENTIAL_MISSING")),
        ("open.localhost", "inside.localhost", (421, "HOST_MISDIRECTED")),
        ("inside.localhost", "inside.localhost", (200, "-")),
        ("inside.localhost", "x.b.localhost", (404, "APPLICATION_NOT_FOUND")),
        ("x.b.localhost", "x.b.localhost", (404, "APPLICATION_NOT_FOUND")),
        ("x.b.localhost", "b.localhost", (421, "HOST_MISDIRECTED")),
        ("x.b.localhost", "a.x.b.localhost", (421, "HOST_MISDIRECTED")),
        ("127.0.0.1", "open.localhost", (200, "-")),
        ("127.0.0.1", "127.0.0.1", (404, "APPLICATION_NOT_FOUND")),
        ("127.0.0.1", "[::1]", (421, "HOST_MISDIRECTED")),
    ] {
        let answer = scene.client(name).await.get(host, "/", "").await;
        assert_eq!((answer.status, answer.reason()), expected, "{name} {host}");
    }
}

#[tokio::test]
async fn t2_d3_where_clients_are_asked_for_certificates_only_the_host_that_was_asked_for() {
    let scene = scene(|authority, files, proxy| {
        proxy.tls.as_mut().unwrap().client = Some(files.clients(authority, Mode::Optional));
    })
    .await;
    for (name, host, status) in [
        ("open.localhost", "open.localhost", 200),
        ("app.localhost", "open.localhost", 421),
        ("OPEN.LOCALHOST", "open.localhost", 200),
        ("127.0.0.1", "open.localhost", 200),
    ] {
        assert_eq!(scene.client(name).await.get(host, "/", "").await.status, status, "{name} {host}");
    }
    // Nobody resumes: who does is not verified again.
    let connector = scene.authority.believer(None, &["http/1.1"]);
    for _ in 0..2 {
        let mut stream = connect(&connector, scene.world.gateway, "open.localhost").await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n").await.unwrap();
        stream.read_u8().await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
}

#[tokio::test]
async fn t10_a_client_that_resumes_sends_nothing_early() {
    let scene = scene(|_, _, _| {}).await;
    let connector = scene.authority.believer(None, &["http/1.1"]);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let stream = TcpStream::connect(scene.world.gateway).await.unwrap();
        let name = ServerName::try_from("open.localhost").unwrap();
        // A ticket that allowed it would make this the way to write it.
        let connected =
            connector.connect_with(name, stream, |session| assert!(session.early_data().is_none()));
        let mut stream = connected.await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n").await.unwrap();
        stream.read_u8().await.unwrap();
        let (_, session) = stream.get_ref();
        kinds.push(session.handshake_kind().unwrap());
    }
    assert_eq!(kinds, [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed]);
}

#[tokio::test]
async fn t12_a_handshake_that_does_not_go_on_is_given_up() {
    let limits = Limits { handshake_timeout_s: NonZeroU32::MIN, ..Limits::default() };
    let scene = scene_within(limits, |_, _, _| {}).await;
    for begun in ["", "\u{16}", "\u{16}\u{3}\u{1}\u{0}\u{7f}\u{1}"] {
        let mut client = scene.world.connect().await;
        client.send(begun).await;
        assert!(client.is_closed().await, "{begun:?} keeps its place");
    }
    // What is no TLS gets no HTTP.
    let mut client = scene.world.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: open.localhost\r\n\r\n").await;
    assert!(client.answer(false).await.is_none());
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_as_agreed_and_cookies_are_secure() {
    let scene = scene(|_, _, _| {}).await;
    let pair = scene.world.token().await;
    let answer = scene.client("app.localhost").await.get("app.localhost", "/", &pair.lines()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers("set-cookie")[0].contains("; Secure"));
    let seen = scene.world.upstream.take();
    assert!(seen[0].headers().contains(&"x-forwarded-proto: https".to_owned()));

    let connector = scene.authority.believer(None, &["h2", "http/1.1"]);
    let stream = connect(&connector, scene.world.gateway, "app.localhost").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = |host: &str| {
        Request::get(format!("https://{host}/"))
            .header("cf-access-client-id", &pair.token.client_id)
            .header("cf-access-client-secret", &pair.secret)
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let answer = sender.send_request(request("app.localhost")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    let answer = sender.send_request(request("inside.localhost")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 421, "T2");
}

#[tokio::test]
async fn large_bodies_flow_through_tls_and_are_not_kept() {
    let scene = scene(|_, _, _| {}).await;
    let mut applications = hand_over(&scene.world);
    let connector = scene.authority.believer(None, &["http/1.1"]);
    let stream = connect(&connector, scene.world.gateway, "open.localhost").await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let lines = format!("POST / HTTP/1.1\r\nHost: open.localhost\r\nContent-Length: {LENGTH}\r\n\r\n");
    write.write_all(lines.as_bytes()).await.unwrap();
    let mut application = applications.recv().await.unwrap();
    head(&mut application).await;
    let piece = vec![b'x'; 64 * 1024];
    let mut taken = 0;
    while let Ok(one) = tokio::time::timeout(Duration::from_secs(1), write.write(&piece)).await {
        taken += one.unwrap();
        assert!(taken < ON_THE_WAY, "{taken} bytes were taken that nobody reads");
    }
    let sent = async {
        while taken < LENGTH {
            taken += write.write(&piece[..piece.len().min(LENGTH - taken)]).await.unwrap();
        }
        write.flush().await.unwrap();
    };
    tokio::join!(sent, crate::streams::drain(&mut application, LENGTH));
    let lines = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
    application.write_all(lines.as_bytes()).await.unwrap();
    let given = crate::streams::push(&mut application, LENGTH).await;
    assert!(given < ON_THE_WAY, "{given} bytes were taken that nobody reads");
    let mut buffer = vec![0; 256 * 1024];
    let mut came = 0;
    let receive = async {
        while came < LENGTH {
            let one = read.read(&mut buffer).await.unwrap();
            assert!(one > 0, "{came} bytes came");
            came += one;
        }
    };
    tokio::join!(receive, crate::streams::pour(&mut application, LENGTH - given));
}

#[tokio::test]
async fn a_large_upload_in_http2_flows_through_tls() {
    let scene = scene(|_, _, _| {}).await;
    let mut applications = hand_over(&scene.world);
    let connector = scene.authority.believer(None, &["h2"]);
    let stream = connect(&connector, scene.world.gateway, "open.localhost").await.unwrap();
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let pieces = LENGTH / (64 * 1024);
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    let body = StreamBody::new(futures::stream::iter(
        (0..pieces).map(move |_| Ok::<_, std::io::Error>(http_body::Frame::data(piece.clone()))),
    ));
    let request =
        Request::post("https://open.localhost/").header("content-length", LENGTH).body(body).unwrap();
    let answer = tokio::spawn(sender.send_request(request));
    let mut application = applications.recv().await.unwrap();
    head(&mut application).await;
    crate::streams::drain(&mut application, LENGTH).await;
    application.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await.unwrap();
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "done");
}

#[tokio::test]
async fn f28_renewed_certificates_count_for_new_connections_and_old_ones_go_on() {
    let scene = scene(|_, _, _| {}).await;
    let mut open = scene.client("open.localhost").await;
    assert_eq!(open.get("open.localhost", "/", "").await.status, 200);
    let next = scene.authority.server(HOSTS);
    scene.files.pair("first", &next);
    scene.until_presented(&next, "open.localhost").await;
    assert_eq!(open.get("open.localhost", "/", "").await.status, 200, "a renewal has ended a connection");
}

#[tokio::test]
async fn f28_what_cannot_be_used_is_not_taken_over() {
    let scene = scene(|_, _, _| {}).await;
    let believer = scene.authority.believer(None, &[]);
    let before = scene.presented(&believer, "open.localhost").await;
    let other = scene.authority.server(HOSTS);
    // Another's key, no key, no certificate, half a certificate.
    let half = &other.certificate[..other.certificate.len() / 2];
    for (certificate, key) in [(&*other.certificate, "x"), ("", &*other.key), (half, &*other.key)] {
        scene.files.write("first.pem", certificate);
        scene.files.write("first.key", key);
        // A good one beside it is taken over all the same: the files were looked at.
        let second = scene.authority.server(&["inside.localhost"]);
        scene.files.pair("second", &second);
        scene.until_presented(&second, "inside.localhost").await;
        assert_eq!(scene.presented(&believer, "open.localhost").await, before);
    }
    std::fs::remove_file(scene.files.folder().join("first.key")).unwrap();
    let second = scene.authority.server(&["inside.localhost"]);
    scene.files.pair("second", &second);
    scene.until_presented(&second, "inside.localhost").await;
    assert_eq!(scene.presented(&believer, "open.localhost").await, before);
    scene.files.pair("first", &other);
    scene.until_presented(&other, "open.localhost").await;
}
