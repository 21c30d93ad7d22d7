//! L5: a rotation is ended or taken back while its overlap lasts.

use super::World;
use super::world::{Made, Registry, read};
use model::{AccountId, AddressClass, Error};
use proto::change_feed::Wait;
use proto::token_registry as wire;
use proto::token_registry::token_secret::State;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

async fn finish_in(registry: &Registry, account: &str, id: &str) -> Result<wire::Token, Error> {
    let wait = Wait::Unspecified.into();
    let request = wire::FinishRotationRequest { account_id: account.into(), id: id.into(), wait };
    read(registry.client.clone().finish_rotation(request).await).map(|answer| answer.token.unwrap())
}

async fn undo_in(registry: &Registry, account: &str, id: &str) -> Result<wire::Token, Error> {
    let wait = Wait::Unspecified.into();
    let request = wire::UndoRotationRequest { account_id: account.into(), id: id.into(), wait };
    read(registry.client.clone().undo_rotation(request).await).map(|answer| answer.token.unwrap())
}

pub async fn finish(registry: &Registry, made: &Made) -> Result<wire::Token, Error> {
    finish_in(registry, &made.account, &made.id).await
}

pub async fn undo(registry: &Registry, made: &Made) -> Result<wire::Token, Error> {
    undo_in(registry, &made.account, &made.id).await
}

async fn secrets(registry: &Registry, made: &Made) -> Vec<wire::TokenSecret> {
    let request = wire::ListTokenSecretsRequest { account_id: made.account.clone(), id: made.id.clone() };
    read(registry.client.clone().list_token_secrets(request).await).unwrap().secrets
}

pub async fn a_finished_rotation_ends_the_previous_secret_and_is_not_there_to_be_finished_again(
    world: World,
) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    assert_eq!(finish(&registry, &made).await.unwrap_err().reason(), "NOT_FOUND");
    let new = registry.rotated(&made, Some(world.later(HOUR))).await;
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
    world.clock.advance(Duration::from_mins(1));
    let token = finish(&registry, &made).await.unwrap();
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    assert_eq!(registry.refusal(&made, &new).await, "");
    assert_eq!((token.client_secret_version, token.previous_client_secret_version), (2, 0));
    assert_eq!(token.previous_client_secret_expires_at_ms, Some(world.clock_now()));
    assert_eq!(token.updated_at_ms, world.clock_now());
    assert_eq!(finish(&registry, &made).await.unwrap_err().reason(), "NOT_FOUND");
    // And what has ended does not come back.
    assert_eq!(undo(&registry, &made).await.unwrap_err().reason(), "TOKEN_NO_OVERLAP");
    let until = Some(world.later(HOUR));
    let later = wire::UpdateTokenRequest { previous_client_secret_expires_at_ms: until, ..made.update() };
    registry.update(later).await.unwrap();
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    assert_eq!(finish(&registry, &made).await.unwrap_err().reason(), "NOT_FOUND");
}

pub async fn an_undone_rotation_restores_the_previous_secret_and_ends_the_new_one(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let second = registry.rotated(&made, None).await;
    let third = registry.rotated(&made, Some(world.later(HOUR))).await;
    let token = undo(&registry, &made).await.unwrap();
    assert_eq!(registry.refusal(&made, &third).await, "TOKEN_UNKNOWN");
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    // For as long as the token lives, under a version that there has not been.
    world.clock.advance(2 * HOUR);
    let answer = registry.authenticate(&made.client_id, &second).await.unwrap();
    assert_eq!((answer.client_secret_version, answer.valid_until_ms), (4, made.token.expires_at_ms));
    assert_eq!((token.client_secret_version, token.restored_client_secret_version), (4, 2));
    assert_eq!((token.previous_client_secret_version, token.previous_client_secret_expires_at_ms), (0, None));
    // It stays so through changes of other things.
    registry.enable(&made, false).await;
    registry.enable(&made, true).await;
    let stored = registry.stored(&made).await;
    assert_eq!((stored.client_secret_version, stored.restored_client_secret_version), (4, 2));
    assert_eq!(registry.refusal(&made, &second).await, "");
    assert_eq!(registry.refusal(&made, &third).await, "TOKEN_UNKNOWN");
}

pub async fn only_while_the_previous_secret_works_can_a_rotation_be_undone(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    assert_eq!(undo(&registry, &made).await.unwrap_err().reason(), "TOKEN_NO_OVERLAP");
    let second = registry.rotated(&made, Some(world.later(HOUR))).await;
    world.clock.advance(HOUR);
    assert_eq!(undo(&registry, &made).await.unwrap_err().reason(), "TOKEN_NO_OVERLAP");
    assert_eq!(finish(&registry, &made).await.unwrap_err().reason(), "NOT_FOUND");
    assert_eq!(registry.refusal(&made, &second).await, "");
    registry.rotated(&made, Some(world.later(HOUR))).await;
    undo(&registry, &made).await.unwrap();
    assert_eq!(undo(&registry, &made).await.unwrap_err().reason(), "TOKEN_NO_OVERLAP");
    assert_eq!(registry.refusal(&made, &second).await, "");
    // A date without a secret behind it is no overlap.
    let until = Some(world.later(HOUR));
    let dated = wire::UpdateTokenRequest { previous_client_secret_expires_at_ms: until, ..made.update() };
    registry.update(dated).await.unwrap();
    assert_eq!(undo(&registry, &made).await.unwrap_err().reason(), "TOKEN_NO_OVERLAP");
    assert_eq!(registry.refusal(&made, &second).await, "");
}

pub async fn after_an_undone_rotation_the_next_one_is_like_any_other(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let undone = registry.rotated(&made, Some(world.later(HOUR))).await;
    undo(&registry, &made).await.unwrap();
    let lower = wire::UpdateTokenRequest { client_secret_version: Some(2), ..made.update() };
    assert_eq!(registry.update(lower).await.err().unwrap().reason(), "INVALID_FIELD");
    let next = registry.rotated(&made, Some(world.later(HOUR))).await;
    for (secret, reason) in [(&made.secret, ""), (&next, ""), (&undone, "TOKEN_UNKNOWN")] {
        assert_eq!(registry.refusal(&made, secret).await, reason);
    }
    let token = registry.stored(&made).await;
    assert_eq!(
        (
            token.client_secret_version,
            token.previous_client_secret_version,
            token.restored_client_secret_version
        ),
        (4, 3, 0)
    );
    world.clock.advance(HOUR);
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    assert_eq!(registry.refusal(&made, &next).await, "");
}

pub async fn of_two_who_end_and_undo_at_once_one_is_refused(world: World) {
    let registry = world.registry().await;
    for _ in 0..10 {
        let made = registry.new_token().await;
        let new = registry.rotated(&made, Some(world.later(HOUR))).await;
        let (finished, undone) = tokio::join!(finish(&registry, &made), undo(&registry, &made));
        let good = match (&finished, &undone) {
            (Ok(_), Err(error)) => {
                assert_eq!(error.reason(), "TOKEN_NO_OVERLAP");
                &new
            }
            (Err(error), Ok(_)) => {
                assert_eq!(error.reason(), "NOT_FOUND");
                &made.secret
            }
            _ => panic!("{finished:?} and {undone:?}"),
        };
        for secret in [&made.secret, &new] {
            let reason = if secret == good { "" } else { "TOKEN_UNKNOWN" };
            assert_eq!(registry.refusal(&made, secret).await, reason);
        }
    }
}

pub async fn what_was_cached_before_a_rotation_was_undone_admits_nobody_after_it(world: World) {
    let replicas = [world.registry().await, world.registry().await];
    for replica in &replicas {
        replica.may_use_cache(&world.cache).await;
    }
    let [one, other] = &replicas;
    let made = one.new_token().await;
    let new = one.rotated(&made, Some(world.later(HOUR))).await;
    for replica in &replicas {
        assert_eq!(replica.refusal(&made, &new).await, "");
        assert_eq!(replica.refusal(&made, &made.secret).await, "");
    }
    undo(one, &made).await.unwrap();
    for replica in [other, one] {
        assert_eq!(replica.refusal(&made, &new).await, "TOKEN_UNKNOWN");
        let answer = replica.authenticate(&made.client_id, &made.secret).await.unwrap();
        assert_eq!(answer.client_secret_version, 3);
    }
}

async fn used_at(registry: &Registry, made: &Made, secret: &str, gateway: &str, source: AddressClass) {
    let request = wire::AuthenticateTokenRequest {
        client_id: made.client_id.clone(),
        client_secret: secret.into(),
        gateway: gateway.into(),
        source: source.number().into(),
        ..Default::default()
    };
    registry.client.clone().authenticate_token(request).await.unwrap();
}

pub async fn each_version_says_when_and_where_it_was_last_used(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    used_at(&registry, &made, &made.secret, "gw-1", AddressClass::PublicIpv6).await;
    let first_use = world.clock_now();
    let until = world.later(24 * HOUR);
    let new = registry.rotated(&made, Some(until)).await;
    world.clock.advance(7 * HOUR);
    used_at(&registry, &made, &new, "gw-1", AddressClass::LoopbackIpv4).await;
    world.clock.advance(HOUR);
    used_at(&registry, &made, &new, "gw-2", AddressClass::PrivateIpv4).await;
    // Stopped, a replica writes what it has counted.
    registry.stop().await;
    let registry = world.registry().await;
    let listed = secrets(&registry, &made).await;
    let [current, previous] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((current.client_secret_version, current.state(), current.uses), (2, State::Current, 2));
    assert_eq!(current.last_used_at_ms, Some(world.clock_now()));
    assert_eq!(
        (&*current.last_used_at_gateway, current.last_used_from()),
        ("gw-2", wire::AddressClass::PrivateIpv4)
    );
    assert_eq!(current.valid_until_ms, Some(made.token.expires_at_ms));
    assert_eq!((previous.client_secret_version, previous.state()), (1, State::Previous));
    assert_eq!((previous.last_used_at_ms, previous.valid_until_ms), (Some(first_use), Some(until)));
    assert_eq!(
        (&*previous.last_used_at_gateway, previous.last_used_from()),
        ("gw-1", wire::AddressClass::PublicIpv6)
    );
    finish(&registry, &made).await.unwrap();
    let listed = secrets(&registry, &made).await;
    assert_eq!((listed[1].state(), listed[1].valid_until_ms), (State::Ended, None));
    assert_eq!(listed[1].last_used_at_ms, Some(first_use));
    // One that nobody used.
    let unused = registry.new_token().await;
    let listed = secrets(&registry, &unused).await;
    assert_eq!((listed.len(), listed[0].last_used_at_ms, listed[0].uses), (1, None, 0));
}

pub async fn a_restored_secret_is_used_under_both_its_versions(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    used_at(&registry, &made, &made.secret, "gw-1", AddressClass::PublicIpv4).await;
    let undone = registry.rotated(&made, Some(world.later(HOUR))).await;
    used_at(&registry, &made, &undone, "gw-1", AddressClass::PublicIpv4).await;
    undo(&registry, &made).await.unwrap();
    world.clock.advance(Duration::from_mins(1));
    used_at(&registry, &made, &made.secret, "gw-2", AddressClass::PublicIpv4).await;
    registry.stop().await;
    let registry = world.registry().await;
    let listed = secrets(&registry, &made).await;
    let [current, ended] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((current.client_secret_version, current.restored_from_version, current.uses), (3, 1, 2));
    assert_eq!(current.last_used_at_ms, Some(world.clock_now()));
    assert_eq!(&*current.last_used_at_gateway, "gw-2");
    assert_eq!((ended.client_secret_version, ended.state(), ended.uses), (2, State::Ended, 1));
}

/// M1.
pub async fn a_rotation_of_another_account_is_not_there(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    registry.rotated(&made, Some(world.later(HOUR))).await;
    let before = registry.stored(&made).await;
    let other = AccountId::random().to_string();
    assert_eq!(finish_in(&registry, &other, &made.id).await.unwrap_err().reason(), "NOT_FOUND");
    assert_eq!(undo_in(&registry, &other, &made.id).await.unwrap_err().reason(), "NOT_FOUND");
    let request = wire::ListTokenSecretsRequest { account_id: other, id: made.id.clone() };
    let listed = read(registry.client.clone().list_token_secrets(request).await);
    assert_eq!(listed.unwrap_err().reason(), "NOT_FOUND");
    assert_eq!(registry.stored(&made).await, before);
}
