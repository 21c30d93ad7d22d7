//! The span of a question that another proxy asks, where traces are on. It goes on with the trace of the client's request if
//! the proxy is one of `trusted_proxies`; anybody else's `traceparent`, which may be the client's own, is a link.

use crate::decisions::Ray;
use crate::refusal::Refusal;
use http::HeaderMap;
use telemetry::trace::{Carrier, Span};

pub fn begin(method: &'static str, headers: &HeaderMap, is_trusted: bool, ray: Ray) -> Span {
    let span = Span::at_edge(method, &Carrier::of(headers), is_trusted);
    span.set("http.request.method", || method);
    span.set("sallyport.ray_id", || ray.to_string());
    span
}

/// `refusal`: what the proxy is told; none: let through.
pub fn end(span: &Span, refusal: Option<&Refusal>) {
    span.set("http.response.status_code", || refusal.map_or(200, |it| i64::from(it.status.as_u16())));
    if let Some(refusal) = refusal.filter(|it| it.status.is_server_error()) {
        span.fail(&refusal.reason);
    }
}
