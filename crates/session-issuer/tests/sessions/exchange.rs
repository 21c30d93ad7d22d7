use crate::world::{ANY_TOKEN, EVERYONE, ISSUER, NOW, Token, World, policy};
use model::{AccountId, Clock, ErrorKind};
use proto::policy_evaluator::rule::Selector;
use proto::policy_evaluator::{Decision, Facts, Outcome, facts};
use proto::token_registry as registry;
use session_token::{KeyId, VerificationKey, verify};
use std::time::Duration;

#[tokio::test]
async fn a_session_verifies_with_the_published_key_set_and_says_who_obtained_it() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let answer = world.exchange(&application, &token).await.unwrap();
    let session = answer.session.clone().unwrap();
    assert_eq!(answer.outcome(), Outcome::ServiceAuth);
    assert_eq!(answer.policy_id, application.policies[0].id);

    let keys = world.key_set().await;
    assert_eq!((keys.len(), keys[0].kid == session.kid), (2, true));
    let key = VerificationKey::from_json(&keys[0].jwk_json, world.account).unwrap();
    let find = |kid: KeyId| (kid == key.kid()).then_some((&key, ISSUER));
    let claims = verify(&answer.session_jwt, find, NOW).unwrap().claims;
    assert_eq!(claims.audience.as_str(), application.aud);
    assert_eq!(claims.common_name, token.client_id);
    assert_eq!((claims.issued_at_s, claims.expires_at_s), (world.now_s(), world.now_s() + 3600));
    assert_eq!(claims.account, world.account);
    assert_eq!((claims.token.unwrap().to_string(), claims.secret_version), (token.id.clone(), 1));
    // The token was never changed; the policies and the organization were; the keys were published after it was judged.
    assert!(claims.as_of.policy_evaluator >= 2);

    assert_eq!(session.id, claims.session.to_string());
    assert_eq!((session.token_id, session.client_id), (token.id, token.client_id));
    assert_eq!((session.issued_at_s, session.expires_at_s), (claims.issued_at_s, claims.expires_at_s));
    assert_eq!(session.as_of.unwrap().policy_evaluator, claims.as_of.policy_evaluator);
    assert_eq!(world.why_inactive(&answer.session_jwt).await, "");
}

#[tokio::test]
async fn a_wrong_credential_gets_the_registrys_answer() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let other = world.token(world.account, "8760h").await;
    let mixed = Token { secret: other.secret.clone(), ..token.clone() };
    let wrong = world.exchange(&application, &mixed).await.unwrap_err();
    assert_eq!((wrong.kind(), wrong.reason()), (ErrorKind::Unauthenticated, "TOKEN_UNKNOWN"));
    let junk = Token { secret: "junk".to_owned(), ..token.clone() };
    assert_eq!(world.exchange(&application, &junk).await.unwrap_err().reason(), "TOKEN_SECRET_MALFORMED");

    let disable = registry::UpdateTokenRequest {
        account_id: world.account.to_string(),
        id: token.id.clone(),
        enabled: Some(false),
        ..registry::UpdateTokenRequest::default()
    };
    world.registry.clone().update_token(disable).await.unwrap();
    assert_eq!(world.exchange(&application, &token).await.unwrap_err().reason(), "TOKEN_DISABLED");
}

#[tokio::test]
async fn another_accounts_token_is_unknown() {
    let world = World::start().await;
    let application = world.application("1h", vec![policy(Decision::NonIdentity, ANY_TOKEN)]).await;
    let own = world.token(world.account, "8760h").await;
    assert!(world.exchange(&application, &own).await.is_ok());
    let foreign = world.token(AccountId::random(), "8760h").await;
    let refused = world.exchange(&application, &foreign).await.unwrap_err();
    let unknown = Token { secret: own.secret, ..foreign };
    let unknown = world.exchange(&application, &unknown).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert_eq!((refused.reason(), refused.message()), (unknown.reason(), unknown.message()));
}

#[tokio::test]
async fn the_policies_decide() {
    let world = World::start().await;
    let token = world.token(world.account, "8760h").await;
    let named = || Selector::ServiceToken(token.id.clone());

    let denies = vec![policy(Decision::Deny, named()), policy(Decision::Allow, EVERYONE)];
    let application = world.application("1h", denies).await;
    let refused = world.exchange(&application, &token).await.unwrap_err();
    assert_eq!((refused.kind(), refused.reason()), (ErrorKind::Denied, "POLICY_DENIED"));

    let other = world.token(world.account, "8760h").await;
    let application = world
        .application("1h", vec![policy(Decision::NonIdentity, Selector::ServiceToken(other.id.clone()))])
        .await;
    let refused = world.exchange(&application, &token).await.unwrap_err();
    assert_eq!((refused.kind(), refused.reason()), (ErrorKind::Denied, "POLICY_NO_MATCH"));
    assert!(!refused.message().contains(&token.secret));

    let application = world.application("1h", vec![policy(Decision::Bypass, EVERYONE)]).await;
    let answer = world.exchange(&application, &token).await.unwrap();
    assert_eq!(answer.outcome(), Outcome::Bypass);
    assert!(answer.session_jwt.is_empty() && answer.session.is_none());

    let nowhere = proto::policy_evaluator::Application {
        id: model::ApplicationId::random().to_string(),
        ..proto::policy_evaluator::Application::default()
    };
    assert_eq!(world.exchange(&nowhere, &token).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_token_that_the_caller_claims_counts_for_nothing() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let claimed = Facts { service_token: Some(facts::ServiceToken { id: token.id }), ..Facts::default() };
    let refused = world.exchange_with(&application, None, Some(claimed)).await.unwrap_err();
    assert_eq!(refused.reason(), "POLICY_NO_MATCH");
}

#[tokio::test]
async fn a_certificate_obtains_a_session_without_a_token() {
    let world = World::start().await;
    let by_name = policy(Decision::NonIdentity, Selector::CommonName("device-7".to_owned()));
    let application = world.application("1h", vec![by_name]).await;
    let certificate = facts::Certificate { common_name: "device-7".to_owned(), sha256: vec![7; 32] };
    let facts = Facts { certificate: Some(certificate), ..Facts::default() };
    let answer = world.exchange_with(&application, None, Some(facts)).await.unwrap();
    let session = answer.session.unwrap();
    assert_eq!((session.token_id.as_str(), session.client_id.as_str()), ("", ""));
    assert_eq!((session.client_secret_version, session.certificate_sha256), (0, vec![7; 32]));
    assert_eq!(world.why_inactive(&answer.session_jwt).await, "");
    let key = VerificationKey::from_json(&world.key_set().await[0].jwk_json, world.account).unwrap();
    let verified = verify(&answer.session_jwt, |_| Some((&key, ISSUER)), NOW).unwrap();
    assert_eq!((verified.claims.common_name.as_str(), verified.claims.token), ("device-7", None));
    assert_eq!(verified.claims.certificate, Some(session_token::Thumbprint([7; 32])));
}

#[tokio::test]
async fn a_session_ends_with_its_token_its_overlap_or_after_a_minute() {
    let world = World::start().await;
    let any = || vec![policy(Decision::NonIdentity, ANY_TOKEN)];
    let (hour, now_only) = (world.application("1h", any()).await, world.application("0s", any()).await);
    let life = async |application, token: &Token| {
        let session = world.exchange(application, token).await.unwrap().session.unwrap();
        session.expires_at_s - world.now_s()
    };
    let short = world.token(world.account, "30m").await;
    assert_eq!(life(&hour, &short).await, 1800);
    let long = world.token(world.account, "forever").await;
    assert_eq!(life(&hour, &long).await, 3600);
    assert_eq!(life(&now_only, &long).await, 60);

    let overlap = world.clock.now().after(Duration::from_mins(10));
    let rotate = registry::RotateTokenRequest {
        account_id: world.account.to_string(),
        id: long.id.clone(),
        previous_client_secret_expires_at_ms: Some(overlap.as_millis()),
        ..registry::RotateTokenRequest::default()
    };
    world.registry.clone().rotate_token(rotate).await.unwrap();
    assert_eq!(life(&hour, &long).await, 600);
}
