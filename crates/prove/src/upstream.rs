//! The application behind the gateways. Whoever gets its mark was admitted.

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A header that no gateway sends by itself.
pub const MARK: HeaderName = HeaderName::from_static("x-prove-admitted");

/// Answers everything with the mark, on a free port, as long as its runtime lives.
pub async fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let answer = service_fn(async |_| {
                let mut response = Response::new(Full::new(Bytes::new()));
                response.headers_mut().insert(MARK, HeaderValue::from_static("yes"));
                Ok::<_, Infallible>(response)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    Ok(address)
}
