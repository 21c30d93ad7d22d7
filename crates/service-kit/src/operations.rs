//! The operations listener: `/healthz` (the process lives) and `/readyz` (it can do its work).

use crate::assembly::Worker;
use axum::http::StatusCode;
use axum::routing::get;
use model::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Answers whether the service can do its work: `Err` says what is missing.
pub type Ready = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

pub async fn listen(address: SocketAddr, ready: Ready) -> Result<Worker, Error> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| Error::invalid("operations", format!("cannot listen on {address}: {error}")))?;
    let readiness = move || {
        let ready = ready.clone();
        async move {
            match ready().await {
                Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
                Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", error.message())),
            }
        }
    };
    let router =
        axum::Router::new().route("/healthz", get(async || "alive\n")).route("/readyz", get(readiness));
    Ok(Worker::new("operations listener", move |stop: CancellationToken| async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .map_err(Error::internal)
    }))
}
