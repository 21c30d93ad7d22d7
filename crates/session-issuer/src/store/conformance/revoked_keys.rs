use super::*;

impl Case {
    async fn revoke(&self, account: AccountId, kid: KeyId, replacement: &NewKey) -> RevokedKey {
        let keep_until = self.clock.now().after(31 * DAY);
        self.store.revoke_key(account, kid, Some(replacement), keep_until).await.unwrap()
    }

    async fn states(&self, after: u64) -> Vec<(KeyId, Use)> {
        self.entries(after).await.iter().map(key_state).collect()
    }

    pub(super) async fn a_revoked_key_is_erased_and_its_successors_stand_in(&self) {
        let (account, current, next) = self.confirmed_account().await;
        let (before, fresh) = (self.store.position().await.unwrap(), new_key());
        let seen = self.store.find_settings(account).await.unwrap().unwrap().last_rotation_at;
        let revoked = self.revoke(account, current, &fresh).await;
        assert_eq!((revoked.kid, revoked.revoked_at), (current, self.clock.now()));
        assert_eq!((revoked.signing.kid, revoked.signing.usage), (next, KeyUse::Current));
        assert!(revoked.signing.is_confirmed());
        assert_eq!(revoked.published, [next, fresh.kid]);
        assert_eq!(self.uses(account).await, [(next, KeyUse::Current), (fresh.kid, KeyUse::Next)]);
        let expected = [(next, Use::Current), (fresh.kid, Use::Next), (current, Use::Revoked)];
        assert_eq!(self.states(before).await, expected);
        assert_eq!(self.store.find_sealed(current).await.unwrap(), None);
        assert_eq!(self.sealed_bytes(current).await, 0);
        // It was a rotation as well.
        let settings = self.store.find_settings(account).await.unwrap().unwrap();
        assert!(settings.last_rotation_at > seen);

        // Without a next key the replacement signs.
        self.delete(fresh.kid).await;
        let alone = new_key();
        let revoked = self.revoke(account, next, &alone).await;
        assert_eq!(revoked.signing.kid, alone.kid);
        assert!(!revoked.signing.is_confirmed());
        assert_eq!(self.uses(account).await, [(alone.kid, KeyUse::Current)]);
    }

    pub(super) async fn a_next_and_a_previous_key_are_revoked_alike(&self) {
        let (account, first, second) = self.confirmed_account().await;
        let _ = self.rotate(account, second).await.unwrap();
        let (third, fresh) = (self.next(account).await, new_key());
        let seen = self.store.find_settings(account).await.unwrap();
        let revoked = self.revoke(account, third, &fresh).await;
        assert_eq!((revoked.signing.kid, revoked.published), (second, vec![fresh.kid]));
        let keep_until = self.clock.now().after(31 * DAY);
        let revoked = self.store.revoke_key(account, first, None, keep_until).await.unwrap();
        assert_eq!((revoked.signing.kid, revoked.published), (second, vec![]));
        assert_eq!(self.uses(account).await, [(second, KeyUse::Current), (fresh.kid, KeyUse::Next)]);
        assert_eq!(self.store.find_settings(account).await.unwrap(), seen, "what signs has not changed");

        let (stranger, ..) = self.account().await;
        for (account, kid) in [(stranger, second), (account, new_key().kid)] {
            let refused = self.store.revoke_key(account, kid, Some(&new_key()), keep_until).await;
            assert_eq!(refused.err().unwrap().kind(), ErrorKind::NotFound);
        }
        let before = self.store.position().await.unwrap();
        let refused = self.store.revoke_key(account, second, None, keep_until).await;
        assert_eq!(refused.err().unwrap().kind(), ErrorKind::Conflict, "somebody must sign");
        assert_eq!(self.uses(account).await[0], (second, KeyUse::Current));
        assert_eq!(self.store.position().await.unwrap(), before);
    }

    pub(super) async fn revoking_again_changes_nothing_and_tells_it_again(&self) {
        let (account, current, _) = self.confirmed_account().await;
        let first = self.revoke(account, current, &new_key()).await;
        let uses = self.uses(account).await;
        let settings = self.store.find_settings(account).await.unwrap();
        self.clock.advance(DAY);
        let before = self.store.position().await.unwrap();
        let again = self.revoke(account, current, &new_key()).await;
        assert_eq!((again.revoked_at, again.signing), (first.revoked_at, first.signing));
        assert_eq!(again.published, []);
        assert_eq!(again.appended.position(), before + 1, "there is something to confirm");
        assert_eq!(self.states(before).await, [(current, Use::Revoked)]);
        assert_eq!(self.uses(account).await, uses);
        assert_eq!(self.store.find_settings(account).await.unwrap(), settings);
    }

    pub(super) async fn a_revoked_key_never_comes_back(&self) {
        let (account, current, next) = self.account().await;
        let before = self.store.position().await.unwrap();
        let _ = self.revoke(account, next, &new_key()).await;
        // By nobody who still believes in it.
        self.store.mark_confirmed(&[current, next]).await.unwrap();
        assert_eq!(self.rotate(account, next).await.unwrap_err().kind(), ErrorKind::Conflict);
        self.store.keep_for(next, 365 * DAY).await.unwrap();
        let _ = self.store.record_again(&[next]).await.unwrap();
        let same = NewKey { kid: next, ..new_key() };
        self.delete(self.next(account).await).await;
        assert_eq!(self.store.add_next(account, &same).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let other = self.store.create_keys(AccountId::random(), "team.example", &same, &new_key()).await;
        assert_eq!(other.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let states: Vec<_> = self.states(before).await.into_iter().filter(|(kid, _)| *kid == next).collect();
        assert_eq!(states, [(next, Use::Revoked), (next, Use::Revoked)]);
        assert!(!self.uses(account).await.iter().any(|(kid, _)| *kid == next));
        // Nor by hand: the tables refuse it.
        for wrong in [
            "UPDATE signing_keys SET key_use = 'current', retire_at_ms = NULL WHERE kid = $1",
            "UPDATE signing_keys SET key_use = 'next', retire_at_ms = NULL WHERE kid = $1",
            "UPDATE signing_keys SET private_key_encrypted = $2 WHERE kid = $1",
        ] {
            let outcome = database::with!(&self.database, |pool| {
                let statement = sqlx::query(wrong).bind(next.to_string());
                let bytes = wrong.contains("$2").then(|| vec![1_u8]);
                let statement = if let Some(bytes) = bytes { statement.bind(bytes) } else { statement };
                statement.execute(pool).await.map(drop).map_err(|error| error.to_string())
            });
            assert!(outcome.unwrap_err().to_lowercase().contains("check constraint"), "{wrong}");
        }
    }

    pub(super) async fn a_revoked_key_is_remembered_for_its_time(&self) {
        let (account, current, _) = self.confirmed_account().await;
        let _ = self.revoke(account, current, &new_key()).await;
        log::compact(&self.database, &*self.clock, Timestamp::from_millis(0)).await.unwrap();
        let is_remembered = async || {
            let objects = log::objects_after(&self.database, "", 10_000).await.unwrap();
            objects.iter().any(|entry| entry.object == format!("key/{current}"))
        };
        assert!(is_remembered().await);
        self.clock.advance(just_before(31 * DAY));
        assert!(!self.store.list_retiring().await.unwrap().contains(&current));
        assert_eq!(self.store.retire(current).await.unwrap().position(), 0);
        self.clock.advance(Duration::from_millis(1));
        assert!(self.store.list_retiring().await.unwrap().contains(&current));
        assert!(self.store.retire(current).await.unwrap().position() > 0);
        assert!(!is_remembered().await);
        assert_eq!(self.store.find_key(account, current).await.unwrap(), None);
    }

    pub(super) async fn a_revocation_and_a_rotation_that_race_end_in_order(&self) {
        for _ in 0..8 {
            let (account, current, next) = self.confirmed_account().await;
            let (before, fresh) = (self.store.position().await.unwrap(), new_key());
            let both = [current, next];
            let (revoked, rotated, again) = tokio::join!(
                self.revoke(account, current, &fresh),
                self.rotate(account, next),
                self.store.record_again(&both),
            );
            let _ = again.unwrap();
            let uses = self.uses(account).await;
            assert_eq!(uses.len(), 2, "{uses:?}");
            assert_eq!(uses[0], (next, KeyUse::Current));
            assert_eq!(revoked.signing.kid, next);
            // Whoever came second found the work of the first.
            assert_eq!(rotated.is_ok(), uses[1].0 != fresh.kid);
            // The last word on each key is what is stored: nothing older was recorded after it.
            let mut last = std::collections::HashMap::new();
            last.extend(self.states(before).await);
            assert_eq!(last[&current], Use::Revoked);
            assert_eq!(last[&next], Use::Current);
        }
    }

    async fn sealed_bytes(&self, kid: KeyId) -> i32 {
        let length = database::with!(&self.database, |pool| {
            sqlx::query_scalar::<_, i32>(
                "SELECT CAST(length(private_key_encrypted) AS INTEGER) FROM signing_keys WHERE kid = $1",
            )
            .bind(kid.to_string())
            .fetch_one(pool)
            .await
        });
        length.unwrap()
    }
}
