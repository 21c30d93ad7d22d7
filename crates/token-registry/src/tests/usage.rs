use super::World;
use super::world::NOW;
use crate::store::Use;
use crate::usage::{Place, Usage};
use database::sqlx;
use model::{AddressClass, Timestamp, TokenId};
use std::time::Duration;

database::row! {
    /// Everything that the credentials' table holds of a token.
    #[derive(Debug, PartialEq)]
    struct Row {
        id: String,
        account_id: String,
        name: String,
        client_id: String,
        duration: String,
        enabled: bool,
        created_at_ms: i64,
        updated_at_ms: i64,
        expires_at_ms: i64,
        secret_version: i64,
        secret_digest: Vec<u8>,
        pepper_id: String,
        previous_digest: Option<Vec<u8>>,
        previous_pepper_id: Option<String>,
        previous_version: Option<i64>,
        previous_expires_at_ms: Option<i64>,
        revoked_as_of: i64,
        changed_at_position: i64,
        restored_version: Option<i64>,
    }
}

impl World {
    async fn rows(&self) -> Vec<Row> {
        database::with!(&self.database, |pool| {
            sqlx::query_as("SELECT * FROM tokens ORDER BY id").fetch_all(pool).await.unwrap()
        })
    }

    /// Version, last use, and number of uses.
    async fn uses(&self, token_id: &str) -> Vec<(i64, i64, i64)> {
        let statement = "SELECT secret_version, last_seen_at_ms, uses FROM token_usage WHERE token_id = $1 ORDER BY secret_version";
        database::with!(&self.database, |pool| {
            sqlx::query_as(statement).bind(token_id).fetch_all(pool).await.unwrap()
        })
    }
}

pub async fn the_last_use_appears_and_no_credential_is_touched(world: World) {
    let registry = world.registry().await;
    let (made, unused) = (registry.new_token().await, registry.new_token().await);
    let new = registry.rotated(&made, Some(world.later(Duration::from_hours(2)))).await;
    let before = world.rows().await;
    assert_eq!(before.len(), 2);
    for secret in [&made.secret, &new, &new] {
        assert_eq!(registry.refusal(&made, secret).await, "");
        world.clock.advance(Duration::from_mins(1));
    }
    // A wrong secret is no use.
    assert_eq!(registry.refusal(&unused, &new).await, "TOKEN_UNKNOWN");
    registry.stop().await;
    let at = |minutes: u64| NOW.after(Duration::from_mins(minutes)).as_millis();
    assert_eq!(world.uses(&made.id).await, [(1, at(0), 1), (2, at(2), 2)]);
    assert_eq!(world.rows().await, before);
    let registry = world.registry().await;
    assert_eq!(registry.stored(&made).await.last_seen_at_ms, Some(at(2)));
    assert_eq!(registry.stored(&unused).await.last_seen_at_ms, None);
    // Deleted with the token, and what was counted meanwhile finds no token any more.
    registry.authenticate(&made.client_id, &new).await.unwrap();
    registry.delete(&made.account, &made.id).await.unwrap();
    registry.stop().await;
    assert!(world.uses(&made.id).await.is_empty());
}

fn used(token_id: &str, version: i64, millis: i64, count: i64) -> Use {
    Use {
        token_id: token_id.into(),
        version,
        last: Timestamp::from_millis(millis),
        count,
        gateway: format!("gw-{millis}"),
        source: AddressClass::PrivateIpv4,
    }
}

pub async fn uses_are_counted_by_version_and_never_run_backwards(world: World) {
    let (registry, store) = (world.registry().await, world.store().await);
    let made = registry.new_token().await;
    store.record_uses(&[used(&made.id, 1, 5_000, 2), used(&made.id, 2, 4_000, 1)]).await.unwrap();
    let absent = TokenId::random().to_string();
    store.record_uses(&[used(&absent, 1, 9_000, 1), used(&made.id, 1, 3_000, 3)]).await.unwrap();
    assert_eq!(world.uses(&made.id).await, [(1, 5_000, 5), (2, 4_000, 1)]);
    assert!(world.uses(&absent).await.is_empty());
    store.record_uses(&[]).await.unwrap();
    // More than one batch.
    let usage = Usage::default();
    for version in 0..1_201 {
        usage.count(&made.id, version, Place::new("gw", 0), &*world.clock);
        usage.count(&made.id, version, Place::new("gw", 0), &*world.clock);
    }
    usage.flush(&store).await;
    let uses = world.uses(&made.id).await;
    assert_eq!(
        (uses.len(), uses[1], uses[1_200]),
        (1_201, (1, NOW.as_millis(), 7), (1_200, NOW.as_millis(), 2))
    );
    usage.flush(&store).await;
    assert_eq!(world.uses(&made.id).await, uses, "written once");
}

pub async fn writers_of_the_same_rows_do_not_lock_each_other_out(world: World) {
    let (registry, store) = (world.registry().await, world.store().await);
    let made = registry.new_token().await;
    let flushes = (0..8).map(async |_| {
        let usage = Usage::default();
        for version in 0..200 {
            usage.count(&made.id, version, Place::new("gw", 0), &*world.clock);
        }
        usage.flush(&store).await;
    });
    futures::future::join_all(flushes).await;
    let uses = world.uses(&made.id).await;
    assert_eq!((uses.len(), uses.iter().map(|(.., count)| count).sum::<i64>()), (200, 1_600));
}
