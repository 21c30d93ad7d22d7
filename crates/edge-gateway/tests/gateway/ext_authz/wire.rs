//! Calls that generated code does not make.

use super::{Asked, Verdict, app};
use crate::client::PATIENCE;
use crate::world::World;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use proto::ext_authz::CheckResponse;
use std::convert::Infallible;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const GRPC: (&str, &str) = ("content-type", "application/grpc");

/// What came back.
struct Answer {
    http: u16,
    /// In the trailers, or in the head where nothing else comes.
    grpc: Option<String>,
    message: Bytes,
}

impl Answer {
    async fn read(response: Response<Incoming>) -> Self {
        let http = response.status().as_u16();
        let status = |headers: &HeaderMap| Some(headers.get("grpc-status")?.to_str().unwrap().to_owned());
        let in_head = status(response.headers());
        let body = response.into_body().collect().await.unwrap();
        let grpc = in_head.or_else(|| status(body.trailers()?));
        Self { http, grpc, message: body.to_bytes() }
    }

    /// Of one whole message.
    fn verdict(&self) -> Verdict {
        assert_eq!((self.http, self.grpc.as_deref()), (200, Some("0")));
        let (prefix, message) = self.message.split_first_chunk::<5>().unwrap();
        assert_eq!(u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize, message.len());
        Verdict::read(CheckResponse::decode(message).unwrap())
    }
}

/// `pieces` are frames of the body; it never ends where `is_open`.
async fn call(
    world: &World,
    path: &str,
    lines: &[(&str, &str)],
    pieces: Vec<Vec<u8>>,
    is_open: bool,
) -> Answer {
    let io = TokioIo::new(TcpStream::connect(world.ext_authz).await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = Request::post(format!("http://{}{path}", world.ext_authz));
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let pieces = tokio_stream::iter(pieces).map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece))));
    let end = tokio_stream::iter(is_open.then_some(())).then(|()| std::future::pending());
    let body = StreamBody::new(pieces.chain(end));
    let answered =
        async { Answer::read(client.send_request(request.body(body).unwrap()).await.unwrap()).await };
    let answer = tokio::time::timeout(PATIENCE, answered).await.expect("an answer in time");
    connection.abort();
    answer
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}

async fn status(world: &World, path: &str, body: Vec<u8>) -> Option<String> {
    let answer = call(world, path, &[GRPC], vec![body], false).await;
    assert_eq!((answer.http, answer.message.len()), (200, 0), "a failure has no message");
    answer.grpc
}

#[tokio::test]
async fn a_message_in_any_number_of_frames_is_one_message() {
    let world = World::open().await;
    let question = framed(0, &Asked::new("open.localhost", "/").message().encode_to_vec());
    for size in [1, 4, 6, question.len()] {
        let pieces = question.chunks(size).map(<[u8]>::to_vec).collect();
        assert_eq!(call(&world, CHECK, &[GRPC], pieces, false).await.verdict().status, 200);
    }
    let proto = [("content-type", "application/grpc+proto"), ("te", "trailers")];
    assert_eq!(call(&world, CHECK, &proto, vec![question], false).await.verdict().status, 200);
}

#[tokio::test]
async fn what_is_no_question_gets_no_answer() {
    let world = World::open().await;
    let good = app().message().encode_to_vec();
    let cut = &good[..good.len() - 1];
    for (body, expected) in [
        (Vec::new(), "3"),
        (vec![0, 0, 0, 0], "3"),
        (framed(0, &[]), "3"),
        (framed(0, b"no message"), "3"),
        (framed(0, cut), "3"),
        (framed(0, &good)[..good.len()].to_vec(), "3"),
        ([framed(0, &good), framed(0, &good)].concat(), "3"),
        ([framed(0, &good), vec![0]].concat(), "3"),
        (framed(1, &good), "12"),
        (framed(7, &good), "12"),
    ] {
        assert_eq!(status(&world, CHECK, body.clone()).await.as_deref(), Some(expected), "{body:?}");
    }
}

#[tokio::test]
async fn there_are_two_methods_and_they_are_grpc() {
    let world = World::open().await;
    let question = framed(0, &app().message().encode_to_vec());
    for path in [
        "/",
        "/envoy.service.auth.v3.Authorization/Other",
        "/envoy.service.auth.v2.Authorization/Check",
        "/grpc.health.v1.Health/Watch",
        "/healthz",
    ] {
        assert_eq!(status(&world, path, question.clone()).await.as_deref(), Some("12"), "{path}");
    }
    for lines in
        [&[][..], &[("content-type", "application/json")], &[("content-type", "application/grpc-web")]]
    {
        let answer = call(&world, CHECK, lines, vec![question.clone()], false).await;
        assert_eq!((answer.http, answer.grpc), (415, None));
    }
}

/// A failure would leave the request to Envoy's failure mode, and whoever sends it can make it long.
#[tokio::test]
async fn t14_a_question_that_is_too_long_is_refused_and_does_not_fail() {
    let world = World::open().await;
    let question = Asked::new("open.localhost", "/").with("x", &"x".repeat(300_000));
    let pieces = framed(0, &question.message().encode_to_vec()).chunks(10_000).map(<[u8]>::to_vec).collect();
    assert_eq!(call(&world, CHECK, &[GRPC], pieces, false).await.verdict().status, 413);
}

#[tokio::test]
async fn a_call_is_answered_within_its_own_time() {
    let world = World::open().await;
    for (timeout, pieces) in [("100m", vec![]), ("50000u", vec![vec![0, 0]])] {
        let lines = [GRPC, ("grpc-timeout", timeout)];
        let answer = call(&world, CHECK, &lines, pieces, true).await;
        assert_eq!((answer.http, answer.grpc.as_deref()), (200, Some("4")), "{timeout}");
    }
    let question = framed(0, &Asked::new("open.localhost", "/").message().encode_to_vec());
    for timeout in ["10S", "1H", "99999999M", "junk", "-1S", "123456789S", ""] {
        let answer =
            call(&world, CHECK, &[GRPC, ("grpc-timeout", timeout)], vec![question.clone()], false).await;
        assert_eq!(answer.verdict().status, 200, "{timeout}");
    }
}

#[tokio::test]
async fn t7_whoever_does_not_begin_with_http2_is_closed() {
    let world = World::open().await;
    for opening in ["GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"] {
        let mut stream = TcpStream::connect(world.ext_authz).await.unwrap();
        stream.write_all(opening.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        let _ = read.expect("closed in time");
        assert!(answer.is_empty(), "{answer:?}");
    }
}
