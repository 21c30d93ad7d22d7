//! Open streams ride on what they were let through on. Of each kind there are always three: one that must end, one of
//! another token at the same application, one of that token at another.

use crate::client::PATIENCE;
use crate::grpc;
use crate::link::Mode;
use crate::passengers::{KINDS, Kind, Passenger, receive};
use crate::streams::{LENGTH, hand_over, head, push};
use crate::world::{Pair, World};
use edge_gateway::config::Limits;
use proto::policy_evaluator::rule::Selector;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

struct Riders {
    kind: Kind,
    doomed: Passenger,
    neighbour: Passenger,
    elsewhere: Passenger,
}

struct Scene {
    world: World,
    doomed: Pair,
    neighbour: Pair,
    riders: Vec<Riders>,
}

async fn scene() -> Scene {
    let (world, _) = grpc::world(Limits::default()).await;
    receive(&world);
    let (doomed, neighbour) = (world.token().await, world.token().await);
    let mut scene = Scene { world, doomed, neighbour, riders: Vec::new() };
    for kind in KINDS {
        scene.board(kind).await;
    }
    scene
}

impl Scene {
    async fn board(&mut self, kind: Kind) {
        let (world, [here, there]) = (&self.world, kind.hosts());
        let riders = Riders {
            kind,
            doomed: Passenger::board(world, kind, here, &self.doomed).await,
            neighbour: Passenger::board(world, kind, here, &self.neighbour).await,
            elsewhere: Passenger::board(world, kind, there, &self.neighbour).await,
        };
        self.riders.push(riders);
    }

    /// The doomed end, and nobody else does.
    async fn ends_one(self) {
        for Riders { kind, doomed, mut neighbour, mut elsewhere } in self.riders {
            doomed.end().await;
            assert!(neighbour.is_alive().await, "{kind:?} of another token has ended");
            assert!(elsewhere.is_alive().await, "{kind:?} at another application has ended");
        }
    }

    /// All at the application end, and nobody else does.
    async fn ends_here(self) {
        for Riders { kind, doomed, neighbour, mut elsewhere } in self.riders {
            doomed.end().await;
            neighbour.end().await;
            assert!(elsewhere.is_alive().await, "{kind:?} at another application has ended");
        }
    }
}

const HERE: [&str; 2] = [Kind::WebSocket.hosts()[0], Kind::Call.hosts()[0]];

#[tokio::test]
async fn t6_streams_live_on_while_others_are_revoked() {
    let mut scene = scene().await;
    let other = scene.world.token().await;
    let mut theirs = Vec::new();
    for kind in KINDS {
        theirs.push(Passenger::board(&scene.world, kind, kind.hosts()[0], &other).await);
    }
    scene.world.disable(&other.token).await;
    scene.world.delete(&other.token).await;
    scene.world.revoke_sessions("header.localhost").await;
    scene.world.delete_application("waved.localhost").await;
    for passenger in theirs {
        passenger.end().await;
    }
    for Riders { kind, doomed, neighbour, elsewhere } in &mut scene.riders {
        for passenger in [doomed, neighbour, elsewhere] {
            assert!(passenger.is_alive().await, "{kind:?} has ended");
        }
    }
}

#[tokio::test]
async fn t6_a_deleted_token_ends_its_streams() {
    let scene = scene().await;
    scene.world.delete(&scene.doomed.token).await;
    scene.ends_one().await;
}

#[tokio::test]
async fn t6_a_disabled_token_ends_its_streams() {
    let scene = scene().await;
    scene.world.disable(&scene.doomed.token).await;
    scene.ends_one().await;
}

#[tokio::test]
async fn t6_a_rotated_token_ends_the_streams_of_its_old_secret() {
    let scene = scene().await;
    scene.world.rotate(&scene.doomed.token).await;
    scene.ends_one().await;
}

#[tokio::test]
async fn t6_revoking_an_applications_sessions_ends_its_streams() {
    let scene = scene().await;
    for host in HERE {
        scene.world.revoke_sessions(host).await;
    }
    scene.ends_here().await;
}

#[tokio::test]
async fn t6_a_policy_that_refuses_now_ends_the_streams_that_it_admitted() {
    let scene = scene().await;
    for host in HERE {
        scene.world.edit(host, |_| {}, Some(Selector::Ip("192.0.2.1".to_owned()))).await;
    }
    scene.ends_here().await;
}

#[tokio::test]
async fn t6_an_edit_that_still_admits_ends_nothing() {
    let mut scene = scene().await;
    for host in HERE {
        let here = Selector::Ip("127.0.0.1".to_owned());
        scene.world.edit(host, |spec| "renamed".clone_into(&mut spec.name), Some(here)).await;
    }
    for Riders { kind, doomed, neighbour, elsewhere } in &mut scene.riders {
        for passenger in [doomed, neighbour, elsewhere] {
            assert!(passenger.is_alive().await, "{kind:?} has ended");
        }
    }
}

#[tokio::test]
async fn t6_a_deleted_application_ends_its_streams() {
    let scene = scene().await;
    for host in HERE {
        scene.world.delete_application(host).await;
    }
    scene.ends_here().await;
}

#[tokio::test]
async fn t6_an_expired_session_ends_its_streams() {
    let mut scene = scene().await;
    scene.riders.clear();
    for host in HERE {
        scene.world.edit(host, |spec| spec.session_duration = Some("8s".to_owned()), None).await;
    }
    // Their sessions are older, and long.
    scene.doomed = scene.world.token().await;
    for kind in KINDS {
        scene.board(kind).await;
    }
    scene.ends_one().await;
}

#[tokio::test]
async fn t6_without_a_lease_every_stream_ends() {
    let scene = scene().await;
    for link in &scene.world.links {
        link.set(Mode::Refused);
    }
    for Riders { doomed, neighbour, elsewhere, .. } in scene.riders {
        for passenger in [doomed, neighbour, elsewhere] {
            passenger.end().await;
        }
    }
}

#[tokio::test]
async fn t6_without_one_of_three_leases_every_stream_ends() {
    let scene = scene().await;
    scene.world.links[1].set(Mode::Silent);
    for Riders { doomed, neighbour, elsewhere, .. } in scene.riders {
        for passenger in [doomed, neighbour, elsewhere] {
            passenger.end().await;
        }
    }
}

/// A client, the application behind it, and the token on which the client's request has arrived there.
async fn request(request: &str) -> (World, Pair, TcpStream, TcpStream) {
    let world = World::open().await;
    let pair = world.token().await;
    let mut applications = hand_over(&world);
    let mut client = TcpStream::connect(world.gateway).await.unwrap();
    let lines = pair.lines();
    client.write_all(request.replace("{pair}", &lines).as_bytes()).await.unwrap();
    let mut application = applications.recv().await.unwrap();
    head(&mut application).await;
    (world, pair, client, application)
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: app.localhost\r\n{pair}\r\n";
const UPLOAD: &str =
    "POST / HTTP/1.1\r\nHost: app.localhost\r\n{pair}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";

/// Until the other side is gone, however much it still says; what it said last.
async fn until_gone(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let gone = async { while let Ok(1..) = stream.read_buf(&mut text).await {} };
    tokio::time::timeout(PATIENCE, gone).await.expect("it stays");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn t6_a_stream_that_nobody_reads_ends_too() {
    let (world, pair, client, mut application) = request(GET).await;
    application.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await.unwrap();
    assert!(push(&mut application, LENGTH).await < LENGTH);
    world.delete(&pair.token).await;
    let closed = async { while application.write_all(b"xxxxxxxx").await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("the application goes on");
    drop(client);
}

#[tokio::test]
async fn t6_an_upload_ends_before_there_is_an_answer() {
    let (world, pair, mut client, mut application) = request(UPLOAD).await;
    world.delete(&pair.token).await;
    let answer = until_gone(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("TOKEN_DELETED"), "{answer}");
    until_gone(&mut application).await;
}

#[tokio::test]
async fn t6_an_upload_ends_that_goes_on_beside_its_answer() {
    let (world, pair, mut client, mut application) = request(UPLOAD).await;
    application.write_all(CHUNKED.as_bytes()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 200"));
    world.delete(&pair.token).await;
    assert!(!until_gone(&mut client).await.ends_with("0\r\n\r\n"));
    until_gone(&mut application).await;
}

#[tokio::test]
async fn t6_an_answer_that_begins_after_the_revocation_does_not_begin() {
    let (world, pair, mut client, mut application) = request(GET).await;
    world.delete(&pair.token).await;
    application.write_all(CHUNKED.as_bytes()).await.unwrap();
    let answer = head(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("TOKEN_DELETED"), "{answer}");
}

#[tokio::test]
async fn t6_streams_without_a_session_end_with_the_policy_that_let_them_pass() {
    let (world, _pair, mut client, mut application) = request(&GET.replace("app.", "open.")).await;
    application.write_all(CHUNKED.as_bytes()).await.unwrap();
    head(&mut client).await;
    world.edit("open.localhost", |_| {}, Some(Selector::Ip("192.0.2.1".to_owned()))).await;
    assert!(!until_gone(&mut client).await.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn a_stream_let_pass_by_the_evaluators_word_ends_when_that_may_be_out_of_date() {
    let (world, _pair, mut client, mut application) = request(&GET.replace("app.", "waved.")).await;
    application.write_all(CHUNKED.as_bytes()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 200"));
    // Several rounds pass in which nothing has changed.
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    application.write_all(b"4\r\nmore\r\n").await.unwrap();
    let mut text = [0; 16];
    client.read_exact(&mut text).await.unwrap();
    assert_eq!(text, *b"2\r\nok\r\n4\r\nmore\r\n");
    let other = world.token().await;
    world.delete(&other.token).await;
    assert!(!until_gone(&mut client).await.ends_with("0\r\n\r\n"));
}
