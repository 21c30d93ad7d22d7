//! Traces across processes, as W3C Trace Context says them: a request at an edge begins one, and whoever is called
//! for it goes on with it.
//!
//! Nothing is traced before an OTLP endpoint is configured: then [`Span`]s are empty and cost a look at one pointer. A
//! trace begins at an edge alone, for so many requests as `sample` says; calls, statements and messages are spans only
//! beneath one that is recorded, so background work is not traced.
//!
//! What may be said of a span: names, numbers, ids, hosts and stable reasons. Never a path, a query, a header, a
//! parameter of a statement or a payload.

use futures::future::Either;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::context::FutureExt as _;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{
    Link, SpanBuilder, SpanContext, Status, TraceContextExt as _, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SdkTracer};
use std::future::Future;
use std::sync::OnceLock;

pub use opentelemetry::trace::SpanKind as Kind;

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

static TRACING: OnceLock<Tracing> = OnceLock::new();

struct Tracing {
    tracer: SdkTracer,
    /// The part of the requests at an edge that is traced, 0 to 1.
    sample: f64,
}

/// Once in a process; further calls change nothing.
pub(crate) fn install(tracer: SdkTracer, sample: f64) {
    let _ = TRACING.set(Tracing { tracer, sample });
}

/// Whether anything may be traced in this process.
pub fn is_on() -> bool {
    TRACING.get().is_some()
}

/// A piece of work that is recorded, or is not. It ends when it is dropped.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Span(Option<Context>);

impl Span {
    pub const fn none() -> Self {
        Self(None)
    }

    /// A request of a client. `parent` is what the client says. Somebody who is trusted decides whether it is traced,
    /// and it goes on with their trace; of a stranger the trace is noted as a link alone, and the sampling decides.
    pub fn at_edge(name: &'static str, parent: &Carrier, is_trusted: bool) -> Self {
        let Some(tracing) = TRACING.get() else { return Self::none() };
        let said = parent.read();
        match said.filter(|_| is_trusted) {
            Some(theirs) if theirs.is_sampled() => {
                tracing.start(name, Kind::Server, &Context::new().with_remote_span_context(theirs))
            }
            None if tracing.is_chosen() => {
                let mut builder = SpanBuilder::from_name(name).with_kind(Kind::Server);
                if let Some(theirs) = parent.read() {
                    // Their state stays with them.
                    let theirs = SpanContext::new(
                        theirs.trace_id(),
                        theirs.span_id(),
                        theirs.trace_flags(),
                        true,
                        TraceState::NONE,
                    );
                    builder = builder.with_links(vec![Link::with_context(theirs)]);
                }
                tracing.build(builder, &Context::new())
            }
            Some(_) | None => Self::none(),
        }
    }

    /// Of a call or a message that a service of ours has sent: goes on with its trace if that is recorded.
    pub fn received(kind: Kind, name: impl FnOnce() -> String, parent: &Carrier) -> Self {
        let Some(tracing) = TRACING.get() else { return Self::none() };
        match parent.read().filter(SpanContext::is_sampled) {
            Some(theirs) => tracing.start(name(), kind, &Context::new().with_remote_span_context(theirs)),
            None => Self::none(),
        }
    }

    /// Beneath what is done here now, if that is recorded.
    pub fn child(kind: Kind, name: impl FnOnce() -> String) -> Self {
        let Some(tracing) = TRACING.get() else { return Self::none() };
        let current = Context::current();
        if !current.span().span_context().is_sampled() {
            return Self::none();
        }
        tracing.start(name(), kind, &current)
    }

    pub const fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// `value` is not computed for nothing.
    pub fn set<V: Into<Value>>(&self, key: &'static str, value: impl FnOnce() -> V) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(key, value()));
        }
    }

    /// It failed; `reason` is one of few.
    pub fn fail(&self, reason: &str) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new("error.type", reason.to_owned()));
            context.span().set_status(Status::error(""));
        }
    }

    /// What a message says that is sent within it; empty if it is not recorded.
    pub fn carrier(&self) -> Carrier {
        let mut carrier = Carrier::default();
        if let Some(context) = &self.0 {
            TraceContextPropagator::new().inject_context(context, &mut carrier);
        }
        carrier
    }

    /// Does `work` within it.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        match &self.0 {
            Some(context) => Either::Left(work.with_context(context.clone())),
            None => Either::Right(work),
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

impl Tracing {
    /// By the lower half of a trace id that nothing is given.
    fn is_chosen(&self) -> bool {
        let [.., a, b, c, d] = RandomIdGenerator::default().new_trace_id().to_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) < self.sample * (f64::from(u32::MAX) + 1.0)
    }

    fn start(&self, name: impl Into<std::borrow::Cow<'static, str>>, kind: Kind, parent: &Context) -> Span {
        self.build(SpanBuilder::from_name(name).with_kind(kind), parent)
    }

    fn build(&self, builder: SpanBuilder, parent: &Context) -> Span {
        let span = self.tracer.build_with_context(builder, parent);
        Span(Some(parent.with_span(span)))
    }
}

/// `traceparent` and `tracestate`, as a request or message carries them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carrier {
    pub parent: Option<String>,
    pub state: Option<String>,
}

impl Carrier {
    /// Of headers; nothing while nothing is traced. Given twice, it is not given.
    pub fn of(headers: &HeaderMap) -> Self {
        if !is_on() {
            return Self::default();
        }
        let only = |name: &HeaderName| {
            let mut lines = headers.get_all(name).iter();
            let line = lines.next()?.to_str().ok().filter(|line| line.len() <= 512)?;
            lines.next().is_none().then(|| line.to_owned())
        };
        Self { parent: only(&PARENT), state: only(&STATE) }
    }

    pub const fn is_empty(&self) -> bool {
        self.parent.is_none()
    }

    /// In place of what is there; empty, it leaves everything as it is.
    pub fn put(&self, headers: &mut HeaderMap) {
        let Some(parent) = self.parent.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) else {
            return;
        };
        headers.insert(PARENT, parent);
        headers.remove(STATE);
        let state = self.state.as_deref().filter(|text| !text.is_empty());
        if let Some(state) = state.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(STATE, state);
        }
    }

    fn read(&self) -> Option<SpanContext> {
        self.parent.as_ref()?;
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), self);
        let said = context.span().span_context().clone();
        said.is_valid().then_some(said)
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.parent.as_deref(),
            "tracestate" => self.state.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        match key {
            "traceparent" => self.parent = Some(value),
            "tracestate" => self.state = Some(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
