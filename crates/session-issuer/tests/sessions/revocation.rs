use crate::world::World;
use model::{AccountId, ErrorKind, SessionId, TokenId};
use proto::policy_evaluator::{Application, DeleteApplicationRequest};
use proto::session_issuer as wire;
use proto::token_registry as registry;
use service_kit::status::from_status;
use std::time::Duration;

impl World {
    async fn revoke_application(&self, application: &Application) {
        let request = wire::RevokeApplicationSessionsRequest {
            account_id: self.account.to_string(),
            application_id: application.id.clone(),
            ..wire::RevokeApplicationSessionsRequest::default()
        };
        let answer = self.issuer.clone().revoke_application_sessions(request).await.unwrap().into_inner();
        let propagation = answer.propagation.unwrap();
        // The issuer's own replica is the only follower here.
        assert_eq!((propagation.confirmed.len(), propagation.not_confirmed.len()), (1, 0));
    }

    async fn revoke_token(&self, token_id: &str) {
        let request = wire::RevokeTokenSessionsRequest {
            account_id: self.account.to_string(),
            token_id: token_id.to_owned(),
            ..wire::RevokeTokenSessionsRequest::default()
        };
        self.issuer.clone().revoke_token_sessions(request).await.unwrap();
    }

    async fn revoke_session(&self, session_id: &str) {
        let request = wire::RevokeSessionRequest {
            account_id: self.account.to_string(),
            session_id: session_id.to_owned(),
            ..wire::RevokeSessionRequest::default()
        };
        self.issuer.clone().revoke_session(request).await.unwrap();
    }
}

#[tokio::test]
async fn a_revocation_ends_existing_sessions_and_new_ones_may_start() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let (other, other_token) = world.opened().await;
    let untouched = world.exchange(&other, &other_token).await.unwrap();
    for round in 0..3 {
        let answer = world.exchange(&application, &token).await.unwrap();
        assert_eq!(world.why_inactive(&answer.session_jwt).await, "");
        match round {
            0 => world.revoke_application(&application).await,
            1 => world.revoke_token(&token.id).await,
            _ => world.revoke_session(&answer.session.unwrap().id).await,
        }
        assert_eq!(world.why_inactive(&answer.session_jwt).await, "SESSION_REVOKED");
    }
    let again = world.exchange(&application, &token).await.unwrap();
    assert_eq!(world.why_inactive(&again.session_jwt).await, "");
    assert_eq!(world.why_inactive(&untouched.session_jwt).await, "");
}

#[tokio::test]
async fn a_session_is_ended_by_itself_and_no_other_is() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let first = world.exchange(&application, &token).await.unwrap();
    let second = world.exchange(&application, &token).await.unwrap();
    let revoke = async |account_id: String, session_id: &str, session_jwt: &str| {
        let request = wire::RevokeSessionRequest {
            account_id,
            session_id: session_id.to_owned(),
            session_jwt: session_jwt.to_owned(),
            ..wire::RevokeSessionRequest::default()
        };
        world
            .issuer
            .clone()
            .revoke_session(request)
            .await
            .map(tonic::Response::into_inner)
            .map_err(from_status)
    };
    let own = world.account.to_string();
    let id = first.session.unwrap().id;
    let mut forged = first.session_jwt.clone();
    let signature = forged.rfind('.').unwrap() + 1;
    let other = if forged[signature..].starts_with('A') { "B" } else { "A" };
    forged.replace_range(signature..=signature, other);
    for (account, id, jwt) in [
        (own.clone(), "", forged.as_str()),
        (own.clone(), "", "no session"),
        (own.clone(), "", ""),
        (own.clone(), id.as_str(), first.session_jwt.as_str()),
        (AccountId::random().to_string(), "", first.session_jwt.as_str()),
    ] {
        assert_eq!(revoke(account, id, jwt).await.unwrap_err().kind(), ErrorKind::Invalid, "{jwt}");
    }
    assert_eq!(world.why_inactive(&first.session_jwt).await, "");
    for _ in 0..2 {
        let revoked = revoke(own.clone(), "", &first.session_jwt).await.unwrap();
        assert_eq!(
            (revoked.session_id.as_str(), revoked.propagation.unwrap().confirmed.len()),
            (id.as_str(), 1)
        );
        assert_eq!(world.why_inactive(&first.session_jwt).await, "SESSION_REVOKED");
    }
    assert_eq!(world.why_inactive(&second.session_jwt).await, "");
    // It may have expired, and its end is told all the same.
    world.clock.advance(Duration::from_hours(2));
    assert_eq!(world.why_inactive(&second.session_jwt).await, "SESSION_EXPIRED");
    revoke(own, "", &second.session_jwt).await.unwrap();
}

#[tokio::test]
async fn a_revocation_that_commits_while_the_credential_is_judged_ends_the_session() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    // The keys exist, and the issuer has its lease.
    let before = world.exchange(&application, &token).await.unwrap();
    assert_eq!(world.why_inactive(&before.session_jwt).await, "");

    let (door, before) = (world.registry_door.clone(), world.registry_door.calls());
    door.shut();
    let exchange = world.exchange(&application, &token);
    tokio::pin!(exchange);
    // It has read its positions and waits for the registry.
    tokio::select! {
        _ = &mut exchange => panic!("the registry has not answered"),
        () = door.after_calls(before + 1) => {}
    }
    world.revoke_application(&application).await;
    door.open();
    let late = exchange.await.unwrap();
    assert_eq!(world.why_inactive(&late.session_jwt).await, "SESSION_REVOKED");
    let after = world.exchange(&application, &token).await.unwrap();
    assert_eq!(world.why_inactive(&after.session_jwt).await, "");
}

#[tokio::test]
async fn what_happens_to_the_token_happens_to_its_sessions() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let account_id = world.account.to_string();
    let session = world.exchange(&application, &token).await.unwrap().session_jwt;

    let rotate = registry::RotateTokenRequest {
        account_id: account_id.clone(),
        id: token.id.clone(),
        ..registry::RotateTokenRequest::default()
    };
    let secret = world.registry.clone().rotate_token(rotate).await.unwrap().into_inner().client_secret;
    assert_eq!(world.why_inactive(&session).await, "TOKEN_SECRET_EXPIRED");

    let token = crate::world::Token { secret, ..token };
    let session = world.exchange(&application, &token).await.unwrap().session_jwt;
    let enable = |enabled| registry::UpdateTokenRequest {
        account_id: account_id.clone(),
        id: token.id.clone(),
        enabled: Some(enabled),
        ..registry::UpdateTokenRequest::default()
    };
    world.registry.clone().update_token(enable(false)).await.unwrap();
    assert_eq!(world.why_inactive(&session).await, "TOKEN_DISABLED");
    world.registry.clone().update_token(enable(true)).await.unwrap();
    assert_eq!(world.why_inactive(&session).await, "SESSION_REVOKED");
}

#[tokio::test]
async fn a_deleted_tokens_and_a_deleted_applications_sessions_are_dead() {
    let world = World::start().await;
    let any = crate::world::policy(proto::policy_evaluator::Decision::NonIdentity, crate::world::ANY_TOKEN);
    let application = world.application("1h", vec![any]).await;
    let account_id = world.account.to_string();
    let (first, second) = (world.token(world.account, "1h").await, world.token(world.account, "1h").await);
    let session = world.exchange(&application, &first).await.unwrap().session_jwt;
    let delete = registry::DeleteTokenRequest {
        account_id: account_id.clone(),
        id: first.id.clone(),
        ..registry::DeleteTokenRequest::default()
    };
    world.registry.clone().delete_token(delete).await.unwrap();
    assert_eq!(world.why_inactive(&session).await, "TOKEN_DELETED");

    let session = world.exchange(&application, &second).await.unwrap().session_jwt;
    let delete = DeleteApplicationRequest {
        account_id,
        id: application.id.clone(),
        ..DeleteApplicationRequest::default()
    };
    world.policies.clone().delete_application(delete).await.unwrap();
    assert_eq!(world.why_inactive(&session).await, "APPLICATION_UNKNOWN");
}

#[tokio::test]
async fn what_is_not_this_sessions_is_inactive_with_a_reason() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let (other, _) = world.opened().await;
    let session = world.exchange(&application, &token).await.unwrap().session_jwt;
    assert_eq!(world.why_inactive_at(&session, &application.aud).await, "");
    assert_eq!(world.why_inactive_at(&session, &other.aud).await, "SESSION_AUDIENCE_WRONG");
    assert_eq!(world.why_inactive("").await, "SESSION_MALFORMED");
    let (signed, signature) = session.rsplit_once('.').unwrap();
    let altered = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    let reason = world.why_inactive(&altered).await;
    assert!(["SESSION_SIGNATURE_INVALID", "SESSION_MALFORMED"].contains(&reason.as_str()), "{reason}");

    let wrong_aud = wire::IntrospectSessionRequest { session_jwt: session, aud: "x".to_owned() };
    let error = world.issuer.clone().introspect_session(wrong_aud).await.map_err(from_status).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_session_is_active_until_its_end() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let session = world.exchange(&application, &token).await.unwrap().session_jwt;
    world.clock.advance(Duration::from_secs(3599));
    assert_eq!(world.why_inactive(&session).await, "");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.why_inactive(&session).await, "SESSION_EXPIRED");
}

#[tokio::test]
async fn only_what_the_account_has_can_be_revoked() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let session = world.exchange(&application, &token).await.unwrap().session_jwt;
    let stranger = AccountId::random().to_string();
    let own = world.account.to_string();
    for (account_id, application_id) in [
        (&stranger, application.id.clone()),
        (&own, application.aud.clone()),
        (&own, model::ApplicationId::random().to_string()),
        (&own, String::new()),
    ] {
        let request = wire::RevokeApplicationSessionsRequest {
            account_id: account_id.clone(),
            application_id,
            ..wire::RevokeApplicationSessionsRequest::default()
        };
        let answer = world.issuer.clone().revoke_application_sessions(request).await.map_err(from_status);
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::NotFound);
    }
    for (account_id, token_id) in
        [(&stranger, token.id.clone()), (&own, TokenId::random().to_string()), (&own, "x".to_owned())]
    {
        let request = wire::RevokeTokenSessionsRequest {
            account_id: account_id.clone(),
            token_id,
            ..wire::RevokeTokenSessionsRequest::default()
        };
        let answer = world.issuer.clone().revoke_token_sessions(request).await.map_err(from_status);
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::NotFound);
    }
    for (account_id, session_id) in [("x", SessionId::random().to_string()), (&own, "x".to_owned())] {
        let request = wire::RevokeSessionRequest {
            account_id: account_id.to_owned(),
            session_id,
            ..wire::RevokeSessionRequest::default()
        };
        let answer = world.issuer.clone().revoke_session(request).await.map_err(from_status);
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(world.why_inactive(&session).await, "");
}
