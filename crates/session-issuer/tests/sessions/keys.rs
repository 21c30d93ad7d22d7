use crate::world::{Token, World};
use model::{AccountId, Clock, Error, ErrorKind};
use proto::session_issuer as wire;
use proto::session_issuer::signing_key::Use;
use service_kit::status::from_status;
use std::collections::BTreeSet;
use std::time::Duration;
use tonic::Response;

fn uses(keys: &[wire::SigningKey]) -> Vec<Use> {
    keys.iter().map(wire::SigningKey::r#use).collect()
}

impl World {
    async fn rotate(&self, force: bool) -> Result<wire::RotateKeyResponse, Error> {
        let request =
            wire::RotateKeyRequest { account_id: self.account.to_string(), force, ..Default::default() };
        self.issuer.clone().rotate_key(request).await.map(Response::into_inner).map_err(from_status)
    }

    async fn revoke_key(&self, kid: &str) -> Result<wire::RevokeKeyResponse, Error> {
        let request = wire::RevokeKeyRequest {
            account_id: self.account.to_string(),
            kid: kid.to_owned(),
            ..Default::default()
        };
        self.issuer.clone().revoke_key(request).await.map(Response::into_inner).map_err(from_status)
    }
}

#[tokio::test]
async fn sessions_survive_a_rotation_and_new_ones_are_signed_with_the_next_key() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let keys = world.key_set().await;
    assert_eq!(uses(&keys), [Use::Current, Use::Next]);
    let refused = world.rotate(false).await.unwrap_err();
    assert_eq!((refused.kind(), refused.reason()), (ErrorKind::NotReady, "KEY_NEXT_TOO_YOUNG"));
    world.clock.advance(Duration::from_hours(1));
    let before = world.exchange(&application, &token).await.unwrap();

    let answer = world.rotate(false).await.unwrap();
    assert!(answer.propagation.unwrap().position > 0);
    assert!(answer.settings.unwrap().last_key_rotation_at_ms >= world.now_s() * 1000);

    let rotated = world.key_set().await;
    assert_eq!(uses(&rotated), [Use::Current, Use::Next, Use::Previous]);
    assert_eq!((&rotated[0].kid, &rotated[2].kid), (&keys[1].kid, &keys[0].kid));
    let after = world.exchange(&application, &token).await.unwrap();
    assert_eq!(after.session.unwrap().kid, keys[1].kid);
    for session in [before.session_jwt, after.session_jwt] {
        assert_eq!(world.why_inactive(&session).await, "");
    }
}

#[tokio::test]
async fn a_session_that_lives_longer_than_the_grace_outlives_it() {
    let world = World::start().await;
    let (short, token) = world.opened().await;
    let any = crate::world::policy(proto::policy_evaluator::Decision::NonIdentity, crate::world::ANY_TOKEN);
    let long = world.application("240h", vec![any]).await;
    let brief = world.exchange(&short, &token).await.unwrap().session.unwrap();
    world.rotate(true).await.unwrap();
    let session = world.exchange(&long, &token).await.unwrap();
    world.rotate(true).await.unwrap();
    world.clock.advance(Duration::from_hours(8 * 24));
    world.start_another_issuer().await;
    let mut kids = BTreeSet::from([brief.kid.clone()]);
    while kids.contains(&brief.kid) {
        kids = world.key_set().await.into_iter().map(|key| key.kid).collect();
        tokio::task::yield_now().await;
    }
    // Whoever took that key out of the set looked at this one too.
    assert!(kids.contains(&session.session.unwrap().kid));
    assert_eq!(world.why_inactive(&session.session_jwt).await, "");
}

#[tokio::test]
async fn a_revoked_key_ends_its_sessions_and_new_ones_start_with_the_next_key() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let session = world.exchange(&application, &token).await.unwrap();
    let keys = world.key_set().await;
    assert_eq!(world.why_inactive(&session.session_jwt).await, "");

    let revoked = world.revoke_key("").await.unwrap();
    assert_eq!((&revoked.kid, &revoked.signing_kid), (&keys[0].kid, &keys[1].kid));
    assert_eq!(revoked.revoked_at_ms, world.clock.now().as_millis());
    // The next key was published when the first one was, a moment ago: that is said.
    let hour = Duration::from_hours(1);
    assert_eq!(revoked.dropped_outside_at_ms, world.clock.now().after(hour).as_millis());
    assert_eq!(revoked.signing_kid_known_outside_at_ms, world.clock.now().after(hour).as_millis());
    let propagation = revoked.propagation.unwrap();
    assert_eq!((propagation.confirmed.len(), propagation.not_confirmed.len()), (1, 0));

    assert_eq!(world.why_inactive(&session.session_jwt).await, "SESSION_KEY_REVOKED");
    let now = world.key_set().await;
    assert_eq!((uses(&now), &now[0].kid), (vec![Use::Current, Use::Next], &keys[1].kid));
    assert!(now.iter().all(|key| key.kid != keys[0].kid));
    let fresh = world.exchange(&application, &token).await.unwrap();
    assert_eq!(fresh.session.unwrap().kid, keys[1].kid);
    assert_eq!(world.why_inactive(&fresh.session_jwt).await, "");

    let again = world.revoke_key(&keys[0].kid).await.unwrap();
    assert_eq!((again.kid, again.signing_kid), (keys[0].kid.clone(), keys[1].kid.clone()));
    let repeated = again.propagation.unwrap();
    assert!(repeated.position > propagation.position && repeated.confirmed.len() == 1);
    assert_eq!(world.key_set().await, now);

    for unknown in ["x".to_owned(), "0".repeat(64)] {
        assert_eq!(world.revoke_key(&unknown).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_while_a_credential_is_judged_does_not_sign_its_session() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let first = world.exchange(&application, &token).await.unwrap().session.unwrap().kid;
    let (door, before) = (world.registry_door.clone(), world.registry_door.calls());
    door.shut();
    let exchange = world.exchange(&application, &token);
    tokio::pin!(exchange);
    tokio::select! {
        _ = &mut exchange => panic!("the registry has not answered"),
        () = door.after_calls(before + 1) => {}
    }
    // The registry is away as long as the door is shut: nobody else is needed to end a key.
    let revoked = world.revoke_key(&first).await.unwrap();
    door.open();
    let answer = exchange.await.unwrap();
    assert_eq!(answer.session.unwrap().kid, revoked.signing_kid);
    assert_eq!(world.why_inactive(&answer.session_jwt).await, "");
}

#[tokio::test]
async fn the_interval_is_21_to_365_days() {
    let world = World::start().await;
    let account_id = world.account.to_string();
    let get = wire::GetKeySettingsRequest { account_id: account_id.clone() };
    let settings = world.issuer.clone().get_key_settings(get.clone()).await.unwrap().into_inner().settings;
    assert_eq!(settings.unwrap().key_rotation_interval_days, 42);
    let update = async |days| {
        let request = wire::UpdateKeySettingsRequest {
            account_id: account_id.clone(),
            key_rotation_interval_days: days,
        };
        world.issuer.clone().update_key_settings(request).await.map_err(from_status)
    };
    for days in [0, 20, 366, u32::MAX] {
        assert_eq!(update(days).await.unwrap_err().kind(), ErrorKind::Invalid, "{days}");
    }
    for days in [21, 365] {
        let settings = update(days).await.unwrap().into_inner().settings.unwrap();
        assert_eq!(settings.key_rotation_interval_days, days);
        let read = world.issuer.clone().get_key_settings(get.clone()).await.unwrap().into_inner();
        assert_eq!(read.settings, Some(settings));
    }
}

#[tokio::test]
async fn an_account_without_an_organization_gets_no_keys() {
    let world = World::start().await;
    let request = wire::GetKeySetRequest { account_id: AccountId::random().to_string() };
    let error = world.edge.clone().get_key_set(request).await.map_err(from_status).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn each_caller_may_do_its_own_work_alone() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let Token { client_id, secret: client_secret, .. } = token;
    let request = wire::ExchangeRequest {
        application_id: application.id,
        service_token: Some(wire::exchange_request::ServiceTokenCredential { client_id, client_secret }),
        facts: None,
        at_least: None,
        binding_sha256: Vec::new(),
        gateway: String::new(),
    };
    let error = world.issuer.clone().exchange(request).await.map_err(from_status).unwrap_err();
    assert_eq!(error.reason(), "CALLER_NOT_ALLOWED");
    let account_id = world.account.to_string();
    let request = wire::RotateKeyRequest { account_id: account_id.clone(), ..Default::default() };
    let error = world.edge.clone().rotate_key(request).await.map_err(from_status).unwrap_err();
    assert_eq!(error.reason(), "CALLER_NOT_ALLOWED");
    let request = wire::RevokeKeyRequest { account_id, ..Default::default() };
    let error = world.edge.clone().revoke_key(request).await.map_err(from_status).unwrap_err();
    assert_eq!(error.reason(), "CALLER_NOT_ALLOWED");
}

#[tokio::test]
async fn the_keys_are_listed_with_the_times_of_their_lives() {
    let world = World::start().await;
    let list = async || {
        let request = wire::ListKeysRequest { account_id: world.account.to_string() };
        world.issuer.clone().list_keys(request).await.unwrap().into_inner().keys
    };
    assert_eq!(list().await, [], "asking makes none");
    world.key_set().await;
    world.clock.advance(Duration::from_hours(1));
    world.rotate(false).await.unwrap();
    let keys = list().await;
    let listed: Vec<_> = keys.iter().map(wire::KeyLife::r#use).collect();
    assert_eq!(listed, [Use::Current, Use::Next, Use::Previous]);
    let published: Vec<_> = world.key_set().await.into_iter().map(|key| key.kid).collect();
    assert_eq!(keys.iter().map(|key| key.kid.clone()).collect::<Vec<_>>(), published);
    let now_ms = world.clock.now().as_millis();
    let week = Duration::from_hours(7 * 24).as_millis();
    assert_eq!(keys[2].verifies_until_ms.map(|at| u128::try_from(at - now_ms).unwrap()), Some(week));
    assert_eq!((keys[0].verifies_until_ms, keys[0].activated_at_ms), (None, Some(now_ms)));
    assert_eq!((keys[1].verifies_until_ms, keys[1].activated_at_ms), (None, None));
    assert!(keys.iter().all(|key| key.algorithm == "RS256" && key.revoked_at_ms.is_none()));
    assert!(keys[0].known_outside_at_ms.is_some_and(|at| at <= now_ms));

    world.revoke_key("").await.unwrap();
    let revoked = list().await.pop().unwrap();
    assert_eq!((revoked.r#use(), &revoked.kid), (Use::Revoked, &keys[0].kid));
    assert_eq!((revoked.revoked_at_ms, revoked.verifies_until_ms), (Some(now_ms), None));
}
