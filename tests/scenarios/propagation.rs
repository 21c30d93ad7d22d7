//! How far a change has come is said with its answer, what rides on it ends, and the operator sees who has it.

use crate::worlds::{Scenario, scenarios};
use harness::stream::Stream;
use harness::{World, policy};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub fn all() -> Vec<Scenario> {
    scenarios![Shared:
        a_change_says_who_has_it,
        who_does_not_wait_is_answered_at_once,
        an_open_stream_ends_with_what_it_rides_on,
        the_fleet_shows_every_gateway_current,
        what_a_cut_off_gateway_does_is_stated_in_so_many_words,
    ]
}

/// `position=3; confirmed=2; …`
fn propagation(reply: &harness::http::Reply) -> BTreeMap<String, u64> {
    let header = reply.header("sallyport-propagation").unwrap_or_else(|| panic!("no propagation: {reply:?}"));
    let part = |part: &str| {
        let (name, value) = part.trim().split_once('=').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    header.split(';').map(part).collect()
}

async fn a_change_says_who_has_it(world: &World) {
    let token = world.token().await;
    let reply = world.rest.delete(&token.path()).await;
    reply.result(200);
    let told = propagation(&reply);
    assert!(told["position"] > 0);
    assert!(told["confirmed"] >= world.gateways.len() as u64, "{told:?}");
    assert_eq!((told["fenced"], told["not_confirmed"]), (0, 0));
}

async fn who_does_not_wait_is_answered_at_once(world: &World) {
    let token = world.token().await;
    let reply = world.rest.put(&format!("{}?wait=none", token.path()), &json!({"enabled": false})).await;
    reply.result(200);
    let told = propagation(&reply);
    assert!(told["position"] > 0);
    assert_eq!((told["confirmed"], told["fenced"], told["not_confirmed"]), (0, 0, 0));
    let reply = world.rest.delete(&format!("{}?wait=perhaps", token.path())).await;
    let message = reply.failure(400)["message"].to_string();
    assert!(message.contains("wait"), "{message}");
    world.rest.delete(&format!("{}?wait=confirmed", token.path())).await.result(200);
}

async fn an_open_stream_ends_with_what_it_rides_on(world: &World) {
    let any = policy("non_identity", &json!([{"any_valid_service_token": {}}]));
    let app = world.app(&[any]).await;
    for gateway in &world.gateways {
        let (doomed, other) = (world.token().await, world.token().await);
        let mut streams = Vec::new();
        for token in [&doomed, &other] {
            let session = gateway.session(&app, token).await;
            streams.push(Stream::open(gateway.address, &app.domain, &session).await);
        }
        let [ends, mut goes_on] = streams.try_into().ok().unwrap();
        world.rest.delete(&doomed.path()).await.result(200);
        ends.has_ended().await;
        goes_on.goes_on().await;
        world.rest.command(&format!("{}/revoke_tokens", app.path())).await.result(202);
        goes_on.has_ended().await;
    }
}

async fn the_fleet_shows_every_gateway_current(world: &World) {
    let call = world.rest.client.call(world.rest.address, Method::GET, "/sallyport/v1/fleet");
    let authorization = format!("Bearer {}", world.rest.api_token);
    let fleet = call.clone().header("authorization", &authorization).send().await.result(200);
    let replicas = fleet["replicas"].as_array().unwrap();
    let gateways: Vec<&Value> =
        replicas.iter().filter(|it| it["replica"].as_str().unwrap().starts_with("edge-gateway")).collect();
    assert_eq!(gateways.len(), world.gateways.len(), "{fleet}");
    // Others make changes meanwhile: one may be behind for a moment, none may be without its lease.
    assert!(gateways.iter().all(|it| it["state"] != "lapsed"), "{fleet}");
    call.send().await.failure(401);
}

async fn what_a_cut_off_gateway_does_is_stated_in_so_many_words(world: &World) {
    let app = world.opened().await.0;
    let path = format!("/sallyport/v1/accounts/{}/apps/{}/failure_mode", world.rest.account_id, app.id);
    let authorization = format!("Bearer {}", world.rest.api_token);
    let put = async |body: Value| {
        let call = world.rest.client.call(world.rest.address, Method::PUT, &path).json(&body);
        call.header("authorization", &authorization).send().await
    };
    put(json!({"mode": "last_known_good", "max_staleness": "10m"})).await.result(200);
    let refusal = put(json!({"mode": "open", "acknowledge": "yes"})).await.failure(400);
    assert!(refusal.to_string().contains("requests are admitted unjudged"), "{refusal}");
    put(json!({"mode": "last_known_good", "max_staleness": "2h"})).await.failure(400);
    // An update of the application by whoever knows nothing of it leaves it alone.
    let body = json!({"type": "self_hosted", "domain": app.domain, "name": "renamed"});
    world.rest.put(&app.path(), &body).await.result(200);
    let call = world.rest.client.call(world.rest.address, Method::GET, &path);
    let kept = call.header("authorization", &authorization).send().await.result(200);
    assert_eq!(kept, json!({"mode": "last_known_good", "max_staleness": "10m"}));
}
