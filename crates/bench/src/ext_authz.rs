//! Envoy's question at the gateway's second front, beside servers that give the same answer without a thought.

pub mod idle;

use crate::report::{Role, Row, Section};
use crate::series::{Series, Turn, nanos, now};
use crate::world::{DOMAIN, Pair, World};
use crate::{Arguments, Stage};
use anyhow::{Context as _, Result, bail, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use proto::ext_authz::attribute_context::{self, HttpRequest, Peer};
use proto::ext_authz::check_response::HttpResponse;
use proto::ext_authz::{Address, AttributeContext, CheckRequest, CheckResponse, SocketAddress};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// One Envoy has one a worker.
pub const CONNECTIONS: usize = 4;
const IN_FLIGHT: [usize; 2] = [16, 64];
pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// What is asked where, and what is answered.
#[derive(Clone)]
struct Question {
    address: SocketAddr,
    /// Framed.
    asked: Bytes,
    answer: Expected,
}

/// An answer, but for the request's name in it, which is another every time.
#[derive(Clone)]
struct Expected {
    answer: Bytes,
    /// Where the name stands.
    names: Vec<Range<usize>>,
}

impl Expected {
    fn of(answer: &Bytes) -> Result<Self> {
        let Some(HttpResponse::OkResponse(ok)) = message(answer)?.http_response else {
            bail!("the question is not let through");
        };
        let mut headers =
            ok.headers.iter().chain(&ok.response_headers_to_add).filter_map(|it| it.header.as_ref());
        let name =
            headers.find(|header| header.key.eq_ignore_ascii_case("cf-ray")).context("there is no Cf-Ray")?;
        let name = if name.raw_value.is_empty() { name.value.as_bytes() } else { &name.raw_value };
        let starts = answer.windows(name.len()).enumerate().filter(|(_, it)| *it == name);
        let names = starts.map(|(start, _)| start..start + name.len()).collect();
        Ok(Self { answer: answer.clone(), names })
    }

    fn is(&self, answer: &Bytes) -> bool {
        let mut from = 0;
        let mut is_same = |until: usize, next: usize| {
            let piece = std::mem::replace(&mut from, next)..until;
            answer.get(piece.clone()) == self.answer.get(piece)
        };
        answer.len() == self.answer.len()
            && self.names.iter().all(|name| is_same(name.start, name.end))
            && is_same(answer.len(), answer.len())
    }
}

/// The same question to each server.
struct Subject {
    role: Role,
    question: Question,
    series: Series,
}

pub fn measure(arguments: &Arguments, stage: &Stage, world: &World) -> Result<Vec<Section>> {
    let pair = stage.load.block_on(world.create_token())?;
    let session = stage.load.block_on(world.session_line(&pair))?;
    let session = session.trim_start_matches("Cookie: ").trim_end();
    let mut sections = Vec::new();
    for (name, title, goal, lines) in [
        (
            "ext-authz-session",
            "session JWT in the cookie, verified before",
            "0.90",
            vec![("cookie", session)],
        ),
        ("ext-authz-pair", "Client ID and Client Secret, exchanged before", "0.85", pair_lines(&pair)),
    ] {
        let asked = framed(&question(DOMAIN, &lines));
        let answer = stage.load.block_on(first_answer(world.ext_authz, &asked))?;
        let given = idle::serve(&stage.server, &answer)?;
        // A framework writes the entries of a map in an order of its own.
        let by_tonic = stage.load.block_on(first_answer(given.by_tonic, &asked))?;
        ensure!(message(&by_tonic)? == message(&answer)?, "the framework's answer is another");
        for in_flight in IN_FLIGHT {
            let subject = |role, label, address, answer: &Bytes| {
                let question = Question { address, asked: asked.clone(), answer: Expected::of(answer)? };
                anyhow::Ok(Subject { role, question, series: Series::new(label) })
            };
            let mut subjects = [
                subject(Role::Floor, "hyper, the same bytes always", given.by_hand, &answer)?,
                subject(Role::Path, "the gateway", world.ext_authz, &answer)?,
                subject(Role::Scale, "tonic, the same messages always", given.by_tonic, &by_tonic)?,
            ];
            for round in 0..arguments.rounds {
                eprintln!("{name}, {in_flight} in flight: round {} of {} …", round + 1, arguments.rounds);
                if round % 2 == 1 {
                    subjects.reverse();
                }
                for Subject { question, series, .. } in &mut subjects {
                    let turn = || stage.load.block_on(question.turn(in_flight, arguments.turn()));
                    series
                        .take(1, turn)
                        .with_context(|| format!("measuring \"{}\"", series.label.clone()))?;
                }
                if round % 2 == 1 {
                    subjects.reverse();
                }
            }
            let [floor, ..] = &subjects;
            let row = |it: &Subject| Row::new(it.role, &it.series, Some(&floor.series));
            sections.push(Section {
                name,
                title: format!(
                    "Envoy's Check, {title}; {CONNECTIONS} connections, {in_flight} calls in flight"
                ),
                notes: vec![format!("Expected: {goal} or better, and more than tonic's.")],
                rows: subjects.iter().map(row).collect(),
            });
        }
    }
    Ok(sections)
}

fn pair_lines(pair: &Pair) -> Vec<(&str, &str)> {
    vec![("cf-access-client-id", &pair.client_id), ("cf-access-client-secret", &pair.client_secret)]
}

/// What a browser's or program's usual request makes Envoy ask.
pub fn question(host: &str, lines: &[(&str, &str)]) -> CheckRequest {
    let usual = [
        (":authority", host),
        (":method", "GET"),
        (":path", "/orders/17"),
        (":scheme", "http"),
        ("accept", "*/*"),
        ("user-agent", "bench"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "2f1c0a4e-6b1f-4a53-9a55-0d7b0f4d7f10"),
    ];
    let headers = usual.iter().chain(lines).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let socket = SocketAddress { address: "192.0.2.7".to_owned(), port_value: 4711 };
    let http = HttpRequest {
        method: "GET".to_owned(),
        headers: headers.collect(),
        path: "/orders/17".to_owned(),
        host: host.to_owned(),
        scheme: "http".to_owned(),
        header_map: None,
    };
    let attributes = AttributeContext {
        source: Some(Peer {
            address: Some(Address { socket_address: Some(socket) }),
            certificate: String::new(),
        }),
        request: Some(attribute_context::Request { http: Some(http) }),
        ..AttributeContext::default()
    };
    CheckRequest { attributes: Some(attributes) }
}

/// A message of gRPC.
pub fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(message.encoded_len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).unwrap_or(u32::MAX));
    bytes.put_slice(&message.encode_to_vec());
    bytes.freeze()
}

fn message(framed: &Bytes) -> Result<CheckResponse> {
    Ok(CheckResponse::decode(framed.get(5..).unwrap_or_default())?)
}

/// The server's second answer, which is that of every further one; an error unless it lets through.
pub async fn first_answer(address: SocketAddr, asked: &Bytes) -> Result<Bytes> {
    let mut calls = connect(address).await?;
    ask(&mut calls, address, asked).await?;
    let answer = ask(&mut calls, address, asked).await?;
    let message = message(&answer)?;
    let is_allowed = message.status.is_none_or(|status| status.code == 0);
    ensure!(
        is_allowed && matches!(message.http_response, Some(HttpResponse::OkResponse(_))),
        "the gateway does not let the question through"
    );
    Ok(answer)
}

/// One HTTP/2 connection.
pub type Calls = SendRequest<Full<Bytes>>;

pub async fn connect(address: SocketAddr) -> Result<Calls> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    let (calls, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(calls)
}

/// The body of the answer to one call, which must have succeeded.
pub async fn ask(calls: &mut Calls, address: SocketAddr, asked: &Bytes) -> Result<Bytes> {
    let request = Request::post(format!("http://{address}{CHECK}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(asked.clone()))?;
    calls.ready().await?;
    let body = calls.send_request(request).await?.into_body().collect().await?;
    let status = body.trailers().and_then(|trailers| trailers.get("grpc-status"));
    ensure!(status.is_some_and(|status| status == "0"), "the call failed: {status:?}");
    Ok(body.to_bytes())
}

impl Question {
    async fn turn(&self, in_flight: usize, duration: Duration) -> Result<Turn> {
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut calls = connect(self.address).await?;
            ask(&mut calls, self.address, &self.asked).await?;
            open.push(calls);
        }
        let (mut asking, start) = (JoinSet::new(), now());
        let (end, question) = (start.after(duration), Arc::new(self.clone()));
        for calls in open.iter().cycle().take(in_flight) {
            let (mut calls, question) = (calls.clone(), question.clone());
            asking.spawn(async move {
                let (mut latencies, mut sent) = (Vec::with_capacity(1 << 12), now());
                while sent < end {
                    let answer = ask(&mut calls, question.address, &question.asked).await?;
                    ensure!(question.answer.is(&answer), "the answer is another");
                    let answered = now();
                    latencies.push(nanos(answered.since(sent)));
                    sent = answered;
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(asked) = asking.join_next().await {
            latencies.append(&mut asked??);
        }
        Ok(Turn { elapsed: now().since(start), latencies })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::ext_authz::{HeaderValue, HeaderValueOption, OkHttpResponse};

    fn answer(ray: &str, session: &str) -> Bytes {
        let line = |key: &str, value: &str| HeaderValueOption {
            header: Some(HeaderValue {
                key: key.to_owned(),
                value: value.to_owned(),
                ..HeaderValue::default()
            }),
            ..HeaderValueOption::default()
        };
        let ok = OkHttpResponse {
            headers: vec![line("cf-ray", ray), line("session", session)],
            response_headers_to_add: vec![line("cf-ray", ray)],
            ..OkHttpResponse::default()
        };
        let http_response = Some(HttpResponse::OkResponse(ok));
        framed(&CheckResponse { http_response, ..CheckResponse::default() })
    }

    #[test]
    fn an_answer_may_differ_in_the_name_of_its_request_alone() {
        let expected = Expected::of(&answer("0123456789abcdef", "one")).unwrap();
        assert_eq!(expected.names.len(), 2);
        assert!(expected.is(&answer("fedcba9876543210", "one")));
        assert!(!expected.is(&answer("0123456789abcdef", "two")));
        assert!(!expected.is(&answer("0123456789abcdef", "three")));
    }
}
