//! Clients that nobody here wrote, against `sallyport dev`: `make conformance`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a scenario that cannot go on has failed"
)]

mod cloudflared;
mod examples;
mod sdks;
mod terraform;
mod validators;

use harness::process::Signal;
use harness::upstream::Upstream;
use harness::{Place, Topology, World};

/// Does what the test is about in a world of its own, which ends well and leaves nothing behind.
async fn in_a_world(upstream: Option<Upstream>, extra: &[String], facts: impl AsyncFnOnce(&World)) {
    let place = Place::new(Topology::OneProcess);
    let mut world = place.start(upstream, extra).await.expect("sallyport dev starts");
    facts(&world).await;
    let mut problems = world.stop(Signal::TERM).await;
    problems.extend(place.leftovers(&world.rest.api_token));
    assert_eq!(problems, Vec::<String>::new());
}

/// What the scripts of the management API are told.
fn management(world: &World) -> Vec<(&'static str, String)> {
    vec![
        ("SALLYPORT_ADMIN", format!("http://{}", world.rest.address)),
        ("SALLYPORT_GATEWAY", format!("http://{}", world.gateway().address)),
        ("SALLYPORT_ACCOUNT", world.rest.account_id.clone()),
        ("SALLYPORT_API_TOKEN", world.rest.api_token.clone()),
    ]
}

fn as_text<'s>(settings: &'s [(&'static str, String)]) -> Vec<(&'s str, &'s str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
