use super::*;
use crate::fixture::World;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use change_feed::Source;
use model::SessionId;
use proto::change_feed as feed;
use tokio_util::task::AbortOnDropHandle;

fn uses(keys: &[StoredKey]) -> Vec<KeyUse> {
    keys.iter().map(|key| key.usage).collect()
}

#[tokio::test]
async fn the_first_need_makes_two_keys_and_the_current_one_signs() {
    let (world, _) = World::manual().await;
    let issuer = world.issuer().await;
    let account = AccountId::random();
    let signer = issuer.signer(account).await.unwrap();
    let keys = issuer.store.list_keys(account).await.unwrap();
    assert_eq!(uses(&keys), [KeyUse::Current, KeyUse::Next]);
    assert_eq!(keys[0].kid, signer.kid());
    assert!(keys.iter().all(StoredKey::is_confirmed));
    assert_eq!(keys[0].jwk_json, signer.jwk().to_json());
    assert!(keys[0].certificate_pem.starts_with("-----BEGIN CERTIFICATE-----"));
    // Another account's are its own.
    assert_ne!(issuer.signer(AccountId::random()).await.unwrap().kid(), signer.kid());
}

#[tokio::test]
async fn the_team_domain_is_asked_for_once() {
    let (world, _) = World::manual().await;
    let (issuer, account) = (world.issuer().await, AccountId::random());
    let away = || async { Err(Error::not_found("organization")) };
    assert_eq!(issuer.keys.signer(account, away()).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(issuer.store.list_keys(account).await.unwrap().is_empty());
    issuer.signer(account).await.unwrap();
    issuer.keys.signer(account, away()).await.unwrap();
}

#[tokio::test]
async fn many_first_needs_at_two_issuers_make_two_keys() {
    let (world, _) = World::manual().await;
    let (one, other, account) = (world.issuer().await, world.issuer().await, AccountId::random());
    let all = tokio::join!(
        one.signer(account),
        other.signer(account),
        one.signer(account),
        other.signer(account),
        one.signer(account)
    );
    let kids = [all.0, all.1, all.2, all.3, all.4].map(|signer| signer.unwrap().kid());
    assert!(kids.iter().all(|kid| *kid == kids[0]));
    assert_eq!(one.store.list_keys(account).await.unwrap().len(), 2);
}

/// An enforcement point that has applied nothing, and whose lease never runs out: a busy machine may take the whole of
/// one to make keys.
struct EnforcementPoint {
    incarnation: String,
    _renewing: AbortOnDropHandle<()>,
}

async fn enforcement_point(feed: &Arc<Feed>) -> EnforcementPoint {
    let incarnation = SessionId::random().to_string();
    let request = feed::HeartbeatRequest {
        replica: "edge".into(),
        incarnation: incarnation.clone(),
        applied: 0,
        version: String::new(),
        staleness_ms: 0,
    };
    Source::heartbeat(feed, request.clone()).await.unwrap();
    let feed = feed.clone();
    let renewing = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Source::heartbeat(&feed, request.clone()).await.unwrap();
        }
    });
    EnforcementPoint { incarnation, _renewing: AbortOnDropHandle::new(renewing) }
}

async fn acknowledge_all(issuer: &crate::fixture::Issuer, edge: &EnforcementPoint) {
    let applied = issuer.store.position().await.unwrap();
    let request = feed::AcknowledgeRequest { incarnation: edge.incarnation.clone(), applied };
    Source::acknowledge(&issuer.feed, request).await.unwrap();
}

#[tokio::test]
async fn a_key_signs_only_after_every_enforcement_point_knows_it() {
    let world = World::real_time().await;
    let (issuer, account) = (Arc::new(world.issuer().await), AccountId::random());
    let edge = enforcement_point(&issuer.feed).await;
    let mut first = tokio::spawn({
        let issuer = issuer.clone();
        async move { issuer.signer(account).await }
    });
    while issuer.store.list_keys(account).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    // Published, and still nobody signs: neither who made it nor another issuer that finds it.
    let another = world.issuer().await;
    let wait = Duration::from_millis(300);
    assert!(tokio::time::timeout(wait, &mut first).await.is_err());
    assert!(tokio::time::timeout(wait, another.signer(account)).await.is_err());
    let keys = issuer.store.list_keys(account).await.unwrap();
    assert!(keys.iter().all(|key| !key.is_confirmed()));

    acknowledge_all(&issuer, &edge).await;
    let signer = first.await.unwrap().unwrap();
    assert_eq!(signer.kid(), keys[0].kid);
    let keys = issuer.store.list_keys(account).await.unwrap();
    assert!(keys.iter().all(StoredKey::is_confirmed));
}

#[tokio::test]
async fn a_key_that_a_revocation_promotes_signs_only_once_it_is_known() {
    let world = World::real_time().await;
    let (issuer, account) = (Arc::new(world.issuer().await), AccountId::random());
    issuer.signer(account).await.unwrap();
    let edge = enforcement_point(&issuer.feed).await;
    // The second one promotes what the first one has published and nobody has confirmed.
    issuer.keys.revoke(account, None, Wait::None).await.unwrap();
    let promoted = issuer.keys.revoke(account, None, Wait::None).await.unwrap().signing_kid;
    let mut signer = tokio::spawn({
        let issuer = issuer.clone();
        async move { issuer.signer(account).await }
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut signer).await.is_err());
    acknowledge_all(&issuer, &edge).await;
    assert_eq!(signer.await.unwrap().unwrap().kid(), promoted);
}

#[tokio::test]
async fn what_a_dead_issuer_published_is_confirmed_by_the_next() {
    let (world, _) = World::manual().await;
    let (dead, account) = (world.issuer().await, AccountId::random());
    let (current, next) = (
        dead.keys.generate(Algorithm::Rs256, account, "team.example".into()).await.unwrap(),
        dead.keys.generate(Algorithm::Rs256, account, "team.example".into()).await.unwrap(),
    );
    let _ = dead.store.create_keys(account, "team.example", &current, &next).await.unwrap();

    let issuer = world.issuer().await;
    assert_eq!(issuer.signer(account).await.unwrap().kid(), current.kid);
    assert!(issuer.store.list_keys(account).await.unwrap().iter().all(StoredKey::is_confirmed));
}

#[tokio::test]
async fn a_rotation_signs_with_the_key_that_was_published_before() {
    let (world, _) = World::manual().await;
    let (issuer, account) = (world.issuer().await, AccountId::random());
    let before = issuer.signer(account).await.unwrap();
    let next = issuer.store.list_keys(account).await.unwrap()[1].kid;
    issuer.keys.rotate(account, false, Wait::Confirmed).await.unwrap();
    assert_eq!(issuer.signer(account).await.unwrap().kid(), next);
    let keys = issuer.store.list_keys(account).await.unwrap();
    assert_eq!(uses(&keys), [KeyUse::Current, KeyUse::Next, KeyUse::Previous]);
    assert_eq!(keys[2].kid, before.kid());

    // Again within the grace: both previous ones stay.
    issuer.keys.rotate(account, false, Wait::Confirmed).await.unwrap();
    let keys = issuer.store.list_keys(account).await.unwrap();
    assert_eq!(uses(&keys), [KeyUse::Current, KeyUse::Next, KeyUse::Previous, KeyUse::Previous]);
    assert_eq!(issuer.signer(account).await.unwrap().kid(), keys[0].kid);
    assert!(keys.iter().all(StoredKey::is_confirmed));
}

#[tokio::test]
async fn a_rotation_waits_for_the_next_key_to_be_known() {
    let world = World::real_time().await;
    let (issuer, account) = (Arc::new(world.issuer().await), AccountId::random());
    issuer.signer(account).await.unwrap();
    issuer.keys.rotate(account, false, Wait::None).await.unwrap();
    let signing = issuer.signer(account).await.unwrap().kid();
    let edge = enforcement_point(&issuer.feed).await;
    let mut rotation = tokio::spawn({
        let issuer = issuer.clone();
        async move { issuer.keys.rotate(account, false, Wait::None).await }
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut rotation).await.is_err());
    assert_eq!(issuer.signer(account).await.unwrap().kid(), signing);
    acknowledge_all(&issuer, &edge).await;
    rotation.await.unwrap().unwrap();
    assert_ne!(issuer.signer(account).await.unwrap().kid(), signing);
}

#[tokio::test]
async fn the_signer_follows_a_rotation_at_another_issuer() {
    let world = World::real_time().await;
    let (issuer, other) = (world.following_issuer().await, world.following_issuer().await);
    let account = AccountId::random();
    let first = issuer.signer(account).await.unwrap().kid();
    assert_eq!(other.signer(account).await.unwrap().kid(), first);
    // Known to memory now: the database is not asked.
    assert_eq!(issuer.keys.known_signer(account, Algorithm::Rs256).unwrap().kid(), first);
    let propagation = other.keys.rotate(account, false, Wait::Confirmed).await.unwrap();
    assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (2, 0));
    assert!(issuer.keys.known_signer(account, Algorithm::Rs256).is_none());
    let second = issuer.signer(account).await.unwrap().kid();
    assert_ne!(second, first);
    assert_eq!(issuer.keys.known_signer(account, Algorithm::Rs256).unwrap().kid(), second);
}

#[tokio::test]
async fn a_retired_key_is_forgotten() {
    let (world, clock) = World::manual().await;
    let (issuer, account) = (world.following_issuer().await, AccountId::random());
    let kid = issuer.signer(account).await.unwrap().kid();
    issuer.keys.rotate(account, false, Wait::Confirmed).await.unwrap();
    issuer.keys.keep_up().await.unwrap();
    assert!(issuer.keys.parsed.read().contains_key(&kid));
    clock.advance(GRACE);
    // The next heartbeat, real time, brings the lease back.
    while !issuer.following.is_live() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    issuer.keys.keep_up().await.unwrap();
    while issuer.following.view.find_key(kid).is_some() {
        tokio::task::yield_now().await;
    }
    issuer.keys.keep_up().await.unwrap();
    assert!(!issuer.keys.parsed.read().contains_key(&kid));
}

#[tokio::test]
async fn the_private_key_never_reaches_the_database_file() {
    let (world, _) = World::manual().await;
    let (issuer, account) = (world.issuer().await, AccountId::random());
    let signer = issuer.signer(account).await.unwrap();
    let files = world.files();
    let holds = |needle: &[u8]| files.windows(needle.len()).any(|window| window == needle);
    // What is public is there, so the search does find.
    assert!(holds(signer.kid().to_string().as_bytes()));
    let private = signer.to_pkcs8().unwrap();
    let public = URL_SAFE_NO_PAD.decode(modulus(&signer.jwk().to_json())).unwrap();
    // Of the private key everything but the public modulus, in pieces, as it is and in base64 and hex.
    let is_public = |piece: &[u8]| public.windows(piece.len()).any(|window| window == piece);
    let pieces: Vec<&[u8]> =
        private.chunks(24).filter(|piece| piece.len() == 24 && !is_public(piece)).collect();
    assert!(pieces.len() > 20);
    for piece in pieces {
        assert!(!holds(piece));
        assert!(!holds(STANDARD.encode(piece).as_bytes()));
        assert!(!holds(URL_SAFE_NO_PAD.encode(piece).as_bytes()));
    }
}

fn modulus(jwk: &str) -> &str {
    jwk.split(r#""n":""#).nth(1).unwrap().split('"').next().unwrap()
}

#[tokio::test]
async fn under_another_key_encryption_key_nothing_is_signed() {
    let (world, _) = World::manual().await;
    let account = AccountId::random();
    world.issuer().await.signer(account).await.unwrap();
    let stranger = world.issuer_with(&[8; 32]).await;
    let error = stranger.signer(account).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Internal, "internal error"));
}
