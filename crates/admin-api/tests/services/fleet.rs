//! Who enforces, and whether a change waits for it.

use crate::world::World;
use serde_json::{Value, json};
use std::time::Duration;

/// The rows of the fleet, once every service's own replica has its lease.
async fn settled(world: &World) -> Value {
    let all_live = async {
        loop {
            let fleet = world.fleet().await.result().clone();
            let rows = fleet["replicas"].as_array().unwrap();
            if rows.len() == 3 && rows.iter().all(|row| row["state"] == "current") {
                return fleet;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all_live).await.expect("three live replicas")
}

#[tokio::test]
async fn every_replica_is_shown_with_its_position_and_its_lease() {
    let world = World::start().await;
    let token = world.post("access/service_tokens", json!({"name": "ci"})).await.id();
    settled(&world).await;
    world.put(&format!("access/service_tokens/{token}"), json!({"enabled": false})).await;
    let fleet = settled(&world).await;
    let feeds = fleet["feeds"].as_array().unwrap();
    let names: Vec<_> = feeds.iter().map(|feed| feed["feed"].as_str().unwrap()).collect();
    assert_eq!(names, ["token-registry", "policy-evaluator", "session-issuer"]);
    assert!(feeds.iter().all(|feed| feed["error"].is_null()), "{fleet}");
    let row = fleet["replicas"].as_array().unwrap().iter().find(|row| row["replica"] == "token-registry");
    let row = row.unwrap();
    assert_eq!((&row["shares_name"], &row["missing"]), (&json!(false), &json!([])));
    let place = &row["feeds"][0];
    assert_eq!(
        (&place["applied"], &place["lag"], &place["is_live"]),
        (&feeds[0]["head"], &json!(0), &json!(true))
    );
    assert!(place["applied"].as_u64() >= Some(1), "{place}");
    let left = place["lease_left_ms"].as_u64().unwrap();
    assert!((1..=5_000).contains(&left), "{left} ms of a lease of 5 s");
    world.end().await;
}

#[tokio::test]
async fn a_change_that_does_not_wait_has_nobody_to_name() {
    let world = World::start().await;
    let path = format!(
        "access/service_tokens/{}",
        world.post("access/service_tokens", json!({"name": "ci"})).await.id()
    );
    settled(&world).await;
    let waited = world.put(&path, json!({"enabled": false})).await;
    let hurried = world.put(&format!("{path}?wait=none"), json!({"enabled": true})).await;
    for (answer, confirmed) in [(&waited, true), (&hurried, false)] {
        assert_eq!((answer.status, &answer.envelope["messages"]), (200, &json!([])), "{}", answer.envelope);
        let propagation = answer.header("sallyport-propagation");
        let said = propagation.split("; ").find_map(|part| part.strip_prefix("confirmed=")).unwrap();
        assert_eq!(!["", "0"].contains(&said), confirmed, "{propagation}");
    }
    world.end().await;
}
