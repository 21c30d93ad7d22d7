//! I10, O5, O8.

use super::*;
use crate::alert_policy::{AlertPolicy, Spec};
use proto::audit::{AuditRecord, ListAuditRequest};

const AUDITED: &str = "aaaaaaaabbbbbbbbccccccccdddddddd";

/// Oldest first.
async fn records(database: &Database) -> Vec<AuditRecord> {
    let request = ListAuditRequest { account_id: AUDITED.to_owned(), ..Default::default() };
    let mut records = audit::log::list(database, &request).await.unwrap().records;
    records.reverse();
    records
}

fn policy(id: &str, webhooks: &[&str], at: i64) -> AlertPolicy {
    let policy = fixture::policy(id, &["a@b.example"], webhooks);
    AlertPolicy { account_id: AUDITED.to_owned(), created_at_ms: at, modified_at_ms: at, ..policy }
}

fn webhook(id: &str, at: i64) -> Webhook {
    Webhook {
        id: id.to_owned(),
        account_id: AUDITED.to_owned(),
        name: "chat".to_owned(),
        url: "https://hooks.slack.com/services/T0/B0/hunter2".to_owned(),
        kind: Kind::Slack,
        created_at_ms: at,
        last_success_at_ms: None,
        last_failure_at_ms: None,
    }
}

const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub async fn each_change_has_one_record(store: &Store, database: &Database) {
    let made = webhook("audited", 1);
    store.create_webhook(&made, Some(b"hunter3")).await.unwrap();
    let moved = Webhook { url: format!("{}4", made.url), ..made.clone() };
    store.update_webhook((&made, Some(b"hunter3")), (&moved, Some(b"hunter5")), at(2)).await.unwrap();
    let mut alert = policy("audited", &["audited"], 3);
    alert.spec.settings_json = r#"{"mechanisms":{"pagerduty":[{"token":"hunter6"}]}}"#.to_owned();
    store.create_policy(&alert).await.unwrap();
    let off = |spec| Ok(Spec { enabled: false, ..spec });
    store.update_policy(AUDITED, "audited", at(4), off).await.unwrap();
    store.delete_policy(AUDITED, "audited", at(5)).await.unwrap();
    store.delete_webhook(AUDITED, "audited", at(6)).await.unwrap();
    let records = records(database).await;
    let told: Vec<_> = records.iter().map(|it| (&*it.operation, &*it.object_kind, &*it.outcome)).collect();
    assert_eq!(
        told,
        [
            ("create", "webhook", "success"),
            ("update", "webhook", "success"),
            ("create", "alert_policy", "success"),
            ("update", "alert_policy", "success"),
            ("delete", "alert_policy", "success"),
            ("delete", "webhook", "success"),
        ]
    );
    assert!(records.iter().all(|it| it.object_id == "audited"));
    assert!(records[0].before.is_empty() && records[5].after.is_empty());
    assert!(records[1].after.contains(r#""changed":["url","secret"]"#), "{}", records[1].after);
    assert!(records[0].after.contains("https://hooks.slack.com\""), "{}", records[0].after);
    assert!(
        records[3].before.contains(r#""enabled":true"#) && records[3].after.contains(r#""enabled":false"#)
    );
    let all = format!("{records:?}");
    assert!(!all.contains("hunter") && !all.contains("/services"), "{all}");
}

pub async fn a_change_that_fails_has_none(store: &Store, database: &Database) {
    let before = records(database).await.len();
    store.create_policy(&policy("strange", &["nobody's"], 7)).await.unwrap_err();
    let rename = |spec| Ok(Spec { name: "new".to_owned(), ..spec });
    store.update_policy(AUDITED, "strange", at(8), rename).await.unwrap_err();
    store.delete_policy(AUDITED, "strange", at(8)).await.unwrap_err();
    let missing = webhook("missing", 8);
    store.update_webhook((&missing, None), (&missing, None), at(9)).await.unwrap_err();
    store.delete_webhook(AUDITED, "missing", at(9)).await.unwrap_err();
    assert_eq!(records(database).await.len(), before);
}
