//! When nobody can decide, it is a failure and no refusal: Envoy's own failure mode says what becomes of it.

use super::{Asked, Envoy, app};
use crate::link::Mode;
use crate::world::{Beginning, World};
use directory::FailureMode;
use proto::policy_evaluator::failure_mode::{self, Open};
use std::time::Duration;
use tonic::Code;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

async fn health(world: &World, service: &str) -> Result<ServingStatus, Code> {
    let endpoint = Endpoint::try_from(format!("http://{}", world.ext_authz)).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let request = HealthCheckRequest { service: service.to_owned() };
    client.check(request).await.map(|it| it.get_ref().status()).map_err(|status| status.code())
}

#[tokio::test]
async fn d1_without_leases_nothing_is_said_and_health_says_so() {
    let world = World::begin(Beginning { links: Mode::Refused, ..Beginning::default() }).await;
    world.protect().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    for service in ["", "envoy.service.auth.v3.Authorization"] {
        assert_eq!(health(&world, service).await, Ok(ServingStatus::NotServing));
    }
    for asked in
        [app(), app().with_pair(&pair), Asked::new("open.localhost", "/"), Asked::new("x.localhost", "/")]
    {
        let failed = envoy.try_ask(&asked).await.expect_err("nobody can decide this");
        assert_eq!(failed.code(), Code::Unavailable);
    }
    // What nobody needs to decide is refused as ever.
    assert_eq!(envoy.ask(&Asked::new("app.localhost", "/a/../b")).await.status, 400);
    for link in &world.links {
        link.set(Mode::Open);
    }
    world.until_ready().await;
    assert_eq!(health(&world, "").await, Ok(ServingStatus::Serving));
    assert_eq!(health(&world, "another").await, Err(Code::NotFound));
    assert_eq!(envoy.ask(&app().with_pair(&pair)).await.status, 200);
}

#[tokio::test]
async fn a_credential_that_cannot_be_asked_about_is_a_failure() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    world.links[2].set(Mode::Refused);
    let failed = envoy.try_ask(&app().with_pair(&pair)).await.expect_err("the issuer is away");
    assert_eq!(failed.code(), Code::Unavailable);
}

#[tokio::test]
async fn who_asks_again_finds_what_was_begun_for_somebody_who_has_gone() {
    let world = World::open().await;
    let (envoy, pair) = (Envoy::of(&world).await, world.token().await);
    world.links[2].hold(true);
    let mut client = envoy.0.clone();
    tokio::select! {
        answer = client.check(app().with_pair(&pair).message()) => panic!("the issuer has not answered: {answer:?}"),
        // Whoever asked goes.
        () = world.links[2].after_exchanges(1) => {}
    }
    world.links[2].hold(false);
    assert_eq!(envoy.ask(&app().with_pair(&pair)).await.status, 200);
    assert_eq!(world.links[2].exchanges(), 1, "what was begun was given up, and begun again");
}

#[tokio::test]
async fn an_application_that_says_so_is_told_that_nobody_judged() {
    let world = World::open().await;
    let envoy = Envoy::of(&world).await;
    let mode = failure_mode::Mode::Open(Open { acknowledge: FailureMode::ACKNOWLEDGEMENT.into() });
    world.set_failure_mode("app.localhost", mode).await;
    world.until_told(&[0, 1, 2], -1).await;
    for link in &world.links {
        link.set(Mode::Refused);
    }
    world.time.pass(Duration::from_secs(5));
    let verdict = envoy.ask(&app().with("sallyport-fallback", "forged")).await;
    assert_eq!((verdict.status, verdict.set("sallyport-fallback")), (200, Some("open")), "{verdict:?}");
    assert_eq!((verdict.said("reason"), verdict.said("fallback")), ("unjudged", "open"));
    assert_eq!(verdict.set("cf-access-jwt-assertion"), None);
    assert_eq!(verdict.response("cache-control"), Some("private"));
    let other = envoy.try_ask(&Asked::new("open.localhost", "/")).await;
    assert_eq!(other.expect_err("it is closed").code(), Code::Unavailable);
}
