//! A receiver of traces: OpenTelemetry's own gRPC service, on a port of its own.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1 as wire;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Spans are sent every five seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// One span, as it arrived.
#[derive(Debug, Clone)]
pub struct Span {
    pub service: String,
    pub name: String,
    /// `OpenTelemetry`'s number.
    pub kind: i32,
    pub trace: Vec<u8>,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub attributes: Vec<(String, String)>,
}

impl Span {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Default)]
pub struct Receiver {
    spans: Arc<Mutex<Vec<Span>>>,
    /// Everything, in words.
    text: Arc<Mutex<String>>,
}

impl Receiver {
    /// Listens until the runtime ends; the URL to send to.
    pub async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self::default();
        let service = TraceServiceServer::new(receiver.clone());
        tokio::spawn(
            Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)),
        );
        (receiver, url)
    }

    /// The spans of the first trace of which `is_enough` is true.
    pub async fn until(&self, is_enough: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let found = async {
            loop {
                let spans = self.spans.lock().unwrap().clone();
                let mut traces: Vec<&Vec<u8>> = spans.iter().map(|span| &span.trace).collect();
                traces.sort();
                traces.dedup();
                for trace in traces {
                    let whole: Vec<Span> =
                        spans.iter().filter(|span| span.trace == *trace).cloned().collect();
                    if is_enough(&whole) {
                        return whole;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("not in time; what came:\n{:#?}", self.spans.lock().unwrap()))
    }

    pub fn everything(&self) -> String {
        self.text.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let _ = write!(self.text.lock().unwrap(), "{request:?}");
        for of_service in request.resource_spans {
            let resource = of_service.resource.unwrap_or_default();
            let attributes = texts(resource.attributes);
            let service = attributes.into_iter().find(|(key, _)| key == "service.name");
            let service = service.map(|(_, value)| value).unwrap_or_default();
            let spans = of_service.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.spans.lock().unwrap().extend(spans.map(|span| read(&service, span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn read(service: &str, span: wire::Span) -> Span {
    Span {
        service: service.to_owned(),
        name: span.name,
        kind: span.kind,
        trace: span.trace_id,
        id: span.span_id,
        parent: span.parent_span_id,
        attributes: texts(span.attributes),
    }
}

fn texts(attributes: Vec<KeyValue>) -> Vec<(String, String)> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|it| (it.key, text(it.value))).collect()
}
