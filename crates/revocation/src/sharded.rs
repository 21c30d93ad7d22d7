//! A map from random ids to small states. Readers never wait; a writer copies one part in 256.

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

const SHARDS: usize = 256;

/// An id's 16 random bytes.
pub type Id = [u8; 16];

/// A state and the position of the change that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot<V> {
    position: u64,
    /// None: the object was removed. Kept, so that a late entry does not bring it back.
    value: Option<V>,
}

type Shard<V> = HashMap<u128, Slot<V>, BuildHasherDefault<IdHasher>>;

/// One object's news: `None` when it was removed.
#[derive(Debug, Clone, Copy)]
pub struct News<V> {
    pub id: Id,
    pub position: u64,
    pub value: Option<V>,
}

pub struct Sharded<V> {
    shards: Box<[ArcSwap<Shard<V>>]>,
    /// One writer at a time; readers do not look at it.
    writing: Mutex<()>,
}

impl<V> Default for Sharded<V> {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| ArcSwap::from_pointee(Shard::default()));
        Self { shards: shards.collect(), writing: Mutex::new(()) }
    }
}

impl<V: Copy> Sharded<V> {
    /// What is known of an object. Allocates nothing.
    pub fn get(&self, id: &Id) -> Option<V> {
        self.shards.get(shard_of(id))?.load().get(&key(id))?.value
    }

    /// Applies news that came one by one: older news of an object than what is known change nothing.
    pub fn apply(&self, news: Vec<News<V>>) {
        if news.is_empty() {
            return;
        }
        let _one = self.writing.lock();
        for (shard, news) in self.shards.iter().zip(by_shard(news)) {
            if news.is_empty() {
                continue;
            }
            let mut next = Shard::clone(&shard.load());
            for news in news {
                take(&mut next, news);
            }
            shard.store(next.into());
        }
    }

    /// Takes these objects for all there are. A newer state of one of them that is already known stays.
    pub fn load(&self, objects: Vec<News<V>>) {
        let _one = self.writing.lock();
        for (shard, objects) in self.shards.iter().zip(by_shard(objects)) {
            let known = shard.load();
            let mut next = Shard::with_capacity_and_hasher(objects.len(), BuildHasherDefault::default());
            for object in objects {
                if let Some(slot) = known.get(&key(&object.id)) {
                    next.insert(key(&object.id), *slot);
                }
                take(&mut next, object);
            }
            shard.store(next.into());
        }
    }
}

fn take<V>(shard: &mut Shard<V>, News { id, position, value }: News<V>) {
    let is_news = shard.get(&key(&id)).is_none_or(|known| known.position < position);
    if is_news {
        shard.insert(key(&id), Slot { position, value });
    }
}

fn by_shard<V>(news: Vec<News<V>>) -> Vec<Vec<News<V>>> {
    let mut shards: Vec<Vec<News<V>>> = (0..SHARDS).map(|_| Vec::new()).collect();
    for news in news {
        if let Some(shard) = shards.get_mut(shard_of(&news.id)) {
            shard.push(news);
        }
    }
    shards
}

fn shard_of(id: &Id) -> usize {
    let [.., last] = id;
    usize::from(*last)
}

fn key(id: &Id) -> u128 {
    u128::from_ne_bytes(*id)
}

/// Ids are random, and only our own services put any in: their bytes are their hash.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, id: u128) {
        // Both halves: a UUID has six bits that never change.
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
        let folded = (id ^ (id >> 64)) as u64;
        self.0 = folded;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TokenId;

    fn news(id: Id, position: u64, value: Option<u64>) -> News<u64> {
        News { id, position, value }
    }

    #[test]
    fn the_highest_position_of_an_object_counts() {
        let map = Sharded::default();
        let id = *TokenId::random().as_bytes();
        map.apply(vec![news(id, 5, Some(50)), news(id, 3, Some(30))]);
        assert_eq!(map.get(&id), Some(50));
        map.apply(vec![news(id, 4, Some(40)), news(id, 5, Some(51))]);
        assert_eq!(map.get(&id), Some(50));
        map.apply(vec![news(id, 7, None), news(id, 6, Some(60))]);
        assert_eq!(map.get(&id), None);
        map.apply(vec![news(id, 6, Some(60))]);
        assert_eq!(map.get(&id), None);
    }

    #[test]
    fn a_load_replaces_all_but_what_is_newer() {
        let map = Sharded::default();
        let ids: Vec<Id> = (0..3).map(|_| *TokenId::random().as_bytes()).collect();
        map.apply(vec![news(ids[0], 1, Some(10)), news(ids[1], 9, Some(90))]);
        map.load(vec![news(ids[1], 4, Some(40)), news(ids[2], 3, Some(30))]);
        assert_eq!(ids.iter().map(|id| map.get(id)).collect::<Vec<_>>(), [None, Some(90), Some(30)]);
    }

    #[test]
    fn many_ids_are_all_found() {
        let map = Sharded::default();
        let ids: Vec<Id> = (0..20_000).map(|_| *TokenId::random().as_bytes()).collect();
        map.load(ids.iter().map(|id| news(*id, 1, Some(1))).collect());
        assert!(ids.iter().all(|id| map.get(id) == Some(1)));
        assert_eq!(map.get(TokenId::random().as_bytes()), None);
    }
}
