use super::*;
use crate::fixture::claims;
use revocation::Refusal;
use session_token::Rejection;

const ISSUER: &str = "https://team.example";

impl Setting {
    /// Why a session is refused, by the view that gateways have too.
    fn refusal(&self, issuer: &Issuer, session: &str) -> Option<Rejection> {
        issuer.following.view.verify(session, |_| Some(ISSUER), self.now()).err()
    }

    /// A session that this key signs now.
    fn session(&self, key: &SigningKey) -> String {
        key.sign(&claims(self.account, ISSUER, self.now())).unwrap()
    }
}

pub async fn a_revoked_current_key_is_replaced_by_the_next_one(it: Setting) {
    let (issuer, other) = (it.begin().await, it.world.following_issuer().await);
    let (first, second) = it.pair(&issuer).await;
    let session = it.session(&issuer.signer(it.account).await.unwrap());
    other.signer(it.account).await.unwrap();
    assert_eq!(it.refusal(&other, &session), None);
    let revoked = it.revoke(&issuer, first).await;
    assert_eq!((revoked.kid, revoked.signing_kid), (first, second));
    assert_eq!((revoked.propagation.confirmed.len(), revoked.propagation.not_confirmed.len()), (2, 0));
    for issuer in [&issuer, &other] {
        assert_eq!(it.refusal(issuer, &session), Some(Rejection::KeyRevoked));
        assert_eq!(issuer.following.view.judge_key(first), Err(Refusal::SessionKeyRevoked));
        assert_eq!(it.signs(issuer).await, second);
        let fresh = it.session(&issuer.signer(it.account).await.unwrap());
        assert_eq!(it.refusal(issuer, &fresh), None);
    }
    // The usual two again, both known everywhere.
    let (_, third) = it.pair(&issuer).await;
    assert_eq!(it.keys(&issuer).await.len(), 2);
    assert!(third != first && it.all_confirmed(&issuer).await);
    it.pass(HOUR);
    it.rotate(&issuer).await.unwrap();
    assert_eq!(it.signs(&issuer).await, third);
}

pub async fn a_revoked_next_key_is_replaced_and_never_signs(it: Setting) {
    let issuer = it.begin().await;
    let (first, second) = it.pair(&issuer).await;
    let session = it.session(&issuer.signer(it.account).await.unwrap());
    assert_eq!(it.revoke(&issuer, second).await.signing_kid, first);
    let (current, third) = it.pair(&issuer).await;
    assert_eq!((current, it.signs(&issuer).await), (first, first));
    assert_eq!(it.refusal(&issuer, &session), None);
    assert_eq!(issuer.following.view.judge_key(second), Err(Refusal::SessionKeyRevoked));
    it.pass(HOUR);
    it.rotate(&issuer).await.unwrap();
    assert_eq!(it.signs(&issuer).await, third);
}

pub async fn a_revoked_previous_key_ends_at_once(it: Setting) {
    let issuer = it.begin().await;
    let session = it.session(&issuer.signer(it.account).await.unwrap());
    let (first, second) = it.pair(&issuer).await;
    it.rotate(&issuer).await.unwrap();
    assert_eq!(it.refusal(&issuer, &session), None);
    let before = it.pair(&issuer).await;
    let due = issuer.keys.settings(it.account).await.unwrap().due_at();
    assert_eq!(it.revoke(&issuer, first).await.signing_kid, second);
    assert_eq!(it.refusal(&issuer, &session), Some(Rejection::KeyRevoked));
    assert_eq!(it.pair(&issuer).await, before);
    assert_eq!(it.keys(&issuer).await.len(), 2);
    assert_eq!(issuer.keys.settings(it.account).await.unwrap().due_at(), due);
}

pub async fn without_a_name_the_key_that_signs_now_is_revoked(it: Setting) {
    let issuer = it.world.following_issuer().await;
    let none = issuer.keys.revoke(it.account, None, Wait::Confirmed).await;
    assert_eq!(none.err().unwrap().reason(), "KEY_SET_EMPTY");
    let issuer = it.begin().await;
    let (first, second) = it.pair(&issuer).await;
    let revoked = issuer.keys.revoke(it.account, None, Wait::Confirmed).await.unwrap();
    assert_eq!((revoked.kid, revoked.signing_kid), (first, second));
    let unknown = issuer.keys.revoke(it.account, Some("ab".repeat(32).parse().unwrap()), Wait::Confirmed);
    assert_eq!(unknown.await.err().unwrap().kind(), ErrorKind::NotFound);
    let stranger = issuer.keys.revoke(AccountId::random(), Some(second), Wait::Confirmed).await;
    assert_eq!(stranger.err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(it.signs(&issuer).await, second);
}

pub async fn what_an_issuer_still_signs_with_a_revoked_key_is_dead(it: Setting) {
    let (issuer, late) = (it.begin().await, it.world.following_issuer().await);
    // It has chosen its key, and is about to sign.
    let signer = late.signer(it.account).await.unwrap();
    it.revoke(&issuer, signer.kid()).await;
    let session = it.session(&signer);
    for issuer in [&issuer, &late] {
        assert_eq!(it.refusal(issuer, &session), Some(Rejection::KeyRevoked));
    }
    // Having chosen it, and about to read it.
    assert_ne!(it.signs(&late).await, signer.kid());
    let stale = issuer.store.find_key(it.account, signer.kid()).await.unwrap().unwrap();
    assert!(issuer.keys.parse(&stale).await.unwrap().is_none());
    // Even an issuer that has lost touch reads the database before it signs.
    let alone = it.world.issuer().await;
    assert_ne!(it.signs(&alone).await, signer.kid());
}

pub async fn two_issuers_that_revoke_at_once_make_one_change(it: Setting) {
    let (issuer, other) = (it.begin().await, it.world.following_issuer().await);
    let (first, second) = it.pair(&issuer).await;
    let (one, two) = tokio::join!(it.revoke(&issuer, first), it.revoke(&other, first));
    for revoked in [one, two] {
        assert_eq!((revoked.kid, revoked.signing_kid), (first, second));
        assert_eq!((revoked.propagation.confirmed.len(), revoked.propagation.not_confirmed.len()), (2, 0));
    }
    assert_eq!(it.keys(&issuer).await.len(), 2);
    let before = it.keys(&issuer).await;
    it.revoke(&other, first).await;
    assert_eq!(it.keys(&issuer).await, before);
}

pub async fn a_revocation_beside_a_rotation_leaves_one_key_that_signs(mut it: Setting) {
    it.world.cache_lifetime = Duration::ZERO;
    let (issuer, other) = (it.begin().await, it.world.following_issuer().await);
    for _ in 0..4 {
        let (first, _) = it.pair(&issuer).await;
        let (rotated, revoked) = tokio::join!(it.rotate(&issuer), it.revoke(&other, first));
        if let Err(error) = rotated {
            assert!(matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotReady), "{error}");
        }
        assert_eq!(revoked.kid, first);
        assert!(!it.keys(&issuer).await.iter().any(|(_, kid)| *kid == first));
        // One step, or two if the rotation began after the revocation.
        let (signing, _) = it.pair(&issuer).await;
        for issuer in [&issuer, &other] {
            assert_eq!(issuer.following.view.judge_key(first), Err(Refusal::SessionKeyRevoked));
            assert_eq!(it.signs(issuer).await, signing);
        }
    }
}

pub async fn a_revoked_key_is_forgotten_when_nothing_under_it_can_be_alive(it: Setting) {
    let issuer = it.begin().await;
    let (first, _) = it.pair(&issuer).await;
    it.revoke(&issuer, first).await;
    it.pass(just_before(31 * DAY));
    issuer.until_live().await;
    issuer.keys.keep_up().await.unwrap();
    assert_eq!(issuer.following.view.judge_key(first), Err(Refusal::SessionKeyRevoked));
    it.pass(Duration::from_millis(1));
    issuer.keys.keep_up().await.unwrap();
    issuer.until_applied(issuer.store.position().await.unwrap()).await;
    // No less refused for that.
    assert_eq!(issuer.following.view.judge_key(first), Err(Refusal::SessionKeyUnknown));
    assert!(issuer.store.find_key(it.account, first).await.unwrap().is_none());
}

pub async fn the_answer_says_when_validators_outside_have_followed(it: Setting) {
    let issuer = it.begin().await;
    let (first, second) = it.pair(&issuer).await;
    let revoked = it.revoke(&issuer, first).await;
    assert_eq!((revoked.revoked_at, revoked.dropped_outside_at), (it.now(), it.now().after(HOUR)));
    assert_eq!(revoked.signing_known_outside_at, it.now(), "an hour after it was published");
    // The next one was published a moment ago: it takes over at once, and that is said.
    it.pass(Duration::from_mins(20));
    let revoked = it.revoke(&issuer, second).await;
    assert_eq!(revoked.signing_known_outside_at, it.now().after(Duration::from_mins(40)));
    assert_eq!(it.signs(&issuer).await, revoked.signing_kid);
    // Asked again, the times are those of the first.
    it.pass(Duration::from_mins(5));
    let again = it.revoke(&issuer, second).await;
    assert_eq!(
        (again.revoked_at, again.signing_known_outside_at),
        (revoked.revoked_at, revoked.signing_known_outside_at)
    );
}
