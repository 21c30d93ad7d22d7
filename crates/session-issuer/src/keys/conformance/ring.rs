use super::*;
use Algorithm::{Es256, Rs256};

/// Algorithm and use of each key, in the key set's order.
async fn kinds(it: &Setting, issuer: &Issuer) -> Vec<(Algorithm, KeyUse)> {
    let keys = issuer.store.list_keys(it.account).await.unwrap();
    keys.into_iter().map(|key| (key.algorithm, key.usage)).collect()
}

async fn kid_of(it: &Setting, issuer: &Issuer, algorithm: Algorithm, usage: KeyUse) -> KeyId {
    let keys = issuer.store.list_keys(it.account).await.unwrap();
    keys.into_iter().find(|key| (key.algorithm, key.usage) == (algorithm, usage)).unwrap().kid
}

/// Both rings, known everywhere.
async fn begin(it: &Setting) -> Issuer {
    let issuer = it.world.issuer().await;
    issuer.es256(it.account).await;
    it.pass(HOUR);
    it.world.following_issuer().await
}

pub async fn es256_signs_once_validators_outside_know_its_key(it: Setting) {
    let issuer = it.begin().await;
    let rs256 = it.signs(&issuer).await;
    assert_eq!(issuer.es256(it.account).await.kid(), rs256, "it is published, and nobody outside knows it");
    let current = kid_of(&it, &issuer, Es256, KeyUse::Current).await;
    assert!(it.all_confirmed(&issuer).await);
    it.pass(just_before(HOUR));
    assert_eq!(issuer.es256(it.account).await.kid(), rs256);
    it.pass(Duration::from_millis(1));
    let signer = issuer.es256(it.account).await;
    assert_eq!((signer.kid(), signer.algorithm()), (current, Es256));
    assert_eq!(it.signs(&issuer).await, rs256, "others go on as they were");
}

pub async fn only_who_asks_for_it_gets_es256_and_only_then_there_are_keys(it: Setting) {
    let issuer = it.begin().await;
    issuer.keys.keep_up().await.unwrap();
    it.rotate(&issuer).await.unwrap();
    let team_domain = async { Ok("team.example".to_owned()) };
    let signer = issuer.keys.signer_of(Rs256, it.account, team_domain).await.unwrap();
    assert_eq!(signer.algorithm(), Rs256);
    let only = [(Rs256, KeyUse::Current), (Rs256, KeyUse::Next), (Rs256, KeyUse::Previous)];
    assert_eq!(kinds(&it, &issuer).await, only);
    issuer.es256(it.account).await;
    let more = [(Es256, KeyUse::Current), (Es256, KeyUse::Next)];
    assert_eq!(kinds(&it, &issuer).await, [&only[..], &more].concat(), "RS256's come first");
    issuer.until_applied(issuer.store.position().await.unwrap()).await;
    let view = issuer.following.view.key_set(it.account);
    let seen: Vec<_> = view.iter().map(|key| (key.algorithm(), key.usage)).collect();
    assert_eq!(seen, kinds(&it, &issuer).await, "enforcement points see the same");
    let certified = view.iter().map(|key| !key.published.certificate_pem.is_empty());
    assert!(certified.eq(view.iter().map(|key| key.algorithm() == Rs256)));
}

pub async fn both_rings_rotate_together(it: Setting) {
    let issuer = begin(&it).await;
    let mut nexts = Vec::new();
    for algorithm in [Rs256, Es256] {
        nexts.push(kid_of(&it, &issuer, algorithm, KeyUse::Next).await);
    }
    let before = issuer.es256(it.account).await.kid();
    assert!(it.rotate(&issuer).await.unwrap().not_confirmed.is_empty());
    assert_eq!([it.signs(&issuer).await, issuer.es256(it.account).await.kid()], nexts[..]);
    let uses = [KeyUse::Current, KeyUse::Next, KeyUse::Previous];
    let expected: Vec<_> = [Rs256, Es256].iter().flat_map(|it| uses.map(|usage| (*it, usage))).collect();
    assert_eq!(kinds(&it, &issuer).await, expected);
    assert_eq!(kid_of(&it, &issuer, Es256, KeyUse::Previous).await, before);
    assert!(it.all_confirmed(&issuer).await);
    assert_eq!(it.rotate(&issuer).await.unwrap_err().reason(), "KEY_NEXT_TOO_YOUNG");
    // Forced before validators outside know either: nobody waits, and ES256 does not sign with what they may not know.
    issuer.keys.rotate(it.account, true, Wait::Confirmed).await.unwrap();
    assert_eq!(issuer.es256(it.account).await.kid(), it.signs(&issuer).await);
    it.pass(HOUR);
    assert_eq!(issuer.es256(it.account).await.algorithm(), Es256);
    // After their grace the previous ones are gone.
    it.pass(GRACE);
    issuer.keys.keep_up().await.unwrap();
    assert_eq!(kinds(&it, &issuer).await.len(), 4);
}

pub async fn a_revoked_es256_key_leaves_rs256_alone(it: Setting) {
    let issuer = begin(&it).await;
    let (rs256, rs256_next) = it.pair(&issuer).await;
    let next = kid_of(&it, &issuer, Es256, KeyUse::Next).await;
    let signer = issuer.es256(it.account).await;
    let session = signer.sign(&crate::fixture::claims(it.account, "x", it.now())).unwrap();
    let judge = |issuer: &Issuer| issuer.following.view.verify(&session, |_| Some("x"), it.now()).map(drop);
    issuer.until_applied(issuer.store.position().await.unwrap()).await;
    assert_eq!(judge(&issuer), Ok(()));
    let due = issuer.keys.settings(it.account).await.unwrap().due_at();

    let revocation = it.revoke(&issuer, signer.kid()).await;
    assert_eq!((revocation.kid, revocation.signing_kid), (signer.kid(), next));
    assert!(revocation.propagation.not_confirmed.is_empty());
    issuer.until_applied(issuer.store.position().await.unwrap()).await;
    assert_eq!(judge(&issuer), Err(session_token::Rejection::KeyRevoked));
    assert_eq!(issuer.es256(it.account).await.kid(), next);
    assert_eq!(it.pair(&issuer).await, (rs256, rs256_next));
    let moved = issuer.keys.settings(it.account).await.unwrap().due_at();
    assert_eq!(moved, due.after(Duration::from_millis(1)), "RS256 rotates when it would have");
    // The other way round.
    assert_eq!(it.revoke(&issuer, rs256).await.signing_kid, rs256_next);
    assert_eq!(issuer.es256(it.account).await.kid(), next);
    // The one that follows the next is too young for validators outside: RS256 signs for a while.
    let fresh = it.revoke(&issuer, next).await.signing_kid;
    assert_eq!(issuer.es256(it.account).await.kid(), rs256_next);
    it.pass(HOUR);
    assert_eq!(issuer.es256(it.account).await.kid(), fresh);
}

pub async fn es256_begins_without_waiting_for_whoever_changes_keys(it: Setting) {
    let issuer = it.begin().await;
    let turn = issuer.keys.turn(it.account);
    let held = turn.lock().await;
    assert_eq!(issuer.es256(it.account).await.algorithm(), Rs256);
    assert_eq!(kinds(&it, &issuer).await.len(), 2);
    drop(held);
    issuer.es256(it.account).await;
    assert_eq!(kinds(&it, &issuer).await.len(), 4);
}

pub async fn both_rings_rotate_by_themselves(it: Setting) {
    let issuer = begin(&it).await;
    let old = issuer.es256(it.account).await.kid();
    it.pass(Duration::from_hours(42 * 24));
    issuer.until_live().await;
    issuer.keys.keep_up().await.unwrap();
    issuer.until_applied(issuer.store.position().await.unwrap()).await;
    let new = issuer.es256(it.account).await;
    assert_ne!(new.kid(), old);
    assert_eq!(new.algorithm(), Es256);
    assert_eq!(kinds(&it, &issuer).await.len(), 6);
}

pub async fn many_first_needs_of_es256_make_one_ring(it: Setting) {
    let one = it.begin().await;
    let other = it.world.issuer().await;
    let account = it.account;
    tokio::join!(one.es256(account), other.es256(account), one.es256(account), other.es256(account));
    assert_eq!(kinds(&it, &one).await.len(), 4);
    it.pass(HOUR);
    assert_eq!(one.es256(account).await.kid(), other.es256(account).await.kid());
}
