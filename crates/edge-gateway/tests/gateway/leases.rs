//! What a gateway admits that has lost touch: nothing.

use crate::link::Mode;
use crate::world::{Beginning, World};

/// Once a gateway's lease has run out it refuses everything and says when to come back; after that it knows what
/// happened meanwhile.
async fn loses_touch(cut: &[usize], mode: Mode) {
    let world = World::open().await;
    let (good, doomed) = (world.token().await, world.token().await);
    let mut client = world.connect().await;
    let session = async |client: &mut crate::client::Client, lines: &str| {
        let answer = client.get("app.localhost", "/", lines).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        format!("Cookie: CF_Authorization={}\r\n", answer.session().unwrap())
    };
    let good_session = session(&mut client, &good.lines()).await;
    let doomed_session = session(&mut client, &doomed.lines()).await;
    for link in cut {
        world.links[*link].set(mode);
    }
    // Returns when every gateway has confirmed it or may decide nothing.
    world.delete(&doomed.token).await;
    for lines in [&doomed_session, &doomed.lines()] {
        let answer = client.get("app.localhost", "/", lines).await;
        assert!(matches!(answer.status, 401 | 503), "a deleted token is admitted: {answer:?}");
    }
    world.until(false).await;
    for (host, lines) in [
        ("app.localhost", good_session.as_str()),
        ("app.localhost", &good.lines()),
        ("app.localhost", &doomed_session),
        ("app.localhost", ""),
        ("open.localhost", ""),
        ("nobody.localhost", ""),
    ] {
        let answer = client.get(host, "/", lines).await;
        assert_eq!((answer.status, answer.reason()), (503, "AUTHZ_UNAVAILABLE"), "{host}: {answer:?}");
        assert_eq!(answer.headers("retry-after").len(), 1);
    }
    world.upstream.take();
    for link in cut {
        world.links[*link].set(Mode::Open);
    }
    world.until_ready().await;
    let mut status = async |lines: &str| client.get("app.localhost", "/", lines).await.status;
    assert_eq!(status(&doomed_session).await, 401);
    assert_eq!(status(&doomed.lines()).await, 401);
    assert_eq!(status(&good_session).await, 200);
    assert_eq!(status(&good.lines()).await, 200);
}

#[tokio::test]
async fn l1_d1_without_any_service_nothing_is_admitted_and_then_what_is_right() {
    loses_touch(&[0, 1, 2], Mode::Refused).await;
}

#[tokio::test]
async fn l1_d1_without_an_answer_from_the_registry_nothing_is_admitted() {
    loses_touch(&[0], Mode::Silent).await;
}

#[tokio::test]
async fn l1_d1_without_an_answer_from_the_evaluator_nothing_is_admitted() {
    loses_touch(&[1], Mode::Silent).await;
}

#[tokio::test]
async fn l1_d1_without_an_answer_from_the_issuer_nothing_is_admitted() {
    loses_touch(&[2], Mode::Refused).await;
}

#[tokio::test]
async fn l7_a_gateway_that_starts_first_refuses_until_it_knows() {
    let world = World::begin(Beginning { links: Mode::Refused, ..Beginning::default() }).await;
    world.protect().await;
    let (good, dead) = (world.token().await, world.token().await);
    world.delete(&dead.token).await;
    let mut client = world.connect().await;
    for lines in [&good.lines(), &dead.lines(), ""] {
        let answer = client.get("app.localhost", "/", lines).await;
        assert_eq!((answer.status, answer.reason()), (503, "AUTHZ_UNAVAILABLE"));
    }
    // Two of three are not enough.
    world.links[0].set(Mode::Open);
    world.links[1].set(Mode::Open);
    assert_eq!(client.get("open.localhost", "/", "").await.status, 503);
    world.links[2].set(Mode::Open);
    world.until_ready().await;
    assert_eq!(client.get("app.localhost", "/", &dead.lines()).await.reason(), "TOKEN_UNKNOWN");
    assert_eq!(client.get("app.localhost", "/", &good.lines()).await.status, 200);
}
