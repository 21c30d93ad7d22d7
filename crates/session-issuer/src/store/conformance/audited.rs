//! I10, O5.

use super::*;
use model::{ApplicationId, SessionId, TokenId};
use proto::audit::{AuditRecord, ListAuditRequest};

impl Case {
    /// Oldest first: each change of these cases is in a second of its own.
    async fn records(&self, account: AccountId) -> Vec<AuditRecord> {
        let request = ListAuditRequest { account_id: account.to_string(), ..Default::default() };
        let mut records = audit::log::list(&self.database, &request).await.unwrap().records;
        records.reverse();
        records
    }

    fn later(&self) {
        self.clock.advance(Duration::from_secs(1));
    }

    pub(super) async fn each_change_has_one_record(&self) {
        let (account, current, next) = self.account().await;
        self.store.mark_confirmed(&[current, next]).await.unwrap();
        self.later();
        let seen = self.store.find_settings(account).await.unwrap().unwrap().last_rotation_at;
        let third = new_key();
        let _ = self.turn(account, next, &third, seen).await.unwrap();
        self.later();
        let keep_until = self.clock.now().after(DAY);
        let fresh = new_key();
        self.store.revoke_key(account, next, Some(&fresh), keep_until).await.unwrap();
        self.later();
        self.store.revoke_key(account, next, None, keep_until).await.unwrap();
        self.later();
        self.store.set_interval(account, 21).await.unwrap();
        let (app, token, session) = (ApplicationId::random(), TokenId::random(), SessionId::random());
        for revoked in [Revoked::Application(app), Revoked::Token(token), Revoked::Session(session)] {
            self.later();
            let _ = self.store.revoke(account, revoked, keep_until).await.unwrap();
        }
        let records = self.records(account).await;
        let told: Vec<_> = records
            .iter()
            .map(|it| (&*it.operation, &*it.object_kind, it.object_id.clone(), &*it.outcome))
            .collect();
        assert_eq!(
            told,
            [
                ("create", "signing_key", current.to_string(), "success"),
                ("rotate", "signing_key", next.to_string(), "success"),
                ("revoke", "signing_key", next.to_string(), "success"),
                ("revoke", "signing_key", next.to_string(), "success"),
                ("update", "key_settings", account.to_string(), "success"),
                ("revoke_sessions", "application", app.to_string(), "success"),
                ("revoke_sessions", "service_token", token.to_string(), "success"),
                ("revoke_sessions", "session", session.to_string(), "success"),
            ]
        );
        assert!(records[1].before.contains(&current.to_string()), "{}", records[1].before);
        assert!(records[1].after.contains(&third.kid.to_string()), "{}", records[1].after);
        assert!(records[2].before.contains("current") && records[3].before.contains("revoked"));
        assert!(records[2].after.contains(&third.kid.to_string()), "{}", records[2].after);
        assert!(records[4].before.contains("42") && records[4].after.contains("21"));
        // O8. A key's parts are in none.
        assert!(!format!("{records:?}").contains("PEM"));
    }

    pub(super) async fn a_change_that_fails_has_none(&self) {
        let (account, current, next) = self.account().await;
        let before = self.records(account).await.len();
        let seen = self.store.find_settings(account).await.unwrap().unwrap().last_rotation_at;
        // The next key is not confirmed; a replacement is missing; the table has bounds; there is no such account.
        assert!(self.turn(account, next, &new_key(), seen).await.is_err());
        assert!(self.store.revoke_key(account, current, None, self.clock.now()).await.is_err());
        assert!(self.store.set_interval(account, 20).await.is_err());
        let stranger = AccountId::random();
        assert!(self.store.set_interval(stranger, 30).await.is_err());
        assert!(self.store.revoke_key(stranger, current, None, self.clock.now()).await.is_err());
        assert_eq!(self.records(account).await.len(), before);
        assert_eq!(self.records(stranger).await, []);
    }
}
