//! What the store promises on any database.

mod audited;

use super::{Period, Sent, Store};
use crate::delivery::{CLAIM, Channel, Claimed, KEPT, Key, Matter};
use crate::fixture::{self, ACCOUNT};
use crate::webhook::{Kind, Webhook};
use database::Database;
use futures::future::join_all;
use model::{ErrorKind, Timestamp};
use std::collections::HashSet;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

#[tokio::test]
async fn sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conforms(fixture::sqlite(&folder, "notifier").await).await;
}

#[tokio::test]
async fn postgres_conforms() {
    let mut server = local_servers::Postgres::throwaway(&local_servers::Search::workspace()).await.unwrap();
    let url = server.create_database("notifier", "notifier", None).await.unwrap();
    let database = Database::connect(&url, 8).await.unwrap();
    conforms(database.clone()).await;
    database.close().await;
    server.server.stop().await.unwrap();
}

/// Each part leaves no pending delivery behind, and uses its own accounts and names.
async fn conforms(database: Database) {
    let store = Store::open(database.clone()).await.unwrap();
    Store::open(database.clone()).await.expect("opening again changes nothing");
    audited::each_change_has_one_record(&store, &database).await;
    audited::a_change_that_fails_has_none(&store, &database).await;
    policies_are_an_accounts_own(&store).await;
    a_webhook_in_use_stays(&store).await;
    a_webhook_changes_once_at_a_time(&store).await;
    a_delivery_is_scheduled_once(&store).await;
    each_claim_has_one_holder(&store).await;
    a_claim_runs_out(&store).await;
    sent_happens_once(&store).await;
    an_outcome_needs_the_claim(&store).await;
    what_was_withdrawn_comes_back_as_itself(&store).await;
    each_matter_of_one_moment_is_a_delivery_and_comes_back_if_cancelled(&store).await;
    a_recipient_is_held_back(&store).await;
    history_is_paged_newest_first(&store).await;
    old_history_goes(&store).await;
    super::access_log::conforms(&store).await;
}

fn key(recipient: &str, expires_at_ms: i64) -> Key {
    Key {
        account_id: ACCOUNT.to_owned(),
        policy_id: "p".to_owned(),
        token_id: "t".to_owned(),
        matter: Matter::Expiry,
        expires_at_ms,
        channel: Channel::Webhook,
        recipient: recipient.to_owned(),
    }
}

const SENT: Sent<'_> = Sent { policy_name: "n", policy_description: "d", alert_type: "a", body: "b" };

async fn claim(store: &Store, now: Timestamp) -> Option<Claimed> {
    store.claim(Channel::Webhook, now).await.unwrap()
}

async fn policies_are_an_accounts_own(store: &Store) {
    let policy = fixture::policy("own", &["a@b.example"], &[]);
    store.create_policy(&policy).await.unwrap();
    assert_eq!(store.get_policy(ACCOUNT, "own").await.unwrap(), policy);
    assert_eq!(store.list_policies(ACCOUNT).await.unwrap(), std::slice::from_ref(&policy));
    assert_eq!(store.list_policies("other").await.unwrap(), []);
    assert_eq!(store.find_policy("other", "own").await.unwrap(), None);
    let rename =
        |name: &'static str| move |spec| Ok(crate::alert_policy::Spec { name: name.to_owned(), ..spec });
    let error = store.update_policy("other", "own", NOW, rename("stolen")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(store.delete_policy("other", "own", NOW).await.unwrap_err().kind(), ErrorKind::NotFound);
    let renamed = store.update_policy(ACCOUNT, "own", NOW, rename("new")).await.unwrap();
    assert_eq!((renamed.spec.name.as_str(), renamed.modified_at_ms), ("new", NOW.as_millis()));
    assert_eq!(store.get_policy(ACCOUNT, "own").await.unwrap(), renamed);
    store.delete_policy(ACCOUNT, "own", NOW).await.unwrap();
    assert_eq!(store.delete_policy(ACCOUNT, "own", NOW).await.unwrap_err().kind(), ErrorKind::NotFound);
}

fn webhook(id: &str) -> Webhook {
    Webhook {
        id: id.to_owned(),
        account_id: ACCOUNT.to_owned(),
        name: "chat".to_owned(),
        url: "https://a.example/hook".to_owned(),
        kind: Kind::Generic,
        created_at_ms: 5,
        last_success_at_ms: None,
        last_failure_at_ms: None,
    }
}

async fn a_webhook_in_use_stays(store: &Store) {
    store.create_webhook(&webhook("w1"), None).await.unwrap();
    let policy = fixture::policy("uses", &[], &["w1"]);
    store.create_policy(&policy).await.unwrap();
    let error = store.delete_webhook(ACCOUNT, "w1", NOW).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::NotReady, "WEBHOOK_IN_USE"));
    assert!(error.message().contains(&policy.spec.name));
    assert_eq!(store.delete_webhook("other", "w1", NOW).await.unwrap_err().kind(), ErrorKind::NotFound);

    let mut strange = fixture::policy("strange", &[], &["w1", "nowhere"]);
    let field = |error: model::Error| error.violations()[0].field.clone();
    let error = store.create_policy(&strange).await.unwrap_err();
    assert_eq!(field(error), "mechanisms/webhooks/1/id");
    assert_eq!(store.find_policy(ACCOUNT, "strange").await.unwrap(), None, "half-written");
    strange.account_id = "f".repeat(32);
    assert_eq!(field(store.create_policy(&strange).await.unwrap_err()), "mechanisms/webhooks/0/id");

    store.delete_policy(ACCOUNT, "uses", NOW).await.unwrap();
    store.delete_webhook(ACCOUNT, "w1", NOW).await.unwrap();
}

async fn a_webhook_changes_once_at_a_time(store: &Store) {
    let before = webhook("w2");
    store.create_webhook(&before, None).await.unwrap();
    let after = Webhook { name: "new".to_owned(), ..before.clone() };
    store.update_webhook((&before, None), (&after, Some(b"sealed")), NOW).await.unwrap();
    let late = store.update_webhook((&before, None), (&before, None), NOW).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Conflict);
    let other_secret = store.update_webhook((&after, Some(b"other")), (&after, None), NOW).await.unwrap_err();
    assert_eq!(other_secret.kind(), ErrorKind::Conflict);
    assert_eq!(store.get_webhook(ACCOUNT, "w2").await.unwrap(), (after.clone(), Some(b"sealed".to_vec())));
    store.record_webhook("w2", true, NOW).await.unwrap();
    store.record_webhook("w2", false, NOW.after(Duration::from_secs(1))).await.unwrap();
    let (recorded, _) = store.get_webhook(ACCOUNT, "w2").await.unwrap();
    assert_eq!(recorded.last_success_at_ms, Some(NOW.as_millis()));
    assert_eq!(recorded.last_failure_at_ms, Some(NOW.as_millis() + 1000));
    store.update_webhook((&after, Some(b"sealed")), (&after, None), NOW).await.unwrap();
    assert_eq!(store.get_webhook(ACCOUNT, "w2").await.unwrap().1, None);
    store.delete_webhook(ACCOUNT, "w2", NOW).await.unwrap();
}

async fn a_delivery_is_scheduled_once(store: &Store) {
    let keys = (0..20).map(|n| key(&format!("once-{n}"), 7_000)).collect::<Vec<_>>();
    let new = join_all((0..4).map(|_| store.schedule(&keys, NOW))).await;
    assert_eq!(new.into_iter().map(Result::unwrap).sum::<u64>(), 20);
    let known = store.known_deliveries(7_000, 7_000).await.unwrap();
    assert_eq!(known, keys.iter().map(Key::id).collect());
    assert!(store.known_deliveries(0, 6_999).await.unwrap().is_empty());
    assert!(store.claim(Channel::Email, NOW).await.unwrap().is_none());
}

/// Takes over what the test before scheduled.
async fn each_claim_has_one_holder(store: &Store) {
    let claims = join_all((0..30).map(|_| claim(store, NOW))).await.into_iter().flatten().collect::<Vec<_>>();
    let ids = claims.iter().map(|claimed| claimed.id.clone()).collect::<HashSet<_>>();
    assert_eq!((claims.len(), ids.len()), (20, 20));
    assert!(claims.iter().all(|claimed| claimed.attempt == 1));
    for claimed in &claims {
        store.mark_sent(claimed, &SENT, NOW).await.unwrap();
    }
    assert_eq!(store.schedule(&[claims[0].key.clone()], NOW).await.unwrap(), 0, "sent once is sent");
}

async fn a_claim_runs_out(store: &Store) {
    store.schedule(&[key("lease", 1)], NOW).await.unwrap();
    let first = claim(store, NOW).await.unwrap();
    assert_eq!(claim(store, NOW.after(CLAIM.saturating_sub(Duration::from_millis(1)))).await, None);
    let second = claim(store, NOW.after(CLAIM)).await.unwrap();
    assert_eq!((second.id == first.id, second.attempt), (true, 2));
    store.cancel(&second, NOW).await.unwrap();
    assert_eq!(claim(store, NOW.after(CLAIM * 2)).await, None);
}

async fn sent_happens_once(store: &Store) {
    store.schedule(&[key("twice", 1)], NOW).await.unwrap();
    let slow = claim(store, NOW).await.unwrap();
    let quick = claim(store, NOW.after(CLAIM)).await.unwrap();
    let marks = [store.mark_sent(&slow, &SENT, NOW).await, store.mark_sent(&quick, &SENT, NOW).await];
    assert_eq!(marks.map(Result::unwrap), [true, false]);
}

async fn an_outcome_needs_the_claim(store: &Store) {
    store.schedule(&[key("stale", 1)], NOW).await.unwrap();
    let stale = claim(store, NOW).await.unwrap();
    let later = NOW.after(CLAIM);
    let holder = claim(store, later).await.unwrap();
    store.retry(&stale, later, "late news").await.unwrap();
    store.postpone(&stale, later).await.unwrap();
    store.cancel(&stale, later).await.unwrap();
    store.bury(&stale, "late news", later).await.unwrap();
    store.withdraw(&stale).await.unwrap();
    assert_eq!(claim(store, later).await, None, "still the holder's");
    store.retry(&holder, later.after(Duration::from_secs(9)), "503").await.unwrap();
    assert_eq!(claim(store, later).await, None, "not due yet");
    let again = claim(store, later.after(Duration::from_secs(9))).await.unwrap();
    assert_eq!(again.attempt, 3);
    store.postpone(&again, later).await.unwrap();
    assert_eq!(claim(store, later).await.unwrap().attempt, 3, "a postponed attempt was none");
    let last = claim(store, later.after(CLAIM)).await.unwrap();
    store.bury(&last, "given up", later).await.unwrap();
    assert_eq!(claim(store, later.after(CLAIM * 5)).await, None);
}

async fn what_was_withdrawn_comes_back_as_itself(store: &Store) {
    store.schedule(&[key("back", 1)], NOW).await.unwrap();
    let claimed = claim(store, NOW).await.unwrap();
    store.withdraw(&claimed).await.unwrap();
    assert_eq!(store.schedule(&[key("back", 1)], NOW).await.unwrap(), 1);
    let again = claim(store, NOW).await.unwrap();
    assert_eq!((again.id.as_str(), again.attempt), (claimed.id.as_str(), 1));
    store.cancel(&again, NOW).await.unwrap();
    assert_eq!(store.schedule(&[key("back", 1)], NOW).await.unwrap(), 0, "cancelled is final");
}

/// Cancelled by a notifier that knows expiries alone.
async fn each_matter_of_one_moment_is_a_delivery_and_comes_back_if_cancelled(store: &Store) {
    let matters = [Matter::Expiry, Matter::Unused, Matter::Ended];
    let keys = matters.map(|matter| Key { matter, ..key("matters", 2) });
    assert_eq!(store.schedule(&keys, NOW).await.unwrap(), 3);
    assert_eq!(store.schedule(&keys, NOW).await.unwrap(), 0);
    for _ in 0..3 {
        let claimed = claim(store, NOW).await.unwrap();
        assert!(keys.contains(&claimed.key) && claimed.id == claimed.key.id());
        store.cancel(&claimed, NOW).await.unwrap();
    }
    assert_eq!(store.known_deliveries(2, 2).await.unwrap(), HashSet::from([keys[0].id()]));
    assert_eq!(store.schedule(&keys, NOW).await.unwrap(), 2, "a cancelled expiry is over");
    for _ in 0..2 {
        let claimed = claim(store, NOW).await.unwrap();
        assert_eq!((claimed.key.matter == Matter::Expiry, claimed.attempt), (false, 1));
        store.mark_sent(&claimed, &SENT, NOW).await.unwrap();
    }
    assert_eq!(store.schedule(&keys, NOW).await.unwrap(), 0, "sent once is sent");
    assert_eq!(claim(store, NOW).await, None);
}

async fn a_recipient_is_held_back(store: &Store) {
    let (down, other) = (key("down", 1), key("up", 1));
    store
        .schedule(&[down.clone(), Key { token_id: "u".to_owned(), ..down.clone() }, other], NOW)
        .await
        .unwrap();
    let until = NOW.after(Duration::from_mins(5));
    store.hold_back(&down, until, NOW).await.unwrap();
    let free = claim(store, NOW).await.unwrap();
    assert_eq!(free.key.recipient, "up");
    assert_eq!(claim(store, NOW).await, None);
    let held = [claim(store, until).await.unwrap(), claim(store, until).await.unwrap()];
    for claimed in held.iter().chain([&free]) {
        store.cancel(claimed, NOW).await.unwrap();
    }
}

async fn history_is_paged_newest_first(store: &Store) {
    let account_id = "e".repeat(32);
    for n in 0..5 {
        let key = Key { account_id: account_id.clone(), ..key(&format!("page-{n}"), 1) };
        store.schedule(&[key], NOW).await.unwrap();
        let claimed = claim(store, NOW).await.unwrap();
        store.mark_sent(&claimed, &SENT, Timestamp::from_millis(n)).await.unwrap();
    }
    let list = async |since_ms, before_ms, page| {
        let (rows, total) =
            store.list_sent(&account_id, Period { since_ms, before_ms }, page, 2).await.unwrap();
        (rows.into_iter().map(|row| row.ended_at_ms).collect::<Vec<_>>(), total)
    };
    assert_eq!(list(0, 100, 1).await, (vec![4, 3], 5));
    assert_eq!(list(0, 100, 3).await, (vec![0], 5));
    assert_eq!(list(0, 100, 4).await, (vec![], 5));
    assert_eq!(list(1, 3, 0).await, (vec![2, 1], 2));
    assert_eq!(list(0, 100, u32::MAX).await.0, [0_i64; 0]);
}

async fn old_history_goes(store: &Store) {
    while store.forget(NOW.after(KEPT * 100)).await.unwrap() > 0 {}
    let expired = NOW.as_millis() - 1;
    let kept = [key("recent", expired), key("still to expire", NOW.after(KEPT * 3).as_millis())];
    // Due long ago, and not sent yet: a token that nobody has used for a year.
    let long_due = Key { matter: Matter::Unused, ..key("long due", NOW.as_millis() / 2) };
    store.schedule(std::slice::from_ref(&long_due), NOW).await.unwrap();
    assert_eq!(store.forget(NOW.after(Duration::from_hours(24))).await.unwrap(), 0);
    store.withdraw(&claim(store, NOW).await.unwrap()).await.unwrap();
    let gone = [key("old", expired), key("never sent", expired)];
    store.schedule(&[&kept[..], &gone[..]].concat(), NOW).await.unwrap();
    for _ in 0..4 {
        let claimed = claim(store, NOW).await.unwrap();
        let at = if claimed.key.recipient == "recent" { NOW.after(Duration::from_secs(9)) } else { NOW };
        if claimed.key.recipient != "never sent" {
            store.mark_sent(&claimed, &SENT, at).await.unwrap();
        }
    }
    assert_eq!(store.forget(NOW.after(KEPT)).await.unwrap(), 1, "what was never sent");
    assert_eq!(
        store.forget(NOW.after(KEPT + Duration::from_secs(1))).await.unwrap(),
        1,
        "what was sent long ago"
    );
    let known = store.known_deliveries(i64::MIN, i64::MAX).await.unwrap();
    assert_eq!(known, kept.iter().map(Key::id).collect());
}
