//! Unary gRPC calls over HTTP/2, as far as a caller needs that asks one question and gets one answer.

use crate::ext_authz::{Authorizer, Caller, wire};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const AUTHORIZATION: &str = "envoy.service.auth.v3.Authorization";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// `HealthCheckResponse` with SERVING and with `NOT_SERVING`.
const HEALTHY: [u8; 2] = [8, 1];
const UNHEALTHY: [u8; 2] = [8, 2];

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const TIMEOUT: &str = "grpc-timeout";

/// Longest question. Envoy's own limit for the headers in it is 60 KiB unless it is told otherwise.
const LONGEST: usize = 128 * 1024;
/// So much of a longer one is read and thrown away, before it is refused.
const WASTED: usize = 16 * 1024 * 1024;
/// Of a frame: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// A call that says no time of its own is answered within this.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    Unimplemented = 12,
    Unavailable = 14,
}

/// A call that brings no answer.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    message: Cow<'static, str>,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Authorizer {
    pub async fn call(self: &Arc<Self>, request: Request<Incoming>, caller: Caller) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        if !is_grpc(&parts) {
            let mut response = Response::new(Answer::default());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        match tokio::time::timeout(patience(&parts.headers), self.outcome(parts.uri.path(), body, caller))
            .await
        {
            Ok(Ok(message)) => success(message),
            Ok(Err(failed)) => failure(&failed),
            Err(_) => failure(&Failure::new(Code::DeadlineExceeded, "nobody has decided in time")),
        }
    }

    async fn outcome(
        self: &Arc<Self>,
        path: &str,
        body: Incoming,
        caller: Caller,
    ) -> Result<Vec<u8>, Failure> {
        match path {
            CHECK => match read(body).await? {
                Read::Whole(message) => self.check(unframed(message)?, caller).await,
                Read::TooLong => Ok(self.refuse_too_long()),
            },
            HEALTH => match read(body).await? {
                Read::Whole(message) => self.health(&unframed(message)?),
                Read::TooLong => Err(Failure::new(Code::InvalidArgument, "the message is too long")),
            },
            _ => Err(Failure::new(Code::Unimplemented, "there is no such method here")),
        }
    }

    fn health(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let malformed = |wire::Malformed| Failure::new(Code::InvalidArgument, "no HealthCheckRequest");
        let mut service = "";
        for field in wire::Fields(message) {
            if let (1, value) = field.map_err(malformed)? {
                service = value.text().map_err(malformed)?;
            }
        }
        if !["", AUTHORIZATION].contains(&service) {
            return Err(Failure::new(Code::NotFound, "there is no such service here"));
        }
        Ok(if self.is_serving() { HEALTHY } else { UNHEALTHY }.to_vec())
    }
}

fn is_grpc(parts: &Parts) -> bool {
    let kind = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    parts.method == Method::POST && rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The caller's, less what the answer needs for its way.
fn patience(headers: &HeaderMap) -> Duration {
    let said = headers.get(TIMEOUT).and_then(|said| timeout(said.to_str().ok()?));
    said.map_or(PATIENCE, |said| said.mul_f32(0.9).min(PATIENCE))
}

/// At most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_number)?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

enum Read {
    Whole(Bytes),
    TooLong,
}

/// The whole body. Usually one piece, which is not copied.
async fn read(mut body: Incoming) -> Result<Read, Failure> {
    let (mut first, mut joined, mut length) = (Bytes::new(), BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::new(Code::Cancelled, "the call ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > LONGEST + PREFIX {
            (first, joined) = (Bytes::new(), BytesMut::new());
            if length > WASTED {
                break;
            }
        } else if first.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&data);
        }
        if body.is_end_stream() {
            break;
        }
    }
    if length > LONGEST + PREFIX {
        return Ok(Read::TooLong);
    }
    Ok(Read::Whole(if joined.is_empty() { first } else { joined.freeze() }))
}

/// The one message of a body.
fn unframed(mut body: Bytes) -> Result<Bytes, Failure> {
    let wrong = |message: &'static str| Failure::new(Code::InvalidArgument, message);
    let [flag, length @ ..] = *body.first_chunk::<PREFIX>().ok_or_else(|| wrong("there is no message"))?;
    if flag != 0 {
        return Err(Failure::new(Code::Unimplemented, "compressed messages are not read"));
    }
    let message = body.split_off(PREFIX);
    match message.len().cmp(&usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)) {
        std::cmp::Ordering::Equal => Ok(message),
        std::cmp::Ordering::Less => Err(wrong("the message ended early")),
        std::cmp::Ordering::Greater => Err(wrong("there is more than one message")),
    }
}

/// What a caller gets: at most one message and its trailers.
#[derive(Default)]
pub struct Answer {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let message = self.message.take().map(Frame::data);
        Poll::Ready(message.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.message.is_none() && self.trailers.is_none()
    }
}

fn success(message: Vec<u8>) -> Response<Answer> {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let mut response =
        Response::new(Answer { message: Some(framed(message).into()), trailers: Some(trailers) });
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

fn framed(mut message: Vec<u8>) -> Vec<u8> {
    let [a, b, c, d] = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    message.splice(0..0, [0, a, b, c, d]);
    message
}

/// Trailers alone.
fn failure(Failure { code, message }: &Failure) -> Response<Answer> {
    let mut response = Response::new(Answer::default());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(STATUS, HeaderValue::from(*code as u16));
    if let Ok(message) = HeaderValue::try_from(encoded(message)) {
        headers.insert(MESSAGE, message);
    }
    response
}

fn encoded(message: &str) -> String {
    message.bytes().fold(String::with_capacity(message.len()), |mut text, byte| {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
