use super::*;
use opentelemetry::trace::{SpanId, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use std::sync::LazyLock;

const THEIRS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// One recorder for the tests of this process.
static RECORDED: LazyLock<(SdkTracerProvider, InMemorySpanExporter)> = LazyLock::new(|| {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    install(provider.tracer("test"), 1.0);
    (provider, exporter)
});

fn recorded(name: &str) -> SpanData {
    let spans = RECORDED.1.get_finished_spans().unwrap();
    spans.into_iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} is not recorded"))
}

fn carrier(parent: &str) -> Carrier {
    Carrier { parent: Some(parent.to_owned()), state: Some("vendor=1".to_owned()) }
}

#[tokio::test]
async fn a_call_goes_on_with_the_trace_of_its_caller() {
    LazyLock::force(&RECORDED);
    let edge = Span::at_edge("edge", &Carrier::default(), false);
    let sent = edge
        .run(async {
            tokio::task::yield_now().await;
            let call = Span::child(Kind::Client, || "call".to_owned());
            assert!(call.is_recorded());
            call.carrier()
        })
        .await;
    assert!(!Span::child(Kind::Client, || "outside".to_owned()).is_recorded());
    let mut headers = HeaderMap::new();
    sent.put(&mut headers);
    drop(Span::received(Kind::Server, || "served".to_owned(), &Carrier::of(&headers)));
    drop(edge);
    let (edge, call, served) = (recorded("edge"), recorded("call"), recorded("served"));
    assert_eq!(edge.parent_span_id, SpanId::INVALID);
    assert_eq!(call.parent_span_id, edge.span_context.span_id());
    assert_eq!(served.parent_span_id, call.span_context.span_id());
    assert!(served.parent_span_is_remote);
    assert_eq!(served.span_context.trace_id(), edge.span_context.trace_id());
}

#[test]
fn only_a_trusted_caller_decides_what_is_traced() {
    LazyLock::force(&RECORDED);
    drop(Span::at_edge("trusted", &carrier(THEIRS), true));
    let trusted = recorded("trusted");
    assert_eq!(trusted.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert!(!Span::at_edge("unwanted", &carrier(UNSAMPLED), true).is_recorded());
    for said in [THEIRS, UNSAMPLED] {
        let span = Span::at_edge("stranger", &carrier(said), false);
        let sent = span.carrier();
        assert!(!sent.parent.unwrap().contains("0af7651916cd43dd8448eb211c80319c"));
        assert!(sent.state.is_none_or(|state| state.is_empty()), "a stranger's state goes no further");
    }
    let stranger = recorded("stranger");
    let linked: Vec<_> = stranger.links.iter().map(|link| link.span_context.trace_id().to_string()).collect();
    assert_eq!(linked, ["0af7651916cd43dd8448eb211c80319c"]);
}

#[test]
fn what_is_no_trace_context_is_none() {
    LazyLock::force(&RECORDED);
    let long = format!("{THEIRS}-{}", "x".repeat(600));
    for wrong in ["", "00", "00-0-0-01", "zz-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &long] {
        assert!(carrier(wrong).read().is_none(), "{wrong}");
        assert!(!Span::received(Kind::Server, || "wrong".to_owned(), &carrier(wrong)).is_recorded());
    }
    let mut twice = HeaderMap::new();
    twice.append(PARENT, THEIRS.parse().unwrap());
    twice.append(PARENT, UNSAMPLED.parse().unwrap());
    assert!(Carrier::of(&twice).is_empty());
}

#[test]
fn an_empty_carrier_leaves_what_a_client_said() {
    let mut headers = HeaderMap::new();
    headers.insert(PARENT, THEIRS.parse().unwrap());
    Span::none().carrier().put(&mut headers);
    assert_eq!(headers[PARENT], THEIRS);
}

#[test]
fn the_sampling_chooses_about_its_part() {
    LazyLock::force(&RECORDED);
    let chosen = |sample: f64| {
        let tracing = Tracing { tracer: RECORDED.0.tracer("other"), sample };
        (0..10_000).filter(|_| tracing.is_chosen()).count()
    };
    assert_eq!((chosen(0.0), chosen(1.0)), (0, 10_000));
    assert!((2_000..3_000).contains(&chosen(0.25)));
}
