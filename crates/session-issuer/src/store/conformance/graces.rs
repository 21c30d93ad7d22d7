use super::*;

impl Case {
    pub(super) async fn a_previous_key_goes_when_its_grace_is_over(&self) {
        let (account, current, next) = self.confirmed_account().await;
        let _ = self.rotate(account, next).await.unwrap();
        self.clock.advance(just_before(7 * DAY));
        assert!(!self.store.list_retiring().await.unwrap().contains(&current));
        assert_eq!(self.store.retire(current).await.unwrap().position(), 0);
        self.clock.advance(Duration::from_millis(1));
        assert!(self.store.list_retiring().await.unwrap().contains(&current));
        assert_eq!(self.store.retire(next).await.unwrap().position(), 0, "it signs");

        let before = self.store.position().await.unwrap();
        assert_eq!(self.store.retire(current).await.unwrap().position(), before + 1);
        let entries = self.entries(before).await;
        assert!(entries[0].removed && entries[0].object == format!("key/{current}"));
        let following = self.next(account).await;
        assert_eq!(self.uses(account).await, [(next, KeyUse::Current), (following, KeyUse::Next)]);
        assert_eq!(self.store.retire(current).await.unwrap().position(), 0, "once");
    }

    pub(super) async fn a_key_stays_for_as_long_as_it_promised(&self) {
        // Said while it signs, after it was rotated away by an issuer that had not heard of it, and less than before.
        let (account, current, next) = self.confirmed_account().await;
        self.store.keep_for(current, 10 * DAY).await.unwrap();
        self.store.keep_for(current, 9 * DAY).await.unwrap();
        let _ = self.rotate(account, next).await.unwrap();
        self.clock.advance(DAY);
        self.store.keep_for(current, 11 * DAY).await.unwrap();
        self.store.keep_for(current, 8 * DAY).await.unwrap();
        self.clock.advance(just_before(11 * DAY));
        assert!(!self.store.list_retiring().await.unwrap().contains(&current));
        self.clock.advance(Duration::from_millis(1));
        assert!(self.store.list_retiring().await.unwrap().contains(&current));
        // The one that signs now has promised nothing.
        let third = self.next(account).await;
        self.store.mark_confirmed(&[third]).await.unwrap();
        let _ = self.rotate(account, third).await.unwrap();
        self.clock.advance(7 * DAY);
        assert!(self.store.list_retiring().await.unwrap().contains(&next));
    }
}
