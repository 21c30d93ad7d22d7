//! A database of the first version, with the keys that it had stored.

use super::*;
use database::migrations::SESSION_ISSUER;

/// They keep their uses under the schema of now, are of RS256, and rotate and end as any others.
pub async fn keys_of_the_first_version_go_on(url: &str) {
    let database = Database::connect(url, 2).await.unwrap();
    database.migrate(&SESSION_ISSUER.up_to(1)).await.unwrap();
    let account = AccountId::random();
    let [current, next, previous] = [new_key(), new_key(), new_key()];
    let uses = [("current", None), ("next", None), ("previous", Some(NOW.after(DAY).as_millis()))];
    database::with!(&database, |pool| {
        for (key, (key_use, retire)) in [&current, &next, &previous].into_iter().zip(uses) {
            let row = sqlx::query(
                "INSERT INTO signing_keys (kid, account_id, jwk, certificate_pem, private_key_encrypted, key_use,
                                           created_at_ms, confirmed_at_ms, activated_at_ms, retire_at_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8)",
            );
            let row = row.bind(key.kid.to_string()).bind(account.to_string()).bind(&key.jwk_json);
            let row = row.bind(&key.certificate_pem).bind(&key.sealed).bind(key_use);
            row.bind(NOW.as_millis()).bind(retire).execute(pool).await.unwrap();
        }
        let settings = sqlx::query("INSERT INTO key_settings VALUES ($1, $2, $3, $4)");
        let settings = settings.bind(account.to_string()).bind(42_i64).bind(NOW.as_millis());
        settings.bind("team.example").execute(pool).await.unwrap();
    });
    migrate(&database).await;
    log::open(&database).await.unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let case = Case { store: Store::new(database.clone(), clock.clone()), clock, database };
    let stored = [(current.kid, KeyUse::Current), (next.kid, KeyUse::Next), (previous.kid, KeyUse::Previous)];
    assert_eq!(case.uses(account).await, stored);
    let lives = case.store.list_key_lives(account).await.unwrap();
    let listed: Vec<_> = lives.iter().map(|(key, ..)| (key.kid, key.usage)).collect();
    assert_eq!(listed, stored);
    assert!(lives.iter().all(|(key, ..)| key.algorithm == Algorithm::Rs256 && key.is_confirmed()));
    assert_eq!(lives[2].2, Some(NOW.after(DAY)));

    let _ = case.rotate(account, next.kid).await.unwrap();
    let following = case.next(account).await;
    assert_eq!(case.uses(account).await[..2], [(next.kid, KeyUse::Current), (following, KeyUse::Next)]);
    case.store.revoke_key(account, previous.kid, None, NOW.after(31 * DAY)).await.unwrap();
    assert!(!case.uses(account).await.iter().any(|(kid, _)| *kid == previous.kid));
    case.database.close().await;
}
