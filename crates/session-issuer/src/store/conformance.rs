//! What the store must do on either database.

mod audited;
mod graces;
mod older;
mod revoked_keys;
mod rings;

use super::*;
use crate::fixture::{NOW, migrate};
use change_feed::log;
use database::sqlx;
use local_servers::{Postgres, Search};
use model::{AccountId, ErrorKind, ManualClock};
use proto::change_feed::Entry;
use proto::session_issuer as wire;
use proto::session_issuer::signing_key::Use;
use revocation::KeyUse;
use session_token::{Algorithm, KeyId};
use std::time::Duration;

#[tokio::test]
async fn on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("issuer.db").display());
    Box::pin(judge(&url)).await;
    let url = format!("sqlite:{}", directory.path().join("older.db").display());
    older::keys_of_the_first_version_go_on(&url).await;
}

#[tokio::test]
async fn on_postgres() {
    let postgres = Postgres::throwaway(&Search::workspace()).await.unwrap();
    let url = postgres.create_database("session_issuer", "session_issuer", None).await.unwrap();
    Box::pin(judge(&url)).await;
    let url = postgres.create_database("older", "older", None).await.unwrap();
    older::keys_of_the_first_version_go_on(&url).await;
}

/// Each case has accounts of its own.
async fn judge(url: &str) {
    let database = Database::connect(url, 8).await.unwrap();
    migrate(&database).await;
    log::open(&database).await.unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let case = Case { store: Store::new(database.clone(), clock.clone()), clock, database };
    case.new_keys_are_stored_once().await;
    case.a_key_is_confirmed_once().await;
    case.only_a_confirmed_next_key_takes_over().await;
    case.a_rotation_that_another_has_made_is_refused().await;
    case.two_issuers_that_race_make_one_change().await;
    case.a_previous_key_goes_when_its_grace_is_over().await;
    case.a_key_stays_for_as_long_as_it_promised().await;
    case.a_revoked_key_is_erased_and_its_successors_stand_in().await;
    case.a_next_and_a_previous_key_are_revoked_alike().await;
    case.revoking_again_changes_nothing_and_tells_it_again().await;
    case.a_revoked_key_never_comes_back().await;
    case.a_revoked_key_is_remembered_for_its_time().await;
    Box::pin(case.a_revocation_and_a_rotation_that_race_end_in_order()).await;
    case.an_account_has_one_ring_of_each_algorithm().await;
    case.accounts_that_need_something_are_listed().await;
    case.a_revocation_carries_its_own_position().await;
    case.settings_are_kept_by_account().await;
    case.each_change_has_one_record().await;
    case.a_change_that_fails_has_none().await;
    case.database.close().await;
}

struct Case {
    store: Store,
    clock: Arc<ManualClock>,
    database: Database,
}

const DAY: Duration = Duration::from_hours(24);

fn just_before(duration: Duration) -> Duration {
    duration.saturating_sub(Duration::from_millis(1))
}

fn new_key() -> NewKey {
    let kid = format!("{}{}", SessionId::random(), SessionId::random()).parse().unwrap();
    NewKey {
        kid,
        algorithm: Algorithm::Rs256,
        jwk_json: "{}".into(),
        certificate_pem: "PEM".into(),
        sealed: vec![1, 2, 3],
    }
}

impl Case {
    /// An account with its first two keys, unconfirmed.
    async fn account(&self) -> (AccountId, KeyId, KeyId) {
        let (account, current, next) = (AccountId::random(), new_key(), new_key());
        let appended = self.store.create_keys(account, "team.example", &current, &next).await.unwrap();
        assert!(appended.position() > 0);
        (account, current.kid, next.kid)
    }

    async fn confirmed_account(&self) -> (AccountId, KeyId, KeyId) {
        let (account, current, next) = self.account().await;
        self.store.mark_confirmed(&[current, next]).await.unwrap();
        (account, current, next)
    }

    async fn uses(&self, account: AccountId) -> Vec<(KeyId, KeyUse)> {
        let keys = self.store.list_keys(account).await.unwrap();
        keys.into_iter().map(|key| (key.kid, key.usage)).collect()
    }

    /// The feed's entries after a position.
    async fn entries(&self, after: u64) -> Vec<Entry> {
        log::entries_after(&self.database, after, 100).await.unwrap().unwrap()
    }

    async fn rotate(&self, account: AccountId, next: KeyId) -> Result<Appended, Error> {
        let settings = self.store.find_settings(account).await.unwrap().unwrap();
        self.turn(account, next, &new_key(), settings.last_rotation_at).await
    }

    /// RS256's ring alone.
    async fn turn(
        &self,
        account: AccountId,
        next: KeyId,
        following: &NewKey,
        seen: Timestamp,
    ) -> Result<Appended, Error> {
        self.store.rotate(account, &[Turned { next, following }], seen).await
    }

    /// The account's next key.
    async fn next(&self, account: AccountId) -> KeyId {
        let uses = self.uses(account).await;
        uses.into_iter().find(|(_, usage)| *usage == KeyUse::Next).unwrap().0
    }

    /// As by an issuer of an earlier version, which had no next key for a while.
    async fn delete(&self, kid: KeyId) {
        database::with!(&self.database, |pool| {
            let statement = sqlx::query("DELETE FROM signing_keys WHERE kid = $1").bind(kid.to_string());
            statement.execute(pool).await.map(drop).unwrap();
        });
    }

    async fn new_keys_are_stored_once(&self) {
        let before = self.store.position().await.unwrap();
        let (account, current, next) = self.account().await;
        assert_eq!(self.uses(account).await, [(current, KeyUse::Current), (next, KeyUse::Next)]);
        let entries = self.entries(before).await;
        let states: Vec<_> = entries.iter().map(key_state).collect();
        assert_eq!(states, [(current, Use::Current), (next, Use::Next)]);
        assert_eq!(self.store.find_sealed(current).await.unwrap(), Some(vec![1, 2, 3]));
        assert_eq!(self.store.find_sealed(new_key().kid).await.unwrap(), None);

        let again = self.store.create_keys(account, "team.example", &new_key(), &new_key()).await;
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let another = self.store.add_next(account, &new_key()).await;
        assert_eq!(another.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(self.uses(account).await.len(), 2);
        assert_eq!(self.entries(before).await.len(), 2, "what failed left nothing in the feed");
    }

    async fn a_key_is_confirmed_once(&self) {
        let (account, current, next) = self.account().await;
        let confirmed = async || {
            let keys = self.store.list_keys(account).await.unwrap();
            keys.iter().map(StoredKey::is_confirmed).collect::<Vec<_>>()
        };
        assert_eq!(confirmed().await, [false, false]);
        self.store.mark_confirmed(&[current]).await.unwrap();
        assert_eq!(confirmed().await, [true, false]);
        let before = self.store.position().await.unwrap();
        let appended = self.store.record_again(&[next]).await.unwrap();
        assert_eq!(appended.position(), before + 1);
        assert_eq!(key_state(&self.entries(before).await[0]), (next, Use::Next));
        self.store.mark_confirmed(&[current, next]).await.unwrap();
        assert_eq!(confirmed().await, [true, true]);
    }

    async fn only_a_confirmed_next_key_takes_over(&self) {
        let (account, current, next) = self.account().await;
        let before = self.store.position().await.unwrap();
        for wrong in [next, current, new_key().kid] {
            assert_eq!(self.rotate(account, wrong).await.unwrap_err().kind(), ErrorKind::Conflict);
        }
        assert_eq!(self.uses(account).await, [(current, KeyUse::Current), (next, KeyUse::Next)]);
        assert_eq!(self.store.position().await.unwrap(), before);

        self.store.mark_confirmed(&[next]).await.unwrap();
        let (_, _, foreign) = self.confirmed_account().await;
        assert_eq!(self.rotate(account, foreign).await.unwrap_err().kind(), ErrorKind::Conflict);
        let before = self.store.position().await.unwrap();
        let _ = self.rotate(account, next).await.unwrap();
        let following = self.next(account).await;
        let expected = [(next, KeyUse::Current), (following, KeyUse::Next), (current, KeyUse::Previous)];
        assert_eq!(self.uses(account).await, expected);
        let states: Vec<_> = self.entries(before).await.iter().map(key_state).collect();
        assert_eq!(states, [(next, Use::Current), (following, Use::Next), (current, Use::Previous)]);
        let keys = self.store.list_keys(account).await.unwrap();
        assert!(!keys[1].is_confirmed(), "nobody has said that it is known");
    }

    async fn a_rotation_that_another_has_made_is_refused(&self) {
        let (account, _, next) = self.confirmed_account().await;
        let seen = self.store.find_settings(account).await.unwrap().unwrap().last_rotation_at;
        let _ = self.rotate(account, next).await.unwrap();
        let after = self.store.find_settings(account).await.unwrap().unwrap().last_rotation_at;
        assert!(after > seen, "a rotation in the same millisecond is told apart");
        let third = self.next(account).await;
        self.store.mark_confirmed(&[third]).await.unwrap();
        let late = self.turn(account, third, &new_key(), seen).await;
        assert_eq!(late.unwrap_err().reason(), "KEY_ROTATION_CONFLICT");
        assert_eq!(self.uses(account).await[0], (next, KeyUse::Current));
    }

    async fn two_issuers_that_race_make_one_change(&self) {
        let account = AccountId::random();
        let (a, b, c, d) = (new_key(), new_key(), new_key(), new_key());
        let (first, second) = tokio::join!(
            self.store.create_keys(account, "team.example", &a, &b),
            self.store.create_keys(account, "team.example", &c, &d)
        );
        assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1);
        let uses = self.uses(account).await;
        assert_eq!(uses.len(), 2);
        let next = uses[1].0;
        self.store.mark_confirmed(&[next]).await.unwrap();
        let (first, second) = tokio::join!(self.rotate(account, next), self.rotate(account, next));
        assert_eq!(u8::from(first.is_ok()) + u8::from(second.is_ok()), 1);
        assert_eq!(self.uses(account).await[0], (next, KeyUse::Current));
        assert_eq!(self.uses(account).await.len(), 3);
    }

    async fn accounts_that_need_something_are_listed(&self) {
        let (account, current, next) = self.account().await;
        assert!(self.store.list_unconfirmed().await.unwrap().contains(&account));
        self.store.mark_confirmed(&[current, next]).await.unwrap();
        assert!(!self.store.list_unconfirmed().await.unwrap().contains(&account));
        assert!(!self.store.list_without_next().await.unwrap().contains(&account));
        self.clock.advance(just_before(42 * DAY));
        assert!(!self.store.due_for_rotation().await.unwrap().contains(&account));
        self.clock.advance(Duration::from_millis(1));
        assert!(self.store.due_for_rotation().await.unwrap().contains(&account));
        let _ = self.rotate(account, next).await.unwrap();
        assert!(!self.store.due_for_rotation().await.unwrap().contains(&account));
        assert!(!self.store.list_without_next().await.unwrap().contains(&account));
        self.delete(self.next(account).await).await;
        assert!(self.store.list_without_next().await.unwrap().contains(&account));
        let _ = self.store.add_next(account, &new_key()).await.unwrap();
        assert!(!self.store.list_without_next().await.unwrap().contains(&account));
    }

    async fn a_revocation_carries_its_own_position(&self) {
        for revoked in [
            Revoked::Application(ApplicationId::random()),
            Revoked::Token(TokenId::random()),
            Revoked::Session(SessionId::random()),
        ] {
            let before = self.store.position().await.unwrap();
            // By the database's own clock, as compaction judges it.
            let now = self.database.now(&*self.clock).await.unwrap();
            let keep_until = now.after(31 * DAY);
            assert_eq!(
                self.store.revoke(AccountId::random(), revoked, keep_until).await.unwrap().position(),
                before + 1
            );
            let entry = self.entries(before).await.remove(0);
            assert_eq!((entry.position, entry.object.as_str()), (before + 1, revoked.to_string().as_str()));
            let state = RevocationState::decode(entry.state.as_slice()).unwrap();
            assert_eq!(state.revoked_as_of, before + 1);
            // Again: a later position.
            assert_eq!(
                self.store.revoke(AccountId::random(), revoked, keep_until).await.unwrap().position(),
                before + 2
            );

            assert!(self.is_remembered(revoked).await);
            let past = Timestamp::from_millis(now.as_millis() - 1);
            let _ = self.store.revoke(AccountId::random(), revoked, past).await.unwrap();
            assert!(!self.is_remembered(revoked).await, "nothing that it ended can be alive");
        }
    }

    async fn is_remembered(&self, revoked: Revoked) -> bool {
        log::compact(&self.database, &*self.clock, Timestamp::from_millis(0)).await.unwrap();
        let objects = log::objects_after(&self.database, "", 10_000).await.unwrap();
        objects.iter().any(|entry| entry.object == revoked.to_string())
    }

    async fn settings_are_kept_by_account(&self) {
        let (account, ..) = self.account().await;
        let (other, ..) = self.account().await;
        self.store.set_interval(account, 21).await.unwrap();
        let settings = self.store.find_settings(account).await.unwrap().unwrap();
        let expected = Settings {
            interval_days: 21,
            last_rotation_at: self.clock.now(),
            team_domain: "team.example".to_owned(),
        };
        assert_eq!(settings, expected);
        assert_eq!(self.store.find_settings(other).await.unwrap().unwrap().interval_days, 42);
        assert!(self.store.set_interval(account, 20).await.is_err(), "the table has the same bounds");
        assert_eq!(self.store.find_settings(AccountId::random()).await.unwrap(), None);
    }
}

fn key_state(entry: &Entry) -> (KeyId, Use) {
    let state = wire::KeyState::decode(entry.state.as_slice()).unwrap();
    let key = state.key.unwrap();
    assert_eq!(entry.object, format!("key/{}", key.kid));
    (key.kid.parse().unwrap(), key.r#use())
}
