//! The life of a key, on either database: each case in a database of its own, with a clock that is moved by hand.

mod revoke;
mod ring;
mod rotate;
mod upkeep;

use super::*;
use crate::fixture::{Issuer, NOW, World};
use local_servers::{Postgres, Search};
use model::{Clock, ManualClock};
use std::pin::Pin;

const HOUR: Duration = Duration::from_hours(1);

fn just_before(duration: Duration) -> Duration {
    duration.saturating_sub(Duration::from_millis(1))
}

type Case = fn(Setting) -> Pin<Box<dyn Future<Output = ()>>>;

/// Every case, by its name.
macro_rules! cases {
    ($($module:ident: $($case:ident),+ $(,)?);+ $(;)?) => {
        const CASES: &[(&str, Case)] = &[$($((stringify!($case), |setting| Box::pin($module::$case(setting)))),+),+];
    };
}

cases! {
    rotate:
        a_key_signs_once_validators_outside_know_it,
        a_forced_rotation_does_not_wait_for_validators_outside,
        every_rotation_publishes_the_key_that_follows,
        a_previous_key_stays_for_its_grace_or_its_longest_session;
    ring:
        es256_signs_once_validators_outside_know_its_key,
        only_who_asks_for_it_gets_es256_and_only_then_there_are_keys,
        both_rings_rotate_together,
        a_revoked_es256_key_leaves_rs256_alone,
        es256_begins_without_waiting_for_whoever_changes_keys,
        both_rings_rotate_by_themselves,
        many_first_needs_of_es256_make_one_ring;
    upkeep:
        keys_rotate_by_themselves_when_their_interval_is_over,
        a_due_rotation_waits_for_validators_outside,
        what_was_published_before_a_crash_is_confirmed,
        a_rotation_that_was_cut_off_is_completed,
        a_revocation_that_was_cut_off_is_completed,
        an_account_without_a_next_key_gets_one;
    revoke:
        a_revoked_current_key_is_replaced_by_the_next_one,
        a_revoked_next_key_is_replaced_and_never_signs,
        a_revoked_previous_key_ends_at_once,
        without_a_name_the_key_that_signs_now_is_revoked,
        what_an_issuer_still_signs_with_a_revoked_key_is_dead,
        two_issuers_that_revoke_at_once_make_one_change,
        a_revocation_beside_a_rotation_leaves_one_key_that_signs,
        a_revoked_key_is_forgotten_when_nothing_under_it_can_be_alive,
        the_answer_says_when_validators_outside_have_followed;
}

#[tokio::test]
async fn on_sqlite() {
    for (name, case) in CASES {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("issuer.db").display());
        judge(name, *case, &url, directory).await;
    }
}

#[tokio::test]
async fn on_postgres() {
    let postgres = Postgres::throwaway(&Search::workspace()).await.unwrap();
    for (number, (name, case)) in CASES.iter().enumerate() {
        let database = format!("keys_{number}");
        let url = postgres.create_database(&database, "session_issuer", Some("secret")).await.unwrap();
        judge(name, *case, &url, tempfile::tempdir().unwrap()).await;
    }
}

/// A panic names the case.
async fn judge(name: &'static str, case: Case, url: &str, directory: tempfile::TempDir) {
    println!("{name}");
    let clock = Arc::new(ManualClock::new(NOW));
    let mut world = World::on(url, directory, clock.clone()).await;
    world.cache_lifetime = HOUR;
    let database = world.database.clone();
    case(Setting { world, clock, account: AccountId::random() }).await;
    database.close().await;
}

/// Where a case plays: validators outside keep a key set for an hour.
struct Setting {
    world: World,
    clock: Arc<ManualClock>,
    account: AccountId,
}

impl Setting {
    /// An issuer that follows its own feed, and an account whose keys are known everywhere.
    async fn begin(&self) -> Issuer {
        self.world.issuer().await.signer(self.account).await.unwrap();
        self.pass(HOUR);
        self.world.following_issuer().await
    }

    /// Leases run by this clock too: they are over, until the next heartbeats.
    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// The key set: what each key is for, the signing key first.
    async fn keys(&self, issuer: &Issuer) -> Vec<(KeyUse, KeyId)> {
        let keys = issuer.store.list_keys(self.account).await.unwrap();
        keys.into_iter().map(|key| (key.usage, key.kid)).collect()
    }

    /// Current and next.
    async fn pair(&self, issuer: &Issuer) -> (KeyId, KeyId) {
        let keys = self.keys(issuer).await;
        assert_eq!((keys[0].0, keys[1].0), (KeyUse::Current, KeyUse::Next));
        (keys[0].1, keys[1].1)
    }

    async fn signs(&self, issuer: &Issuer) -> KeyId {
        issuer.signer(self.account).await.unwrap().kid()
    }

    async fn rotate(&self, issuer: &Issuer) -> Result<Propagation, Error> {
        issuer.keys.rotate(self.account, false, Wait::Confirmed).await
    }

    async fn revoke(&self, issuer: &Issuer, kid: KeyId) -> Revocation {
        issuer.keys.revoke(self.account, Some(kid), Wait::Confirmed).await.unwrap()
    }

    async fn all_confirmed(&self, issuer: &Issuer) -> bool {
        issuer.store.list_keys(self.account).await.unwrap().iter().all(StoredKey::is_confirmed)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
