//! The second front used up on purpose, and told to stop: frames by hand.

use super::{Asked, Verdict};
use crate::client::PATIENCE;
use crate::ext_authz::Envoy;
use crate::floods::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Flood, HEADERS, PING, RST_STREAM, SETTINGS, begin_at, flood,
    frame,
};
use crate::streams::ON_THE_WAY;
use crate::world::World;
use prost::Message as _;
use proto::ext_authz::CheckResponse;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const REFUSED: [u8; 4] = [0, 0, 0, 7];
/// As many as a connection may have open.
const CALLS: u32 = 256;

/// The head of a call.
fn head() -> Vec<u8> {
    let text = |text: &[u8]| [&[u8::try_from(text.len()).unwrap()], text].concat();
    let path = text(b"/envoy.service.auth.v3.Authorization/Check");
    // POST, http, :path, :authority, content-type.
    [&[0x83, 0x86, 0x04][..], &path, &[0x01], &text(b"sallyport"), &[0x0f, 0x10], &text(b"application/grpc")]
        .concat()
}

fn question() -> Vec<u8> {
    let message = Asked::new("open.localhost", "/").message().encode_to_vec();
    [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat()
}

async fn others_are_answered(world: &World) {
    let verdict = Envoy::of(world).await.ask(&Asked::new("open.localhost", "/")).await;
    assert_eq!(verdict.status, 200);
}

/// Kind, flags, stream and payload; none at the end.
async fn next(stream: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, flags, of @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some((kind, flags, u32::from_be_bytes(of), payload))
}

/// The next of this kind; pings are answered meanwhile.
async fn until(stream: &mut TcpStream, wanted: u8) -> Option<(u8, u32, Vec<u8>)> {
    let found = async {
        loop {
            let (kind, flags, of, payload) = next(stream).await?;
            if kind == PING && flags & ACK == 0 {
                stream.write_all(&frame(PING, ACK, 0, &payload)).await.ok()?;
            }
            if kind == wanted {
                return Some((flags, of, payload));
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("a frame in time")
}

#[tokio::test]
async fn o6_a_question_in_flight_is_answered_while_no_other_is_taken() {
    let world = World::open().await;
    let address = world.ext_authz;
    let question = question();
    let (first, rest) = question.split_at(7);
    let mut stream = begin_at(address, &[]).await;
    stream.write_all(&frame(HEADERS, END_HEADERS, 1, &head())).await.unwrap();
    stream.write_all(&frame(DATA, 0, 1, first)).await.unwrap();
    stream.write_all(&frame(PING, 0, 0, &[7; 8])).await.unwrap();
    // What came before it has been read.
    assert_eq!(until(&mut stream, PING).await.unwrap(), (ACK, 0, vec![7; 8]));
    let _upstream = world.stop();
    until(&mut stream, GOAWAY).await.expect("the caller is told to go");
    let closed = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("the port is closed");
    stream.write_all(&frame(DATA, END_STREAM, 1, rest)).await.unwrap();
    let (_, of, answer) = until(&mut stream, DATA).await.expect("an answer");
    assert_eq!((of, Verdict::read(CheckResponse::decode(&answer[5..]).unwrap()).status), (1, 200));
    assert_eq!(until(&mut stream, 0xff).await, None, "then the connection ends");
}

#[tokio::test]
async fn q1_calls_that_are_reset_at_once_end_the_connection() {
    let world = World::open().await;
    let stream = begin_at(world.ext_authz, &[]).await;
    let (mut id, head) = (1, head());
    let batch = || {
        let mut batch = Vec::new();
        for _ in 0..200 {
            batch.extend(frame(HEADERS, END_HEADERS, id, &head));
            batch.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
            id += 2;
        }
        batch
    };
    let Flood::Ended(bytes) = flood(stream, batch, true).await else { panic!("it goes on") };
    assert!(bytes < ON_THE_WAY, "{bytes}");
    others_are_answered(&world).await;
}

#[tokio::test]
async fn q1_a_head_of_a_call_without_end_ends_the_connection() {
    let world = World::open().await;
    for payload in [vec![], vec![0x00, 1, b'x', 1, b'y']] {
        let mut stream = begin_at(world.ext_authz, &[]).await;
        stream.write_all(&frame(HEADERS, 0, 1, &head())).await.unwrap();
        let one = frame(CONTINUATION, 0, 1, &payload);
        let many = one.repeat(2_000);
        let Flood::Ended(bytes) = flood(stream, || many.clone(), true).await else { panic!("it goes on") };
        assert!(bytes < ON_THE_WAY, "{bytes}");
        others_are_answered(&world).await;
    }
}

#[tokio::test]
async fn q1_answers_that_no_caller_reads_stop_its_questions() {
    let world = World::open().await;
    for one in [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[])] {
        let stream = begin_at(world.ext_authz, &[]).await;
        let many = one.repeat(20_000);
        let outcome = flood(stream, || many.clone(), false).await;
        let (Flood::Ended(bytes) | Flood::Stopped(bytes)) = outcome else { panic!("it takes all of it") };
        assert!(bytes < ON_THE_WAY, "{bytes}");
        others_are_answered(&world).await;
    }
}

#[tokio::test]
async fn q1_calls_that_do_not_go_on_are_so_many_and_no_more() {
    let world = World::open().await;
    let mut stream = begin_at(world.ext_authz, &[]).await;
    let open = |id: u32| {
        let begun = [frame(HEADERS, END_HEADERS, id, &head()), frame(DATA, 0, id, &[0])];
        begun.concat()
    };
    // The caller is told the limit, and does not keep to it once it knows.
    stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await.unwrap();
    let all: Vec<u8> = (0..CALLS).flat_map(|at| open(2 * at + 1)).collect();
    stream.write_all(&all).await.unwrap();
    let beyond = 2 * CALLS + 1;
    stream.write_all(&open(beyond)).await.unwrap();
    let (_, of, code) = until(&mut stream, RST_STREAM).await.expect("it is refused");
    assert_eq!((of, code), (beyond, REFUSED.to_vec()));
    others_are_answered(&world).await;
}
