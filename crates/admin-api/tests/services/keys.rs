//! The signing key over REST: rotated, and ended before its time.

use crate::world::{ACCOUNT, Answer, OTHER, World};
use serde_json::{Value, json};

async fn revoke(world: &World, kid: &str) -> Answer {
    world.ask_ours(ACCOUNT, "POST", &format!("keys/{kid}/revoke"), &Value::Null).await
}

/// With an account that has keys.
async fn start() -> World {
    let world = World::start().await;
    let organization = json!({"name": "Acme", "auth_domain": "acme.example.com"});
    assert_eq!(world.post("access/organizations", organization).await.status, 201);
    assert_eq!(world.get("access/keys").await.status, 200);
    world
}

#[tokio::test]
async fn a_rotation_before_validators_outside_know_the_next_key_must_be_forced() {
    let world = start().await;
    let before = world.get("access/keys").await;
    let refused = world.post("access/keys/rotate", Value::Null).await;
    assert_eq!(refused.refusal(), (409, 12_192, ""));
    assert!(refused.message().contains("before 20"), "{}", refused.message());
    assert_eq!(world.get("access/keys").await.result(), before.result());
    assert_eq!(world.post("access/keys/rotate?force=maybe", Value::Null).await.refusal().0, 400);

    let rotated = world.post("access/keys/rotate?force=true", Value::Null).await;
    assert_eq!(rotated.status, 200, "{}", rotated.envelope);
    assert!(rotated.header("sallyport-propagation").starts_with("position="));
    let when = |answer: &Answer| answer.result()["last_key_rotation_at"].as_str().unwrap().to_owned();
    assert!(when(&rotated) > when(&before));
    world.end().await;
}

#[tokio::test]
async fn a_key_is_revoked_by_its_name_or_because_it_signs() {
    let world = start().await;
    let first = revoke(&world, "current").await;
    assert_eq!(first.status, 200, "{}", first.envelope);
    let propagation = first.header("sallyport-propagation");
    assert!(propagation.contains("not_confirmed=0"), "{propagation}");
    let (kid, signing) = (first.result()["kid"].as_str().unwrap(), &first.result()["signing_kid"]);
    assert_ne!(signing, kid);
    for time in ["revoked_at", "dropped_outside_at", "signing_kid_known_outside_at"] {
        assert!(first.result()[time].as_str().unwrap().ends_with('Z'), "{}", first.envelope);
    }
    let again = revoke(&world, kid).await;
    assert_eq!((again.status, again.result()), (200, first.result()));
    let second = revoke(&world, "current").await;
    assert_eq!(&second.result()["kid"], signing);

    for unknown in ["0".repeat(64), "nonsense".to_owned()] {
        assert_eq!(revoke(&world, &unknown).await.refusal(), (404, 12_135, ""));
    }
    let path = format!("keys/{kid}/revoke");
    assert_eq!(world.ask_ours(OTHER, "POST", &path, &Value::Null).await.refusal(), (404, 12_135, ""));
    let none = world.ask_ours(OTHER, "POST", "keys/current/revoke", &Value::Null).await;
    assert_eq!(none.refusal(), (409, 12_192, ""), "it has no keys yet");
    assert_eq!(world.ask_ours(ACCOUNT, "DELETE", &path, &Value::Null).await.status, 405);
    world.end().await;
}

#[tokio::test]
async fn the_keys_are_listed_without_anything_private() {
    let world = World::start().await;
    let list = async |account| world.ask_ours(account, "GET", "keys", &Value::Null).await;
    assert_eq!(list(ACCOUNT).await.result(), &json!([]), "the account has none yet");
    let organization = json!({"name": "Acme", "auth_domain": "acme.example.com"});
    world.post("access/organizations", organization).await;
    world.get("access/keys").await;
    let revoked = revoke(&world, "current").await.result()["kid"].clone();
    let keys = list(ACCOUNT).await;
    let of = |name: &str| {
        let all = keys.result().as_array().unwrap();
        all.iter().map(|key| key[name].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("status"), ["current", "next", "revoked"], "{}", keys.envelope);
    assert_eq!((&of("kid")[2], of("algorithm")), (&revoked, vec![json!("RS256"); 3]));
    assert!(of("revoked_at")[2].is_string() && of("signs_since")[0].is_string());
    assert_eq!(list(OTHER).await.result(), &json!([]));
    assert_eq!(world.ask_ours(ACCOUNT, "GET", "keys?page=2", &Value::Null).await.result(), &json!([]));
    world.end().await;
}
