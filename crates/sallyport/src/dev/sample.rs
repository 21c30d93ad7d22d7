//! An application that shows what it received.

use anyhow::Result;
use axum::Json;
use axum::body::Bytes;
use axum::extract::OriginalUri;
use axum::http::{HeaderMap, Method};
use serde::Serialize;
use std::collections::BTreeMap;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A request as the application saw it.
#[derive(Serialize)]
struct Received {
    method: String,
    /// With the query.
    path: String,
    /// Lines of the same name joined by ", ".
    headers: BTreeMap<String, String>,
    body: String,
}

async fn echo(
    method: Method,
    OriginalUri(uri): OriginalUri,
    lines: HeaderMap,
    body: Bytes,
) -> Json<Received> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in &lines {
        let value = String::from_utf8_lossy(value.as_bytes());
        let line = headers.entry(name.to_string()).or_default();
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(&value);
    }
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    Json(Received {
        method: method.to_string(),
        path,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// Serves it on a free port until `stop`. Its URL.
pub async fn serve(stop: CancellationToken) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = axum::Router::new().fallback(echo);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
        {
            tracing::error!(%error, "the sample application ended");
        }
    });
    Ok(url)
}
