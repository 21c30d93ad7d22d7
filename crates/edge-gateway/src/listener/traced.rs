//! The span of a request, where traces are on. A proxy that is listed decides what is traced; anybody else's
//! `traceparent` is noted and goes on to the application unchanged, unless the sampling chooses the request.

use super::{Connection, Gateway};
use crate::answer::Body;
use crate::decisions::Ray;
use crate::request::method::method_name;
use http::{Request, Response};
use hyper::body::Incoming;
use telemetry::trace::{Carrier, Span};

impl Gateway {
    pub(super) async fn answer_traced(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
        ray: Ray,
    ) -> Response<Body> {
        let method = method_name(request.method());
        let is_trusted = self.origin.trusts(connection.peer.to_canonical());
        let span = Span::at_edge(method, &Carrier::of(request.headers()), is_trusted);
        span.set("http.request.method", || method);
        span.set("sallyport.ray_id", || ray.to_string());
        let answer = span.run(self.answer_as(ray, request, connection)).await;
        span.set("http.response.status_code", || i64::from(answer.status().as_u16()));
        if answer.status().is_server_error() {
            span.fail(
                answer.headers().get("cf-access-error").and_then(|it| it.to_str().ok()).unwrap_or("5xx"),
            );
        }
        answer
    }
}
