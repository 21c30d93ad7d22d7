use super::World;
use crate::token::LAST_VERSION;
use model::{ClientSecret, ErrorKind};
use proto::token_registry as wire;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

pub async fn without_an_overlap_the_old_secret_stops_at_once(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let mut old = made.secret.clone();
    for (version, overlap) in [(2, None), (3, Some(world.later(Duration::ZERO))), (4, Some(0))] {
        let answer = registry.rotate(&made.account, &made.id, overlap).await.unwrap();
        let token = answer.token.unwrap();
        assert_eq!((token.client_secret_version, token.previous_client_secret_version), (version, 0));
        assert_eq!((&token.client_id, &token.id), (&made.client_id, &made.id));
        assert!(ClientSecret::check(&answer.client_secret).is_ok());
        assert_eq!(registry.refusal(&made, &old).await, "TOKEN_UNKNOWN");
        assert_eq!(registry.refusal(&made, &answer.client_secret).await, "");
        old = answer.client_secret;
    }
}

pub async fn both_secrets_work_during_the_overlap_and_the_old_one_stops_on_time(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let ends = world.later(HOUR);
    let answer = registry.rotate(&made.account, &made.id, Some(ends)).await.unwrap();
    let (token, new) = (answer.token.unwrap(), answer.client_secret);
    assert_eq!(token.previous_client_secret_expires_at_ms, Some(ends));
    assert_eq!(token.previous_client_secret_version, 1);
    assert_eq!(registry.stored(&made).await, token);
    world.clock.advance(HOUR.saturating_sub(Duration::from_millis(1)));
    let answer = registry.authenticate(&made.client_id, &made.secret).await.unwrap();
    assert_eq!((answer.client_secret_version, answer.valid_until_ms), (1, ends));
    let answer = registry.authenticate(&made.client_id, &new).await.unwrap();
    assert_eq!((answer.client_secret_version, answer.valid_until_ms), (2, token.expires_at_ms));
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    assert_eq!(registry.refusal(&made, &new).await, "");
}

pub async fn the_overlap_is_shortened_extended_and_ended_by_updates(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let overlap = async |until: i64| {
        let previous_client_secret_expires_at_ms = Some(until);
        let request = wire::UpdateTokenRequest { previous_client_secret_expires_at_ms, ..made.update() };
        let answer = registry.update(request).await.unwrap();
        assert_eq!(answer.client_secret, None);
        let token = answer.token.unwrap();
        assert_eq!(token.previous_client_secret_expires_at_ms, Some(until));
        token.previous_client_secret_version
    };
    registry.rotated(&made, Some(world.later(HOUR))).await;
    assert_eq!(overlap(world.later(2 * HOUR)).await, 1);
    world.clock.advance(HOUR);
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
    assert_eq!(overlap(world.later(HOUR / 2)).await, 1);
    world.clock.advance(HOUR / 2);
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    // What has stopped never comes back.
    assert_eq!(overlap(world.later(HOUR)).await, 0);
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    let second = registry.rotated(&made, None).await;
    registry.rotated(&made, Some(world.later(HOUR))).await;
    assert_eq!(registry.refusal(&made, &second).await, "");
    assert_eq!(overlap(world.later(Duration::ZERO)).await, 0);
    assert_eq!(registry.refusal(&made, &second).await, "TOKEN_UNKNOWN");
}

pub async fn a_second_rotation_leaves_two_secrets(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let until = Some(world.later(HOUR));
    let second = registry.rotated(&made, until).await;
    let third = registry.rotated(&made, until).await;
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    assert_eq!(registry.refusal(&made, &second).await, "");
    assert_eq!(registry.refusal(&made, &third).await, "");
    assert_eq!(registry.stored(&made).await.client_secret_version, 3);
}

pub async fn a_lower_version_is_refused_an_equal_one_does_nothing_a_higher_one_rotates(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let second = registry.rotated(&made, None).await;
    let before = registry.stored(&made).await;
    let version = |version: i64| wire::UpdateTokenRequest {
        client_secret_version: Some(version),
        previous_client_secret_expires_at_ms: Some(before.created_at_ms + 3_600_000),
        ..made.update()
    };
    let error = registry.update(version(1)).await.err().unwrap();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Invalid, "INVALID_FIELD"));
    assert_eq!(registry.stored(&made).await, before);

    let answer = registry.update(version(2)).await.unwrap();
    assert_eq!(answer.client_secret, None);
    assert_eq!(answer.token.unwrap().client_secret_version, 2);
    assert_eq!(registry.refusal(&made, &second).await, "");

    let answer = registry.update(version(7)).await.unwrap();
    let (token, seventh) = (answer.token.unwrap(), answer.client_secret.unwrap());
    assert_eq!((token.client_secret_version, token.previous_client_secret_version), (7, 2));
    for secret in [&second, &seventh] {
        assert_eq!(registry.refusal(&made, secret).await, "");
    }
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    // Without an overlap given, none.
    let request =
        wire::UpdateTokenRequest { client_secret_version: Some(i64::from(i32::MAX)), ..made.update() };
    let last = registry.update(request.clone()).await.unwrap().client_secret.unwrap();
    assert_eq!(registry.refusal(&made, &seventh).await, "TOKEN_UNKNOWN");
    assert_eq!(registry.refusal(&made, &last).await, "");
    assert_eq!(registry.update(request).await.unwrap().client_secret, None);
}

pub async fn after_the_last_version_there_is_no_rotation_and_none_is_taken_back(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let last = wire::UpdateTokenRequest {
        client_secret_version: Some(LAST_VERSION),
        previous_client_secret_expires_at_ms: Some(world.later(HOUR)),
        ..made.update()
    };
    let secret = registry.update(last).await.unwrap().client_secret.unwrap();
    let before = registry.stored(&made).await;
    let rotated = registry.rotate(&made.account, &made.id, None).await.err().unwrap();
    let undone = super::rotation::undo(&registry, &made).await.err().unwrap();
    for error in [rotated, undone] {
        assert_eq!((error.kind(), error.reason()), (ErrorKind::NotReady, "TOKEN_VERSIONS_USED_UP"));
    }
    assert_eq!(registry.stored(&made).await, before);
    for secret in [&secret, &made.secret] {
        assert_eq!(registry.refusal(&made, secret).await, "");
    }
}
