//! What is signed for clients without a session, and the end of a session by its holder.

use crate::world::World;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{AccountId, ApplicationId, Error, ErrorKind};
use proto::policy_evaluator::Application;
use proto::session_issuer as wire;
use serde_json::{Value, json};
use service_kit::status::from_status;
use std::time::Duration;

impl World {
    async fn metadata(
        &self,
        account: AccountId,
        application_id: &str,
        hostname: &str,
    ) -> Result<wire::SignMetadataResponse, Error> {
        let request = wire::SignMetadataRequest {
            account_id: account.to_string(),
            application_id: application_id.to_owned(),
            hostname: hostname.to_owned(),
        };
        let answer = self.edge.clone().sign_metadata(request).await;
        answer.map(tonic::Response::into_inner).map_err(from_status)
    }

    async fn end(&self, session_jwt: &str) -> Result<wire::EndSessionResponse, Error> {
        let request = wire::EndSessionRequest { session_jwt: session_jwt.to_owned(), ..Default::default() };
        let answer = self.edge.clone().end_session(request).await;
        answer.map(tonic::Response::into_inner).map_err(from_status)
    }
}

fn host(application: &Application) -> &str {
    &application.spec.as_ref().unwrap().domain
}

fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn metadata_says_what_is_stored_and_is_signed_with_a_published_key() {
    let world = World::start().await;
    let (application, _) = world.opened().await;
    let signed = world.metadata(world.account, &application.id, host(&application)).await.unwrap();
    let claims = json!({
        "type": "match", "hostname": host(&application), "auth_domain": "team.example", "aud": application.aud,
        "app_hostname": host(&application), "iat": world.now_s(), "exp": 1,
    });
    assert_eq!(part(&signed.metadata_jwt, 1), claims);
    assert_eq!(part(&signed.metadata_jwt, 0)["kid"], json!(signed.kid));
    let kids: Vec<String> = world.key_set().await.into_iter().map(|key| key.kid).collect();
    assert!(kids.contains(&signed.kid), "{kids:?}");
    assert_eq!((&*signed.auth_domain, &*signed.app_hostname), ("team.example", host(&application)));
}

#[tokio::test]
async fn j11_metadata_is_no_session_for_the_issuer_either() {
    let world = World::start().await;
    let (application, _) = world.opened().await;
    let signed = world.metadata(world.account, &application.id, host(&application)).await.unwrap();
    assert_eq!(world.why_inactive(&signed.metadata_jwt).await, "SESSION_TYPE_WRONG");
    assert_eq!(world.end(&signed.metadata_jwt).await.unwrap_err().reason(), "SESSION_TYPE_WRONG");
}

#[tokio::test]
async fn t1_nothing_is_signed_of_a_host_that_is_not_the_applications() {
    let world = World::start().await;
    let (application, _) = world.opened().await;
    let (other, _) = world.opened().await;
    let name = host(&application);
    let upper = name.to_ascii_uppercase();
    let (dotted, below, port) = (format!("{name}."), format!("a.{name}"), format!("{name}:443"));
    for hostname in ["", "*", "evil.example", host(&other), &*upper, &*dotted, &*below, &*port, "a\nb"] {
        let refused = world.metadata(world.account, &application.id, hostname).await.unwrap_err();
        assert_eq!((refused.kind(), refused.reason()), (ErrorKind::Invalid, "INVALID_FIELD"), "{hostname:?}");
    }
    // Nor of another account's application, or of none.
    for (account, id) in
        [(AccountId::random(), application.id.clone()), (world.account, ApplicationId::random().to_string())]
    {
        let refused = world.metadata(account, &id, name).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn c7_whoever_holds_a_session_may_end_it_and_no_other() {
    let world = World::start().await;
    let (application, token) = world.opened().await;
    let one = world.exchange(&application, &token).await.unwrap().session_jwt;
    let other = world.exchange(&application, &token).await.unwrap().session_jwt;
    let propagation = world.end(&one).await.unwrap().propagation.unwrap();
    assert_eq!((propagation.confirmed.len(), propagation.not_confirmed.len()), (1, 0));
    assert_eq!(world.why_inactive(&one).await, "SESSION_REVOKED");
    assert_eq!(world.why_inactive(&other).await, "");
    // Altered, it is nobody's.
    let (message, _) = other.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", one.rsplit_once('.').unwrap().1);
    for (session, reason) in
        [(&*forged, "SESSION_SIGNATURE_INVALID"), ("", "SESSION_MALFORMED"), ("a.b.c", "SESSION_MALFORMED")]
    {
        assert_eq!(world.end(session).await.unwrap_err().reason(), reason);
    }
    assert_eq!(world.why_inactive(&other).await, "");
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(world.end(&other).await.unwrap_err().reason(), "SESSION_EXPIRED");
}
