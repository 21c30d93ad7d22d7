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
    let records = list(database, &request).await.unwrap();
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
    while let Some(record) = list(&database, &request).await.unwrap().pop() {
        (request.after_ms, request.after_id) = (record.recorded_at_ms, record.id);
        seen.push(record.object_id);
    }
    assert_eq!((seen.len(), seen[0].as_str(), seen[3].as_str()), (4, "d", "a"));
    let second_page = ListAuditRequest { limit: 3, skip: 3, ..Default::default() };
    assert_eq!(read(&database, second_page).await, ["a"]);
    let between = ListAuditRequest { since_ms: 2, before_ms: 3, ..Default::default() };
    assert_eq!(read(&database, between).await.len(), 2);
    let one = ListAuditRequest { object_id: "b".into(), ..Default::default() };
    assert_eq!(read(&database, one).await, ["b"]);
    let other = ListAuditRequest { account_id: "f".repeat(32), ..Default::default() };
    assert!(list(&database, &other).await.unwrap().is_empty());
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
    assert_eq!(forget(&database, Timestamp::from_millis(10)).await.unwrap(), 1);
    assert_eq!(forget(&database, Timestamp::from_millis(10)).await.unwrap(), 0);
    assert_eq!(read(&database, ListAuditRequest::default()).await, ["new"]);
}
