//! The port between services: a generated client over [`GrpcChannel`].

use crate::caller::{Authorize, AuthorizeLayer, Caller, Callers};
use crate::config::Tls;
use crate::measure::{self, Measure, MeasureLayer};
use model::Error;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use telemetry::trace::{Kind, Span};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tower_layer::Layer as _;
use tower_service::Service;

/// Longest wait for an answer, unless the request says less.
const DEADLINE: Duration = Duration::from_secs(15);

type Answered = Result<http::Response<Body>, Status>;
type Answer = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// A way to one service: in this process, or over mutual TLS. Cheap to clone.
#[derive(Clone)]
pub struct GrpcChannel {
    route: Route,
}

#[derive(Clone)]
enum Route {
    Local { routes: Measure<Authorize<Routes>>, caller: Caller },
    Remote(Channel),
}

impl GrpcChannel {
    /// To routes in this process, in the name of `caller`, authorized and measured as over the network.
    pub fn local(routes: Routes, callers: Callers, caller: &str) -> Self {
        let routes = AuthorizeLayer(Arc::new(callers)).layer(routes.prepare());
        let routes = MeasureLayer.layer(routes);
        Self { route: Route::Local { routes, caller: Caller(caller.into()) } }
    }

    /// To `https://host:port`. Connects when first used, and again whenever the connection is lost.
    pub fn remote(service: &str, url: &str, tls: &Tls) -> Result<Self, Error> {
        let unusable = |cause: String| {
            Error::invalid(format!("peers/{service}"), format!("not a usable address: {cause}"))
        };
        let files = tls.read()?;
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(files.authority))
            .identity(Identity::from_pem(files.certificate, files.key))
            .domain_name(service);
        let endpoint = Endpoint::from_shared(url.to_owned())
            .and_then(|endpoint| endpoint.tls_config(tls))
            .map_err(|error| unusable(error.to_string()))?
            .connect_timeout(Duration::from_secs(2))
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(2))
            .tcp_nodelay(true);
        Ok(Self { route: Route::Remote(endpoint.connect_lazy()) })
    }
}

impl Service<http::Request<Body>> for GrpcChannel {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        match &mut self.route {
            Route::Local { .. } => Poll::Ready(Ok(())),
            Route::Remote(channel) => channel.poll_ready(context).map_err(unavailable),
        }
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Answer {
        let deadline = deadline(request.headers()).unwrap_or(DEADLINE).min(DEADLINE);
        let path = request.uri().path();
        let span = Span::child(Kind::Client, || measure::span_name(path));
        measure::describe(&span, path);
        span.carrier().put(request.headers_mut());
        crate::actor::put(request.headers_mut());
        let answer: Answer = match &mut self.route {
            Route::Local { routes, caller } => {
                request.extensions_mut().insert(caller.clone());
                let answer = routes.call(request);
                Box::pin(async move { answer.await.map_err(|never| match never {}) })
            }
            Route::Remote(channel) => {
                let answer = channel.call(request);
                Box::pin(async move { answer.await.map_err(unavailable) })
            }
        };
        Box::pin(async move {
            let answer = match tokio::time::timeout(deadline, answer).await {
                Ok(answer) => answer,
                Err(_) => Err(Status::deadline_exceeded("no answer in time")),
            };
            let code = |answer: &Answered| match answer {
                Ok(answer) => measure::code_of(Some(answer)),
                Err(status) => status.code(),
            };
            measure::trace_end(&span, code(&answer));
            answer
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used as `.map_err(unavailable)`")]
fn unavailable(error: tonic::transport::Error) -> Status {
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    Status::unavailable(format!("{error}: {cause}"))
}

/// What the caller asked for by `grpc-timeout`.
fn deadline(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount = digits.parse::<u64>().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// Where the other services are: service name with underscores to `https://host:port`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Peers(BTreeMap<String, String>);

impl Peers {
    /// A channel to `service`, for example `token-registry`.
    pub fn channel(&self, service: &str, tls: &Tls) -> Result<GrpcChannel, Error> {
        let key = service.replace('-', "_");
        let missing = || Error::invalid(format!("peers/{key}"), "is needed: https://host:port");
        GrpcChannel::remote(service, self.0.get(&key).ok_or_else(missing)?, tls)
    }
}
