//! Who answers every question of nginx as the gateway answered the first.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OnceCell;

/// Listens as long as its runtime lives.
pub async fn like(gateway: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let known = Arc::<OnceCell<HeaderMap>>::default();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let known = known.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let known = known.clone();
                async move {
                    let (parts, _) = request.into_parts();
                    let headers = known.get_or_try_init(|| first_answer(gateway, parts)).await?;
                    let mut response = Response::new(Empty::<Bytes>::new());
                    response.headers_mut().clone_from(headers);
                    anyhow::Ok(response)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

/// The headers of the gateway's second answer, which are those of every further one; an error unless it lets through.
async fn first_answer(gateway: SocketAddr, parts: Parts) -> Result<HeaderMap> {
    ask(gateway, parts.clone()).await?;
    ask(gateway, parts).await
}

async fn ask(gateway: SocketAddr, parts: Parts) -> Result<HeaderMap> {
    let stream = TcpStream::connect(gateway).await.with_context(|| format!("connecting to {gateway}"))?;
    let (mut calls, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let answer = calls.send_request(Request::from_parts(parts, Empty::<Bytes>::new())).await?;
    let (answer, body) = answer.into_parts();
    ensure!(answer.status == StatusCode::OK, "the gateway does not let the question through");
    ensure!(body.collect().await?.to_bytes().is_empty(), "an allowance has no body");
    let mut headers = answer.headers;
    for name in [CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    Ok(headers)
}
