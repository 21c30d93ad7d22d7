//! Sessions that are good together with a second cookie alone.

use super::{FRONTS, Front, Told};
use crate::passengers::{Kind, Passenger, receive};
use crate::world::{Pair, World};
use proto::policy_evaluator::ApplicationSpec;
use serde_json::json;

async fn world() -> World {
    let world = World::open().await;
    world.set("app.localhost", json!({"enable_binding_cookie": true})).await;
    world
}

async fn login(world: &World, front: Front, pair: &Pair) -> Told {
    let Pair { token, secret } = pair;
    let lines = [("CF-Access-Client-Id", token.client_id.as_str()), ("CF-Access-Client-Secret", secret)];
    world.ask(front, "GET", "app.localhost", &lines).await
}

async fn with(world: &World, front: Front, cookies: &str) -> (u16, String) {
    let told = world.ask(front, "GET", "app.localhost", &[("Cookie", cookies)]).await;
    (told.status, told.only("cf-access-error").to_owned())
}

fn refused(reason: &str) -> (u16, String) {
    (401, reason.to_owned())
}

#[tokio::test]
async fn c2_a_stolen_session_is_worth_nothing_alone() {
    let world = world().await;
    let (one, other) = (world.token().await, world.token().await);
    let first = login(&world, Front::Proxy, &one).await;
    let (session, binding) = (first.cookie("CF_Authorization").unwrap(), first.cookie("CF_Binding").unwrap());
    let foreign = login(&world, Front::Proxy, &other).await.cookie("CF_Binding").unwrap();
    assert_ne!(binding, foreign);
    for front in FRONTS {
        let ask = async |cookies: String| with(&world, front, &cookies).await;
        let good = ask(format!("CF_Authorization={session}; a=1; CF_Binding={binding}")).await;
        assert_eq!(good, (200, "-".to_owned()), "{front:?}");
        let stolen = ask(format!("CF_Authorization={session}")).await;
        assert_eq!(stolen, refused("SESSION_BINDING_MISSING"), "{front:?}");
        for forged in [&*foreign, "", "x", &"A".repeat(43), &session, "\u{fc}"] {
            let told = ask(format!("CF_Authorization={session}; CF_Binding={forged}")).await;
            assert_eq!(told, refused("SESSION_BINDING_WRONG"), "{front:?} {forged}");
        }
        let planted = ask(format!("CF_Authorization={session}; CF_Binding=x; CF_Binding={binding}")).await;
        assert_eq!(planted, refused("SESSION_BINDING_WRONG"), "{front:?}");
        // Nor is it in another place.
        let told = world.ask(front, "GET", "app.localhost", &[("Cf-Access-Token", &session)]).await;
        assert_eq!(told.outcome(), (401, "SESSION_BINDING_MISSING"), "{front:?}");
    }
}

#[tokio::test]
async fn both_are_given_where_both_can_be_passed_on() {
    let world = world().await;
    for front in FRONTS {
        let told = login(&world, front, &world.token().await).await;
        assert_eq!(told.status, 200, "{front:?}");
        let names: Vec<&str> =
            told.all("set-cookie").iter().map(|line| line.split('=').next().unwrap()).collect();
        let expected: &[&str] = if front.carries_all() { &["CF_Authorization", "CF_Binding"] } else { &[] };
        assert_eq!(names, expected, "{front:?}");
        if let Some(binding) = told.all("set-cookie").get(1) {
            assert!(binding.contains("; Path=/; Expires=") && binding.ends_with("; HttpOnly"), "{binding}");
        }
    }
}

#[tokio::test]
async fn the_application_gets_the_session_and_never_what_it_is_bound_to() {
    let world = world().await;
    let first = login(&world, Front::Proxy, &world.token().await).await;
    let (session, binding) = (first.cookie("CF_Authorization").unwrap(), first.cookie("CF_Binding").unwrap());
    let cookies = format!("a=1; CF_Authorization={session}; CF_Binding={binding}");
    world.upstream.take();
    assert_eq!(with(&world, Front::Proxy, &cookies).await.0, 200);
    let seen = world.upstream.take().pop().unwrap();
    assert!(seen.head.contains(&session) && !seen.head.contains(&binding), "{}", seen.head);
}

#[tokio::test]
async fn a_session_from_before_is_had_again_by_its_pair_and_refused_alone() {
    let world = World::open().await;
    let pair = world.token().await;
    let before = login(&world, Front::Proxy, &pair).await;
    let old = before.cookie("CF_Authorization").unwrap();
    assert_eq!(before.cookie("CF_Binding"), None);
    world.set("app.localhost", json!({"enable_binding_cookie": true})).await;
    let alone = with(&world, Front::Proxy, &format!("CF_Authorization={old}")).await;
    assert_eq!(alone, refused("SESSION_BINDING_MISSING"));
    let after = login(&world, Front::Proxy, &pair).await;
    let (session, binding) = (after.cookie("CF_Authorization").unwrap(), after.cookie("CF_Binding").unwrap());
    let both = with(&world, Front::Proxy, &format!("CF_Authorization={session}; CF_Binding={binding}")).await;
    assert_eq!(both.0, 200);
    let mixed = with(&world, Front::Proxy, &format!("CF_Authorization={old}; CF_Binding={binding}")).await;
    assert_eq!(mixed, refused("SESSION_BINDING_MISSING"));
}

#[tokio::test]
async fn t6_streams_from_before_end_when_their_application_binds_sessions_and_bound_ones_go_on() {
    let world = World::open().await;
    receive(&world);
    let pair = world.token().await;
    let mut riders = Vec::new();
    for kind in [Kind::WebSocket, Kind::Events] {
        let [here, elsewhere] = kind.hosts();
        riders.push((
            Passenger::board(&world, kind, here, &pair).await,
            Passenger::board(&world, kind, elsewhere, &pair).await,
        ));
    }
    world.set("app.localhost", json!({"enable_binding_cookie": true})).await;
    for (before, mut elsewhere) in riders {
        before.end().await;
        assert!(elsewhere.is_alive().await, "a stream of another application has ended");
    }
    let mut bound = Passenger::board(&world, Kind::WebSocket, "app.localhost", &pair).await;
    let other = world.token().await;
    world.delete(&other.token).await;
    assert!(bound.is_alive().await, "a bound stream has ended");
}

#[tokio::test]
async fn both_cookies_have_the_path_of_the_domain_that_matched() {
    let world = World::open().await;
    let domains = ["app.localhost", "app.localhost/alpha", "app.localhost/beta/", "wild.localhost/x*/y"];
    let edited = |spec: &mut ApplicationSpec| {
        spec.destinations = domains.map(str::to_owned).to_vec();
        spec.path_cookie_attribute = true;
        spec.settings_json = json!({"enable_binding_cookie": true}).to_string();
    };
    world.edit("app.localhost", edited, None).await;
    let pair = world.token().await;
    for (host, path, expected) in [
        ("app.localhost", "/", "/"),
        ("app.localhost", "/alpha/one?x=1", "/alpha"),
        ("app.localhost", "/alphabet", "/"),
        ("app.localhost", "/beta", "/beta"),
        ("wild.localhost", "/xx/y", "/"),
    ] {
        let answer = world.connect().await.get(host, path, &pair.lines()).await;
        assert_eq!(answer.status, 200, "{host}{path} {answer:?}");
        let cookies = answer.headers("set-cookie");
        assert_eq!(cookies.len(), 2, "{host}{path} {cookies:?}");
        for cookie in cookies {
            assert!(cookie.contains(&format!("; Path={expected}; ")), "{host}{path} {cookie}");
        }
    }
    // And are taken back from every path of the host.
    let session = format!("Cf-Access-Token: {}\r\n", world.login(&pair).await);
    let answer = world.connect().await.get("app.localhost", "/cdn-cgi/access/logout", &session).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let cookies = answer.headers("set-cookie");
    let count = |path: &str| cookies.iter().filter(|it| it.contains(&format!("=; Path={path}; "))).count();
    assert_eq!((["/", "/alpha", "/beta"].map(count), cookies.len()), ([2; 3], 6), "{cookies:?}");
}
