//! HTTP as any client speaks it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::time::Duration;

/// One answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Keeps connections open between requests. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    patience: Duration,
}

impl Client {
    /// Gives an answer up after `patience`.
    pub fn new(patience: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(patience));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(64)
            .build(connector);
        Self { pool, patience }
    }

    /// The whole answer, or why there is none.
    pub async fn send(
        &self,
        address: SocketAddr,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> Result<Reply, String> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() =
            format!("http://{address}{path}").parse().map_err(|_| "a bad path".to_owned())?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| "a bad header".to_owned())?;
            request.headers_mut().append(name, value);
        }
        let answer = async {
            let response = self.pool.request(request).await.map_err(|error| explained(&error))?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| explained(&error))?.to_bytes();
            Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let answered = tokio::time::timeout(self.patience, answer).await;
        answered.map_err(|_| format!("no answer within {:?}", self.patience))?
    }
}

fn explained(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
