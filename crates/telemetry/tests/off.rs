//! A process that was given no endpoint. On its own: whoever turns traces on does so for a whole process.

use http::HeaderMap;
use telemetry::trace::{Carrier, Kind, Span, is_on};

#[tokio::test]
async fn while_nothing_is_traced_spans_are_empty_and_cost_no_memory() {
    assert!(!is_on());
    let mut headers = HeaderMap::new();
    let said = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    headers.insert("traceparent", said.parse().unwrap());
    let allocated = allocation_counter::measure(|| {
        for _ in 0..100 {
            let said = Carrier::of(&headers);
            assert!(said.is_empty());
            for span in [
                Span::at_edge("GET", &said, true),
                Span::received(Kind::Server, || unreachable!("nobody asks for its name"), &said),
                Span::child(Kind::Client, || unreachable!("nobody asks for its name")),
            ] {
                span.set("key", || -> String { unreachable!("nobody asks for its value") });
                span.carrier().put(&mut headers);
                assert!(!span.is_recorded());
            }
        }
    });
    assert_eq!(allocated.count_total, 0);
    assert_eq!(headers["traceparent"], said, "a client's own goes on");
    assert_eq!(Span::none().run(async { 7 }).await, 7);
}
