use super::*;
use crate::store::{NewKey, Turned};
use session_token::Algorithm::Es256;

fn es256_key() -> NewKey {
    NewKey { algorithm: Es256, certificate_pem: String::new(), ..new_key() }
}

impl Case {
    pub(super) async fn an_account_has_one_ring_of_each_algorithm(&self) {
        let (account, _, next) = self.confirmed_account().await;
        let (first, second) = (es256_key(), es256_key());
        let _ = self.store.add_ring(account, &first, &second).await.unwrap();
        let again = self.store.add_ring(account, &es256_key(), &es256_key()).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        let settings = self.store.find_settings(account).await.unwrap().unwrap();
        let seen = settings.last_rotation_at;
        // A following key of another algorithm than the ring's would leave one ring without and one with two.
        for (next, following) in [(next, es256_key()), (second.kid, new_key())] {
            self.store.mark_confirmed(&[next]).await.unwrap();
            let refused = self.store.rotate(account, &[Turned { next, following: &following }], seen).await;
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
        }
        // Half of a rotation is none.
        let third = new_key();
        let halves = [Turned { next, following: &third }, Turned { next: third.kid, following: &second }];
        assert!(self.store.rotate(account, &halves, seen).await.is_err());
        let shown = self.store.list_keys(account).await.unwrap();
        let uses: Vec<_> = shown.iter().map(|key| (key.algorithm, key.usage)).collect();
        let both = [KeyUse::Current, KeyUse::Next];
        let expected: Vec<_> =
            Algorithm::ALL.iter().flat_map(|algorithm| both.map(|usage| (*algorithm, usage))).collect();
        assert_eq!(uses, expected);
        // One of another algorithm does not take the place of one that is revoked.
        let keep_until = self.clock.now();
        let refused = self.store.revoke_key(account, first.kid, Some(&new_key()), keep_until).await;
        assert_eq!(refused.err().unwrap().kind(), ErrorKind::Conflict);
        let revoked =
            self.store.revoke_key(account, first.kid, Some(&es256_key()), keep_until).await.unwrap();
        assert_eq!((revoked.signing.kid, revoked.signing.algorithm), (second.kid, Es256));
    }
}
