//! Counts, times and traces every gRPC call of a server, by service, method and status code.

use futures::future::BoxFuture;
use metrics::{SharedString, counter, histogram};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use telemetry::trace::{Carrier, Kind, Span};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

/// The outermost layer of a server, so that refused callers count too.
#[derive(Clone)]
pub struct MeasureLayer;

impl<S> Layer<S> for MeasureLayer {
    type Service = Measure<S>;

    fn layer(&self, inner: S) -> Measure<S> {
        Measure { inner }
    }
}

#[derive(Clone)]
pub struct Measure<S> {
    inner: S,
}

impl<S, B> Service<http::Request<B>> for Measure<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let path = request.uri().path();
        let call = Call::begin(path);
        let span = Span::received(Kind::Server, || span_name(path), &Carrier::of(request.headers()));
        describe(&span, path);
        // Also what the service does before its answer is waited for.
        let answer = span.run(self.inner.call(request));
        Box::pin(async move {
            let answer = answer.await;
            let code = call.end(answer.as_ref().ok());
            trace_end(&span, code);
            answer
        })
    }
}

/// A method that some server of ours offers.
#[derive(Clone)]
struct Method {
    service: SharedString,
    name: SharedString,
}

/// By path. What is not in it is counted as `unknown`: a caller must not be able to invent labels.
static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    let sets = [
        proto::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let files =
        sets.into_iter().filter_map(|set| FileDescriptorSet::decode(set).ok()).flat_map(|set| set.file);
    let mut methods = HashMap::new();
    for file in files {
        for service in &file.service {
            let service_name: Arc<str> = format!("{}.{}", file.package(), service.name()).into();
            for method in &service.method {
                let path = format!("/{service_name}/{}", method.name());
                let name = Arc::<str>::from(method.name()).into();
                methods.insert(path, Method { service: service_name.clone().into(), name });
            }
        }
    }
    methods
});

impl Method {
    fn of(path: &str) -> Self {
        let unknown = || Self { service: "unknown".into(), name: "unknown".into() };
        METHODS.get(path).cloned().unwrap_or_else(unknown)
    }
}

/// By the conventions of OpenTelemetry for RPC; of an unknown method `_OTHER`, which nobody can invent.
pub(crate) fn span_name(path: &str) -> String {
    if METHODS.contains_key(path) { path.trim_start_matches('/').to_owned() } else { "_OTHER".to_owned() }
}

pub(crate) fn describe(span: &Span, path: &str) {
    span.set("rpc.system.name", || "grpc");
    span.set("rpc.method", || span_name(path));
}

pub(crate) fn trace_end(span: &Span, code: Code) {
    span.set("rpc.response.status_code", || name_of(code));
    if code != Code::Ok {
        span.fail(name_of(code));
    }
}

/// A refusal has its status in the head of the answer; a success has it behind its message.
pub(crate) fn code_of(answer: Option<&http::Response<Body>>) -> Code {
    match answer.map(|answer| answer.headers().get(Status::GRPC_STATUS)) {
        Some(Some(code)) => Code::from_bytes(code.as_bytes()),
        Some(None) => Code::Ok,
        None => Code::Unknown,
    }
}

/// A call that has begun. Dropped before its end, it was given up: by its caller, or at the server's own deadline.
struct Call {
    method: Method,
    began: Instant,
    code: Code,
}

impl Call {
    fn begin(path: &str) -> Self {
        Self { method: Method::of(path), began: Instant::now(), code: Code::Cancelled }
    }

    fn end(mut self, answer: Option<&http::Response<Body>>) -> Code {
        self.code = code_of(answer);
        self.code
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Method { service, name } = self.method.clone();
        let code = name_of(self.code);
        counter!("sallyport_grpc_requests_total", "service" => service.clone(), "method" => name.clone(), "code" => code)
            .increment(1);
        let elapsed = self.began.elapsed().as_secs_f64();
        histogram!("sallyport_grpc_request_seconds", "service" => service, "method" => name).record(elapsed);
    }
}

/// As gRPC writes it.
const fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Callers;
    use crate::channel::GrpcChannel;
    use crate::server::with_health_and_reflection;
    use http::Request;
    use telemetry::metrics::{install, render};
    use tower::ServiceExt as _;

    async fn call(caller: &str, path: &str) {
        let routes = with_health_and_reflection(tonic::service::Routes::default(), &[]).await.unwrap();
        let channel = GrpcChannel::local(routes, Callers::new([("root", &["*"])]), caller);
        // An empty message in its frame of five bytes.
        let message = http_body_util::Full::new(bytes::Bytes::from_static(&[0; 5]));
        let request = Request::post(path).header("content-type", "application/grpc");
        channel.oneshot(request.body(Body::new(message)).unwrap()).await.unwrap();
    }

    fn counted(service: &str, method: &str, code: &str) -> bool {
        let labels = format!("{{service=\"{service}\",method=\"{method}\",code=\"{code}\"}}");
        render().contains(&format!("sallyport_grpc_requests_total{labels} 1\n"))
    }

    #[tokio::test]
    async fn a_call_is_counted_by_its_method_and_code() {
        install();
        call("root", "/grpc.health.v1.Health/Check").await;
        assert!(counted("grpc.health.v1.Health", "Check", "OK"), "{}", render());
        call("stranger", "/sallyport.notifier.v1.Notifier/ListWebhooks").await;
        assert!(
            counted("sallyport.notifier.v1.Notifier", "ListWebhooks", "PERMISSION_DENIED"),
            "{}",
            render()
        );
    }

    #[tokio::test]
    async fn a_caller_cannot_invent_labels() {
        install();
        call("root", "/sallyport.notifier.v1.Notifier/spst_secret").await;
        assert!(counted("unknown", "unknown", "UNIMPLEMENTED"), "{}", render());
        assert!(!render().contains("spst_secret"));
    }

    #[test]
    fn a_call_that_is_given_up_counts_as_cancelled() {
        install();
        drop(Call::begin("/sallyport.change_feed.v1.ChangeFeed/Heartbeat"));
        assert!(counted("sallyport.change_feed.v1.ChangeFeed", "Heartbeat", "CANCELLED"), "{}", render());
    }
}
