//! What the access log promises on any database.

use super::*;
use crate::fixture::ACCOUNT;

const OTHER: &str = "ffffffffffffffffffffffffffffffff";

fn decision(number: i64, account_id: &str) -> wire::Decision {
    wire::Decision {
        ray_id: format!("{account_id:.1}{number:015x}"),
        decided_at_ms: 1_000 + number,
        account_id: account_id.to_owned(),
        application_id: format!("app-{}", number % 3),
        application_domain: "app.test".to_owned(),
        allowed: number % 2 == 0,
        reason: if number % 2 == 0 { "" } else { "POLICY_DENIED" }.to_owned(),
        policy_id: "policy".to_owned(),
        credential: wire::CredentialKind::Pair.into(),
        token_id: format!("token-{}", number % 5),
        client_id: "88bf3b6d86161464f6509f7219099e57.access".to_owned(),
        client_secret_version: 2,
        ip: "192.0.2.1".to_owned(),
        country_code: "PT".to_owned(),
        method: "GET".to_owned(),
        host: "app.test".to_owned(),
        path: "/a'; DROP TABLE access_requests; --".to_owned(),
        gateway: "edge".to_owned(),
        duration_us: 7,
        fallback: String::new(),
    }
}

const fn everything() -> Query<'static> {
    Query {
        account_id: ACCOUNT,
        since_ms: i64::MIN,
        before_ms: i64::MAX,
        filters: &[],
        oldest_first: false,
        page: 1,
        per_page: 10_000,
    }
}

async fn count(store: &Store, query: &Query<'_>) -> usize {
    let (rows, total) = store.list_decisions(query).await.unwrap();
    assert_eq!(rows.len() as u64, total);
    rows.len()
}

pub async fn conforms(store: &Store) {
    store.keep_decisions(&[]).await.unwrap();
    let mut told: Vec<_> = (0..1200).map(|number| decision(number, ACCOUNT)).collect();
    told.push(decision(3, OTHER));
    store.keep_decisions(&told).await.unwrap();
    store.keep_decisions(&told).await.expect("what is said twice is kept once");
    let (all, total) = store.list_decisions(&everything()).await.unwrap();
    assert_eq!(total, 1200, "another account's are not there");
    told.pop();
    told.reverse();
    assert_eq!(all, told, "newest first, whole");

    let page = Query { page: 3, per_page: 500, oldest_first: true, ..everything() };
    let (last, total) = store.list_decisions(&page).await.unwrap();
    assert_eq!((last.len(), total, last[0].decided_at_ms), (200, 1200, 2000));
    assert!(store.list_decisions(&Query { page: 4, ..page }).await.unwrap().0.is_empty());

    let filter =
        |field: Field, value: &str, is_not| Filter { field: field.into(), value: value.to_owned(), is_not };
    for (filters, expected) in [
        (vec![filter(Field::Allowed, "true", false)], 600),
        (vec![filter(Field::Allowed, "true", true)], 600),
        (vec![filter(Field::ApplicationId, "app-1", false)], 400),
        (vec![filter(Field::ApplicationId, "app-1", true)], 800),
        (vec![filter(Field::Allowed, "false", false), filter(Field::TokenId, "token-0", false)], 120),
        (vec![filter(Field::CountryCode, "' OR '1'='1", false)], 0),
        (vec![filter(Field::RayId, &told[7].ray_id, false)], 1),
    ] {
        assert_eq!(count(store, &Query { filters: &filters, ..everything() }).await, expected, "{filters:?}");
    }
    assert_eq!(count(store, &Query { since_ms: 1100, before_ms: 1200, ..everything() }).await, 100);

    let day = Duration::from_hours(24);
    let now = Timestamp::from_millis(1_000).after(day);
    assert_eq!(store.forget_decisions(now, day, 2_000_000).await.unwrap(), 1, "what is a day old goes");
    assert_eq!(
        store.forget_decisions(now, day, 100).await.unwrap(),
        1100,
        "what is too much goes, the oldest first"
    );
    let (kept, _) = store.list_decisions(&everything()).await.unwrap();
    assert_eq!((kept.len(), kept[99].decided_at_ms), (100, 2100));
    assert_eq!(store.forget_decisions(now, Duration::ZERO, 0).await.unwrap(), 100);
}
