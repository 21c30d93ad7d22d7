//! The operations listener: `/healthz` (the process lives), `/readyz` (it can do its work) and `/metrics` (for
//! Prometheus). It asks nobody who they are: it belongs on a private address.

use crate::assembly::Worker;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use model::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers whether the service can do its work: `Err` says what is missing.
pub type Ready = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

/// Listens on `address`, and serves until told to stop and `linger` is over: for load balancers, which look at `/readyz`
/// while others still finish.
pub async fn listen(address: SocketAddr, ready: Ready, linger: Duration) -> Result<Worker, Error> {
    let listener = TcpListener::bind(address).await;
    let listener = listener
        .map_err(|error| Error::invalid("operations", format!("cannot listen on {address}: {error}")))?;
    Ok(serve_and_linger(listener, ready, linger))
}

/// The same on a listener that is bound already, until told to stop.
pub fn serve(listener: TcpListener, ready: Ready) -> Worker {
    serve_and_linger(listener, ready, Duration::ZERO)
}

fn serve_and_linger(listener: TcpListener, ready: Ready, linger: Duration) -> Worker {
    let readiness = move || {
        let ready = ready.clone();
        async move {
            match ready().await {
                Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
                Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", error.message())),
            }
        }
    };
    let router = axum::Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(async || ([(CONTENT_TYPE, METRICS_TYPE)], telemetry::metrics::render())));
    Worker::new("operations listener", move |stop: CancellationToken| async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                stop.cancelled().await;
                if !linger.is_zero() {
                    tokio::time::sleep(linger).await;
                }
            })
            .await
            .map_err(Error::internal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_process_that_cannot_work_lives_and_is_measured() {
        telemetry::metrics::install();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ready: Ready = Arc::new(|| Box::pin(async { Err(Error::unavailable("the database", "gone")) }));
        let stop = CancellationToken::new();
        let running = tokio::spawn(crate::assembly::run(vec![serve(listener, ready)], stop.clone()));
        assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 503"));
        let metrics = get(address, "/metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains(METRICS_TYPE), "{metrics}");
        assert!(metrics.contains("# TYPE sallyport_build_info gauge"), "{metrics}");
        stop.cancel();
        running.await.unwrap().unwrap();
    }
}
