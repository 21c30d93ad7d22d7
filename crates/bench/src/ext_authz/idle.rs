//! Servers that read a question and give one answer: calls written by hand, and a framework's.

use super::{CHECK, first_answer, message};
use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proto::ext_authz::authorization_server::{Authorization, AuthorizationServer};
use proto::ext_authz::{CheckRequest, CheckResponse};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Status, async_trait};

/// Where they listen, as long as their runtime lives.
pub struct Idle {
    pub by_hand: SocketAddr,
    pub by_tonic: SocketAddr,
}

/// `answer`: framed.
pub fn serve(runtime: &Runtime, answer: &Bytes) -> Result<Idle> {
    let message = message(answer)?;
    runtime.block_on(async {
        let (by_hand, by_tonic) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let idle = Idle { by_hand: by_hand.local_addr()?, by_tonic: by_tonic.local_addr()? };
        tokio::spawn(accept(by_hand, Answer::Known(answer.clone())));
        let service = AuthorizationServer::new(Always(message));
        let incoming = TcpIncoming::from(by_tonic).with_nodelay(Some(true));
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        Ok(idle)
    })
}

/// Who answers every question as the gateway answered the first; and is always well.
pub async fn like(gateway: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(accept(listener, Answer::Like(gateway, Arc::default())));
    Ok(address)
}

/// What is answered; framed.
#[derive(Clone)]
enum Answer {
    Known(Bytes),
    /// As soon as it was asked of this gateway.
    Like(SocketAddr, Arc<OnceCell<Bytes>>),
}

impl Answer {
    async fn to(&self, asked: &Bytes) -> Result<Bytes> {
        Ok(match self {
            Self::Known(answer) => answer.clone(),
            Self::Like(gateway, known) => {
                known.get_or_try_init(|| first_answer(*gateway, asked)).await?.clone()
            }
        })
    }
}

/// `grpc.health.v1.HealthCheckResponse`: serving. Envoy asks for it.
const WELL: Bytes = Bytes::from_static(&[0, 0, 0, 0, 2, 8, 1]);

async fn accept(listener: TcpListener, answer: Answer) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer.clone();
            async move {
                let is_question = request.uri().path() == CHECK;
                // The whole question, as whoever decides would need it.
                let asked = request.into_body().collect().await?.to_bytes();
                let answer = if is_question { answer.to(&asked).await? } else { WELL };
                let status = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
                let body = Full::new(answer).with_trailers(async move { Some(Ok::<_, Infallible>(status)) });
                let mut response = Response::new(body);
                let kind = HeaderValue::from_static("application/grpc");
                response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
                anyhow::Ok(response)
            }
        });
        let server = http2::Builder::new(TokioExecutor::new());
        tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
    }
}

const GRPC_STATUS: http::HeaderName = http::HeaderName::from_static("grpc-status");

/// Says this.
struct Always(CheckResponse);

#[async_trait]
impl Authorization for Always {
    async fn check(&self, _: tonic::Request<CheckRequest>) -> Result<tonic::Response<CheckResponse>, Status> {
        Ok(tonic::Response::new(self.0.clone()))
    }
}
