use super::*;
use database::sqlx;

pub async fn keys_rotate_by_themselves_when_their_interval_is_over(it: Setting) {
    let (issuer, other) = (it.begin().await, it.world.following_issuer().await);
    let (first, second) = it.pair(&issuer).await;
    issuer.store.set_interval(it.account, 21).await.unwrap();
    it.pass(just_before(21 * DAY).saturating_sub(HOUR));
    issuer.keys.keep_up().await.unwrap();
    assert_eq!(it.pair(&issuer).await.0, first);
    it.pass(Duration::from_millis(1));
    // Both look at once, and one of them does it.
    let (one, two) = tokio::join!(issuer.keys.keep_up(), other.keys.keep_up());
    one.unwrap();
    two.unwrap();
    assert_eq!(it.pair(&issuer).await.0, second);
    assert_eq!(issuer.keys.settings(it.account).await.unwrap().last_rotation_at, it.now());
    let keys = it.keys(&issuer).await;
    assert_eq!((keys.len(), keys[2]), (3, (KeyUse::Previous, first)));
    // And not again before the next interval.
    issuer.keys.keep_up().await.unwrap();
    it.pass(20 * DAY);
    issuer.keys.keep_up().await.unwrap();
    assert_eq!(it.pair(&issuer).await.0, second);
    // What signed first has left the key set, and the next key is known everywhere.
    assert_eq!(it.keys(&issuer).await.len(), 2);
    assert!(it.all_confirmed(&issuer).await);
}

pub async fn a_due_rotation_waits_for_validators_outside(it: Setting) {
    let issuer = it.begin().await;
    let (first, next) = it.pair(&issuer).await;
    it.pass(42 * DAY);
    let fresh = it.revoke(&issuer, next).await;
    assert_eq!(fresh.signing_kid, first);
    let (_, fresh) = it.pair(&issuer).await;
    issuer.keys.keep_up().await.unwrap();
    assert_eq!(it.pair(&issuer).await.0, first);
    it.pass(HOUR);
    issuer.keys.keep_up().await.unwrap();
    assert_eq!(it.pair(&issuer).await.0, fresh);
}

pub async fn what_was_published_before_a_crash_is_confirmed(it: Setting) {
    let dead = it.world.issuer().await;
    let current = dead.keys.generate(Algorithm::Rs256, it.account, "team.example".into()).await.unwrap();
    let next = dead.keys.generate(Algorithm::Rs256, it.account, "team.example".into()).await.unwrap();
    // Committed, and never announced.
    let _ = dead.store.create_keys(it.account, "team.example", &current, &next).await.unwrap();
    let issuer = it.world.following_issuer().await;
    issuer.keys.keep_up().await.unwrap();
    assert!(it.all_confirmed(&issuer).await);
    assert_eq!(it.signs(&issuer).await, current.kid);

    it.delete(next.kid).await;
    let another = dead.keys.generate(Algorithm::Rs256, it.account, "team.example".into()).await.unwrap();
    let _ = dead.store.add_next(it.account, &another).await.unwrap();
    issuer.keys.keep_up().await.unwrap();
    assert!(it.all_confirmed(&issuer).await);
    assert_eq!(it.pair(&issuer).await, (current.kid, another.kid));
}

pub async fn a_rotation_that_was_cut_off_is_completed(it: Setting) {
    let issuer = it.begin().await;
    let (first, second) = it.pair(&issuer).await;
    let dead = it.world.issuer().await;
    let third = dead.keys.generate(Algorithm::Rs256, it.account, "team.example".into()).await.unwrap();
    let seen = dead.keys.settings(it.account).await.unwrap().last_rotation_at;
    // Committed, and never announced: the next heartbeat brings it.
    let rotated = dead
        .store
        .rotate(it.account, &[crate::store::Turned { next: second, following: &third }], seen)
        .await
        .unwrap();
    issuer.until_applied(rotated.position()).await;
    assert_eq!(it.signs(&issuer).await, second);
    assert!(!it.all_confirmed(&issuer).await);
    issuer.keys.keep_up().await.unwrap();
    assert!(it.all_confirmed(&issuer).await);
    let expected = [(KeyUse::Current, second), (KeyUse::Next, third.kid), (KeyUse::Previous, first)];
    assert_eq!(it.keys(&issuer).await, expected);
}

pub async fn a_revocation_that_was_cut_off_is_completed(it: Setting) {
    let issuer = it.begin().await;
    let (first, second) = it.pair(&issuer).await;
    let dead = it.world.issuer().await;
    let third = dead.keys.generate(Algorithm::Rs256, it.account, "team.example".into()).await.unwrap();
    let until = it.now().after(31 * DAY);
    let revoked = dead.store.revoke_key(it.account, first, Some(&third), until).await.unwrap();
    issuer.until_applied(revoked.appended.position()).await;
    assert_eq!(issuer.following.view.judge_key(first), Err(revocation::Refusal::SessionKeyRevoked));
    assert_eq!(it.signs(&issuer).await, second);
    issuer.keys.keep_up().await.unwrap();
    assert!(it.all_confirmed(&issuer).await);
    // Whoever asks again gets the confirmation that the first one did not live to see.
    let again = it.revoke(&issuer, first).await;
    assert_eq!((again.propagation.confirmed.len(), again.propagation.not_confirmed.len()), (1, 0));
    assert_eq!(it.pair(&issuer).await, (second, third.kid));
}

pub async fn an_account_without_a_next_key_gets_one(it: Setting) {
    let issuer = it.begin().await;
    let (first, next) = it.pair(&issuer).await;
    // As an issuer of an earlier version left it for a week after a rotation.
    it.delete(next).await;
    let other = it.world.following_issuer().await;
    let (one, two) = tokio::join!(issuer.keys.keep_up(), other.keys.keep_up());
    one.unwrap();
    two.unwrap();
    assert_eq!(it.pair(&issuer).await.0, first);
    assert!(it.all_confirmed(&issuer).await);
}

impl Setting {
    async fn delete(&self, kid: KeyId) {
        database::with!(&self.world.database, |pool| {
            let statement = sqlx::query("DELETE FROM signing_keys WHERE kid = $1").bind(kid.to_string());
            statement.execute(pool).await.map(drop).unwrap();
        });
    }
}
