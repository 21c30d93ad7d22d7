use super::*;

pub async fn a_key_signs_once_validators_outside_know_it(it: Setting) {
    let issuer = it.world.following_issuer().await;
    let first = it.signs(&issuer).await;
    let (_, next) = it.pair(&issuer).await;
    it.pass(just_before(HOUR));
    let refused = it.rotate(&issuer).await.unwrap_err();
    assert_eq!((refused.kind(), refused.reason()), (ErrorKind::NotReady, "KEY_NEXT_TOO_YOUNG"));
    assert!(refused.message().contains(&NOW.after(HOUR).to_string()), "{}", refused.message());
    assert_eq!(it.signs(&issuer).await, first);
    it.pass(Duration::from_millis(1));
    it.rotate(&issuer).await.unwrap();
    assert_eq!(it.signs(&issuer).await, next);

    // The time counts from when every enforcement point knew the key, not from when it was made.
    let (_, third) = it.pair(&issuer).await;
    let keys = issuer.store.list_keys(it.account).await.unwrap();
    assert_eq!(keys[1].confirmed_at, Some(it.now()));
    it.pass(just_before(HOUR));
    assert_eq!(it.rotate(&issuer).await.unwrap_err().reason(), "KEY_NEXT_TOO_YOUNG");
    it.pass(Duration::from_millis(1));
    it.rotate(&issuer).await.unwrap();
    assert_eq!(it.signs(&issuer).await, third);
}

pub async fn a_forced_rotation_does_not_wait_for_validators_outside(it: Setting) {
    let issuer = it.world.following_issuer().await;
    it.signs(&issuer).await;
    let (_, next) = it.pair(&issuer).await;
    issuer.keys.rotate(it.account, true, Wait::Confirmed).await.unwrap();
    assert_eq!(it.signs(&issuer).await, next);
    assert!(it.all_confirmed(&issuer).await);
}

pub async fn every_rotation_publishes_the_key_that_follows(it: Setting) {
    let issuer = it.begin().await;
    let (first, second) = it.pair(&issuer).await;
    let propagation = it.rotate(&issuer).await.unwrap();
    assert_eq!((propagation.confirmed.len(), propagation.not_confirmed.len()), (1, 0));
    let (current, third) = it.pair(&issuer).await;
    assert_eq!(current, second);
    assert!(third != first && third != second);
    assert_eq!(it.keys(&issuer).await[2..], [(KeyUse::Previous, first)]);
    // One confirmation did for both, and the view that decides has them all.
    assert!(it.all_confirmed(&issuer).await);
    let view = issuer.following.view.key_set(it.account);
    assert_eq!(view.iter().map(|key| key.kid()).collect::<Vec<_>>(), [second, third, first]);
}

pub async fn a_previous_key_stays_for_its_grace_or_its_longest_session(it: Setting) {
    for (session, days) in [(6 * DAY, 7), (6 * DAY + Duration::from_secs(1), 8), (7 * DAY, 8), (30 * DAY, 31)]
    {
        let issuer = it.world.following_issuer().await;
        let account = AccountId::random();
        let kid = issuer.signer(account).await.unwrap().kid();
        issuer.keys.keep_for(kid, session).await.unwrap();
        // Asked for less it promises no less.
        issuer.keys.keep_for(kid, HOUR).await.unwrap();
        issuer.keys.rotate(account, true, Wait::Confirmed).await.unwrap();
        let is_published = async || {
            issuer.keys.keep_up().await.unwrap();
            issuer.store.list_keys(account).await.unwrap().iter().any(|key| key.kid == kid)
        };
        it.pass(just_before(days * DAY));
        assert!(is_published().await, "{session:?}");
        it.pass(Duration::from_millis(1));
        assert!(!is_published().await, "{session:?}");
    }
}
