use crate::log::{forget, list};
use crate::{AuditConnection as _, Record};
use database::migrations::AUDIT;
use database::{Database, failed, sqlx};
use model::{Error, Timestamp};
use proto::audit::{AuditRecord, ListAuditRequest};

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

async fn write(database: &Database, object_id: &str, at: i64, fails: bool) -> Result<(), Error> {
    let record = Record {
        account_id: ACCOUNT,
        operation: "create",
        object_kind: "thing",
        object_id,
        before: None,
        after: Some(serde_json::json!({"name": object_id})),
    };
    database::transaction!(database, |tx| {
        tx.audit(record, Timestamp::from_millis(at)).await?;
        if fails {
            return Err(Error::not_found("thing"));
        }
    });
    Ok(())
}

async fn read(database: &Database, request: ListAuditRequest) -> Vec<String> {
    let request = ListAuditRequest { account_id: ACCOUNT.into(), ..request };
    let records = list(database, &request).await.unwrap().records;
    records.into_iter().map(|AuditRecord { object_id, .. }| object_id).collect()
}

async fn open(folder: &tempfile::TempDir) -> Database {
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    let database = Box::pin(Database::connect(&url, 4)).await.unwrap();
    database.migrate(&AUDIT).await.unwrap();
    database
}

/// O5.
#[tokio::test]
async fn a_record_lives_and_dies_with_its_change() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await;
    write(&database, "a", 1, false).await.unwrap();
    write(&database, "b", 2, true).await.unwrap_err();
    assert_eq!(read(&database, ListAuditRequest::default()).await, ["a"]);
}

#[tokio::test]
async fn pages_and_times_are_cut_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await;
    for (id, at) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
        write(&database, id, at, false).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut request = ListAuditRequest { account_id: ACCOUNT.into(), limit: 1, ..Default::default() };
    while let Some(record) = list(&database, &request).await.unwrap().records.pop() {
        (request.after_ms, request.after_id) = (record.recorded_at_ms, record.id);
        seen.push(record.object_id);
    }
    assert_eq!((seen.len(), seen[0].as_str(), seen[3].as_str()), (4, "d", "a"));
    let between = ListAuditRequest { since_ms: 2, before_ms: 3, ..Default::default() };
    assert_eq!(read(&database, between).await.len(), 2);
    let one = ListAuditRequest { object_id: "b".into(), ..Default::default() };
    assert_eq!(read(&database, one).await, ["b"]);
    let other = ListAuditRequest { account_id: "f".repeat(32), ..Default::default() };
    assert!(list(&database, &other).await.unwrap().records.is_empty());
}

#[tokio::test]
async fn records_are_forgotten_by_age_alone_and_changed_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await;
    write(&database, "old", 1, false).await.unwrap();
    write(&database, "new", 10, false).await.unwrap();
    let altered = async {
        database::with!(&database, |pool| {
            sqlx::query("UPDATE audit_records SET actor_name = 'x'")
                .execute(pool)
                .await
                .map_err(failed)
                .map(drop)
        })
    };
    assert!(altered.await.is_err());
    assert_eq!(forget(&database, Timestamp::from_millis(10), Timestamp::from_millis(0)).await.unwrap(), 1);
    assert_eq!(forget(&database, Timestamp::from_millis(10), Timestamp::from_millis(0)).await.unwrap(), 0);
    assert_eq!(read(&database, ListAuditRequest::default()).await, ["new"]);
}

#[tokio::test]
async fn what_was_refused_is_forgotten_sooner() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await;
    write(&database, "changed", 5, false).await.unwrap();
    database::with!(&database, |pool| {
        let copy = "INSERT INTO audit_records
            SELECT 'r' || id, recorded_at_ms, account_id, actor_kind, actor_id, actor_name, address, agent, request_id,
                operation, object_kind, 'refused', before_json, after_json, 'refused', 403, 1, '', 1 FROM audit_records";
        sqlx::query(copy).execute(pool).await.unwrap();
    });
    let (changes, refusals) = (Timestamp::from_millis(5), Timestamp::from_millis(6));
    assert_eq!(forget(&database, changes, refusals).await.unwrap(), 1);
    assert_eq!(read(&database, ListAuditRequest::default()).await, ["changed"]);
}

/// An answer ends when it is large enough, and says so.
#[tokio::test]
async fn an_answer_has_a_bound_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await;
    for at in 1..=100 {
        let record = Record {
            account_id: ACCOUNT,
            operation: "update",
            object_kind: "thing",
            object_id: "a",
            before: None,
            after: Some(serde_json::json!("x".repeat(60_000))),
        };
        async {
            database::transaction!(&database, |tx| tx.audit(record, Timestamp::from_millis(at)).await?);
            Ok::<(), Error>(())
        }
        .await
        .unwrap();
    }
    let request = ListAuditRequest { account_id: ACCOUNT.into(), limit: 1_000, ..Default::default() };
    let first = list(&database, &request).await.unwrap();
    assert!(first.has_more && first.records.len() < 100);
    let last = first.records.last().unwrap();
    let rest = ListAuditRequest { after_ms: last.recorded_at_ms, after_id: last.id.clone(), ..request };
    let rest = list(&database, &rest).await.unwrap();
    assert!(!rest.has_more);
    assert_eq!(first.records.len() + rest.records.len(), 100);
}
