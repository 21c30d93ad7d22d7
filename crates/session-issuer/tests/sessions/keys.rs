use crate::world::{Token, World};
use model::{AccountId, ErrorKind};
use proto::session_issuer as wire;
use proto::session_issuer::signing_key::Use;
use service_kit::status::from_status;

fn uses(keys: &[wire::SigningKey]) -> Vec<Use> {
    keys.iter().map(wire::SigningKey::r#use).collect()
}

#[tokio::test]
async fn sessions_survive_a_rotation_and_new_ones_are_signed_with_the_next_key() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let before = world.exchange(&application, &token).await.unwrap();
    let keys = world.key_set().await;
    assert_eq!(uses(&keys), [Use::Current, Use::Next]);

    let request =
        wire::RotateKeyRequest { account_id: world.account.to_string(), ..wire::RotateKeyRequest::default() };
    let answer = world.issuer.clone().rotate_key(request).await.unwrap().into_inner();
    assert!(answer.propagation.unwrap().position > 0);
    assert!(answer.settings.unwrap().last_key_rotation_at_ms >= world.now_s() * 1000);

    let rotated = world.key_set().await;
    assert_eq!(uses(&rotated), [Use::Current, Use::Previous]);
    assert_eq!((&rotated[0].kid, &rotated[1].kid), (&keys[1].kid, &keys[0].kid));
    let after = world.exchange(&application, &token).await.unwrap();
    assert_eq!(after.session.unwrap().kid, keys[1].kid);
    for session in [before.session_jwt, after.session_jwt] {
        assert_eq!(world.why_inactive(&session).await, "");
    }
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
    };
    let error = world.issuer.clone().exchange(request).await.map_err(from_status).unwrap_err();
    assert_eq!(error.reason(), "CALLER_NOT_ALLOWED");
    let request =
        wire::RotateKeyRequest { account_id: world.account.to_string(), ..wire::RotateKeyRequest::default() };
    let error = world.edge.clone().rotate_key(request).await.map_err(from_status).unwrap_err();
    assert_eq!(error.reason(), "CALLER_NOT_ALLOWED");
}
