//! Applications that speak HTTP/2: a real gRPC server behind the gateway, a real gRPC client before it.

use crate::world::{Beginning, Pair, World};
use edge_gateway::config::{Limits, Upstream};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

/// A gRPC server of its own, and the hosts at which the gateway shows it.
async fn upstreams() -> (Vec<Upstream>, HealthReporter) {
    let (address, reporter) = serve().await;
    let at = |host: &str| Upstream {
        host: host.to_owned(),
        url: format!("h2c://{address}"),
        ..Upstream::default()
    };
    (["grpc.localhost", "calls.localhost"].map(at).into(), reporter)
}

async fn serve() -> (SocketAddr, HealthReporter) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let reporter = HealthReporter::new();
    let health = HealthService::from_health_reporter(reporter.clone());
    let reflection = tonic_reflection::server::Builder::configure().build_v1().unwrap();
    let server = Server::builder()
        .add_service(tonic_health::pb::health_server::HealthServer::new(health))
        .add_service(reflection);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (address, reporter)
}

pub async fn world(limits: Limits) -> (World, HealthReporter) {
    let (upstreams, reporter) = upstreams().await;
    let world = World::begin(Beginning { limits, upstreams, ..Beginning::default() }).await;
    world.until_ready().await;
    world.protect().await;
    (world, reporter)
}

async fn channel(world: &World, host: &str) -> Channel {
    let endpoint = Endpoint::try_from(format!("http://{}", world.gateway)).unwrap();
    endpoint.origin(format!("http://{host}").parse().unwrap()).connect().await.unwrap()
}

fn with<T>(pair: &Pair, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("cf-access-client-id", pair.token.client_id.parse().unwrap());
    request.metadata_mut().insert("cf-access-client-secret", pair.secret.parse().unwrap());
    request
}

/// A call in which both sides stream.
pub struct Call {
    questions: Sender<ServerReflectionRequest>,
    answers: Streaming<ServerReflectionResponse>,
}

impl Call {
    pub async fn begin(world: &World, host: &str, pair: &Pair) -> Result<Self, Status> {
        let (questions, stream) = mpsc::channel(8);
        let request = with(pair, ReceiverStream::new(stream));
        let mut client = ServerReflectionClient::new(channel(world, host).await);
        let answers = client.server_reflection_info(request).await?.into_inner();
        Ok(Self { questions, answers })
    }

    /// One question, one answer.
    pub async fn next(&mut self) -> Result<(), Status> {
        self.ask(Some(MessageRequest::ListServices(String::new()))).await;
        self.received().await
    }

    async fn ask(&self, question: Option<MessageRequest>) {
        let question = ServerReflectionRequest { host: String::new(), message_request: question };
        let _ = self.questions.send(question).await;
    }

    pub async fn received(&mut self) -> Result<(), Status> {
        self.answers.message().await?.map(drop).ok_or_else(|| Status::unknown("it ended"))
    }
}

#[tokio::test]
async fn a_call_passes_and_so_does_its_failure() {
    let (world, reporter) = world(Limits::default()).await;
    let pair = world.token().await;
    reporter.set_service_status("known", tonic_health::ServingStatus::Serving).await;
    let mut client = HealthClient::new(channel(&world, "grpc.localhost").await);
    let of = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let answer = client.check(with(&pair, of("known"))).await.unwrap();
    assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
    assert!(answer.metadata().get("set-cookie").is_some());
    let failure = client.check(with(&pair, of("unknown"))).await.unwrap_err();
    assert_eq!((failure.code(), failure.message()), (Code::NotFound, "service not registered"));
    assert!(client.check(of("known")).await.is_err(), "a call without a credential passes");
}

#[tokio::test]
async fn a_server_streams() {
    let (world, reporter) = world(Limits::default()).await;
    let pair = world.token().await;
    reporter.set_service_status("known", tonic_health::ServingStatus::Serving).await;
    let mut client = HealthClient::new(channel(&world, "grpc.localhost").await);
    let request = with(&pair, HealthCheckRequest { service: "known".to_owned() });
    let mut answers = client.watch(request).await.unwrap().into_inner();
    for status in [ServingStatus::Serving, ServingStatus::NotServing, ServingStatus::Serving] {
        assert_eq!(answers.message().await.unwrap().unwrap().status(), status);
        let next = if status == ServingStatus::Serving {
            tonic_health::ServingStatus::NotServing
        } else {
            tonic_health::ServingStatus::Serving
        };
        reporter.set_service_status("known", next).await;
    }
}

#[tokio::test]
async fn both_sides_stream_and_the_status_comes_in_the_trailers() {
    let (world, _reporter) = world(Limits::default()).await;
    let pair = world.token().await;
    let mut call = Call::begin(&world, "grpc.localhost", &pair).await.unwrap();
    for _ in 0..3 {
        call.next().await.unwrap();
    }
    // What is no question ends the call with an error, after answers that were none.
    call.ask(None).await;
    let failure = call.received().await.unwrap_err();
    assert_eq!((failure.code(), failure.message()), (Code::InvalidArgument, "invalid MessageRequest"));
}

#[tokio::test]
async fn a_client_in_http1_gets_an_answer_without_trailers() {
    let (world, _reporter) = world(Limits::default()).await;
    let pair = world.token().await;
    let lines = format!("{}Content-Type: application/grpc\r\nTE: trailers\r\n", pair.lines());
    let answer = world.connect().await.get("grpc.localhost", "/grpc.health.v1.Nothing/Check", &lines).await;
    assert_eq!((answer.status, answer.reason()), (200, "-"));
    assert_eq!(answer.headers("grpc-status"), ["12"]);
    assert!(answer.is_whole);
}

#[tokio::test]
async fn a_call_may_be_silent_for_longer_than_a_client_within_its_body() {
    let limits = Limits { client_timeout_s: NonZeroU32::MIN, ..Limits::default() };
    let (world, _reporter) = world(limits).await;
    let pair = world.token().await;
    let mut call = Call::begin(&world, "grpc.localhost", &pair).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    call.next().await.unwrap();
}
