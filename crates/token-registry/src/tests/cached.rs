use super::World;
use super::world::{Made, PEPPER, Registry, YEAR, credentials, new_token};
use crate::pepper::Peppers;
use model::{ClientSecret, ErrorKind};
use proto::token_registry as wire;
use std::time::Duration;

/// Authenticates, and says whether that was a miss: then the answer was put anew.
async fn is_miss(world: &World, registry: &Registry, made: &Made) -> bool {
    let before = world.cache.puts();
    assert_eq!(registry.refusal(made, &made.secret).await, "");
    world.cache.puts() > before
}

pub async fn a_hit_asks_no_database(world: World) {
    let registry = world.registry().await;
    registry.may_use_cache(&world.cache).await;
    let made = registry.new_token().await;
    assert!(is_miss(&world, &registry, &made).await);
    assert!(!is_miss(&world, &registry, &made).await);
    registry.database.close().await;
    assert!(!is_miss(&world, &registry, &made).await);
    // Another secret is another entry.
    let another = ClientSecret::generate().unwrap();
    let error = registry.authenticate(&made.client_id, another.expose()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

pub async fn a_caller_who_has_seen_more_is_answered_from_the_database(world: World) {
    let registry = world.registry().await;
    registry.may_use_cache(&world.cache).await;
    let made = registry.new_token().await;
    assert!(is_miss(&world, &registry, &made).await);
    assert!(!is_miss(&world, &registry, &made).await);
    let mut request = credentials(&made.client_id, &made.secret);
    request.get_mut().at_least = u64::MAX;
    let before = world.cache.puts();
    registry.client.clone().authenticate_token(request).await.unwrap();
    assert_eq!(world.cache.puts(), before + 1, "the entry was believed");
}

/// Fills the cache, makes a change, puts the old entry back, and says how the secret is then refused.
async fn refusal_after(world: &World, registry: &Registry, change: impl AsyncFnOnce(&Made)) -> String {
    let made = registry.new_token().await;
    assert!(is_miss(world, registry, &made).await);
    let (key, entry) = world.cache.last_put();
    change(&made).await;
    world.cache.plant(&key, &entry).await;
    registry.refusal(&made, &made.secret).await
}

pub async fn what_was_cached_before_a_change_admits_nobody_after_it(world: World) {
    let registry = world.registry().await;
    registry.may_use_cache(&world.cache).await;
    let deleted = refusal_after(&world, &registry, async |made| {
        registry.delete(&made.account, &made.id).await.unwrap();
    });
    assert_eq!(deleted.await, "TOKEN_UNKNOWN");
    let disabled = refusal_after(&world, &registry, async |made| registry.enable(made, false).await);
    assert_eq!(disabled.await, "TOKEN_DISABLED");
    let rotated = refusal_after(&world, &registry, async |made| drop(registry.rotated(made, None).await));
    assert_eq!(rotated.await, "TOKEN_UNKNOWN");
    // What is good again is so as of a later position.
    let restored = refusal_after(&world, &registry, async |made| {
        registry.enable(made, false).await;
        registry.enable(made, true).await;
    });
    assert_eq!(restored.await, "");
    let answer = last_answer(&world);
    assert!(answer.as_of >= registry.get("", &answer.token_id).await.unwrap().revoked_as_of);

    // An answer that was on its way while the token was deleted, written after it.
    let made = registry.new_token().await;
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
    let (key, entry) = world.cache.last_put();
    registry.delete(&made.account, &made.id).await.unwrap();
    for _ in 0..3 {
        world.cache.plant(&key, &entry).await;
        assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
        world.clock.advance(Duration::from_secs(1));
    }
}

pub async fn forged_and_altered_entries_are_misses(world: World) {
    let registry = world.registry().await;
    registry.may_use_cache(&world.cache).await;
    let made = registry.new_token().await;
    assert!(is_miss(&world, &registry, &made).await);
    let (key, entry) = world.cache.last_put();
    world.cache.plant(&key, &entry).await;
    assert!(!is_miss(&world, &registry, &made).await, "as it was written it is good");
    for at in 0..entry.len() {
        let mut altered = entry.clone();
        altered[at] ^= 1 << (at % 8);
        world.cache.plant(&key, &altered).await;
        assert!(is_miss(&world, &registry, &made).await, "byte {at}");
    }
    for end in [0, 1, 31, 32, 39, 40, entry.len() - 1] {
        world.cache.plant(&key, &entry[..end]).await;
        assert!(is_miss(&world, &registry, &made).await, "cut off at {end}");
    }
    // An entry of one secret under the key of another.
    let other = registry.new_token().await;
    assert!(is_miss(&world, &registry, &other).await);
    let (others_key, _) = world.cache.last_put();
    world.cache.plant(&others_key, &entry).await;
    assert!(is_miss(&world, &registry, &other).await);
    assert!(!String::from_utf8_lossy(&key).contains(&made.secret));
}

pub async fn an_entry_kept_beyond_its_time_is_a_miss(world: World) {
    let registry = world.registry().await;
    registry.may_use_cache(&world.cache).await;
    let made = registry.new_token().await;
    assert!(is_miss(&world, &registry, &made).await);
    let (key, entry) = world.cache.last_put();
    world.clock.advance(Duration::from_mins(5).saturating_sub(Duration::from_millis(1)));
    registry.may_use_cache(&world.cache).await;
    world.cache.plant(&key, &entry).await;
    assert!(!is_miss(&world, &registry, &made).await);
    world.clock.advance(Duration::from_millis(1));
    assert!(is_miss(&world, &registry, &made).await);
}

pub async fn expiry_is_kept_by_the_second_from_the_cache_too(world: World) {
    let registry = world.registry().await;
    registry.may_use_cache(&world.cache).await;
    let request = wire::CreateTokenRequest { duration: Some("1s".into()), ..new_token("a") };
    let short = registry.create(request).await.unwrap();
    let overlapping = registry.new_token().await;
    let ends = world.later(Duration::from_secs(1));
    registry.rotated(&overlapping, Some(ends)).await;
    for made in [&short, &overlapping] {
        assert!(is_miss(&world, &registry, made).await);
        assert!(!is_miss(&world, &registry, made).await);
    }
    let (gets, moved) = (*world.cache.gets.lock(), Duration::from_secs(1));
    world.clock.advance(moved);
    assert_eq!(registry.refusal(&short, &short.secret).await, "TOKEN_EXPIRED");
    assert_eq!(registry.refusal(&overlapping, &overlapping.secret).await, "TOKEN_UNKNOWN");
    assert_eq!(*world.cache.gets.lock(), gets + 2, "the cache was asked, and not believed");
}

pub async fn without_a_lease_the_cache_is_not_asked(world: World) {
    let (registry, workers) = world.idle_registry(Peppers::new(&PEPPER, None)).await;
    let made = registry.new_token().await;
    for _ in 0..3 {
        assert!(is_miss(&world, &registry, &made).await);
    }
    assert_eq!(*world.cache.gets.lock(), 0);
    drop(workers);
    // A lease that has run out is none.
    let live = world.registry().await;
    live.may_use_cache(&world.cache).await;
    live.database.close().await;
    world.clock.advance(YEAR / 12);
    let gets = *world.cache.gets.lock();
    let error = live.authenticate(&made.client_id, &made.secret).await.err().unwrap();
    assert_eq!((error.kind(), *world.cache.gets.lock()), (ErrorKind::Unavailable, gets));
}

/// What the entry that was put last says.
fn last_answer(world: &World) -> wire::AuthenticateTokenResponse {
    let (_, entry) = world.cache.last_put();
    prost::Message::decode(&entry[40..]).unwrap()
}
