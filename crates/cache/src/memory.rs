//! Within one process.

use crate::{Cache, LONGEST_TTL};
use async_trait::async_trait;
use model::{BootTime, Clock};
use std::sync::Arc;
use std::time::Duration;

/// A bounded number of entries; the least useful make room.
pub struct Memory {
    entries: quick_cache::sync::Cache<Box<[u8]>, Entry>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Entry {
    value: Arc<[u8]>,
    /// On the clock that never steps.
    expires: BootTime,
}

impl Memory {
    /// What `memory:` holds.
    pub const ENTRIES: usize = 50_000;

    pub fn new(entries: usize, clock: Arc<dyn Clock>) -> Self {
        Self { entries: quick_cache::sync::Cache::new(entries), clock }
    }
}

#[async_trait]
impl Cache for Memory {
    async fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let entry = self.entries.get(key)?;
        let now = self.clock.boot();
        if now < entry.expires {
            return Some(entry.value.to_vec());
        }
        // Not what another caller may have put there since.
        self.entries.remove_if(key, |entry| entry.expires <= now);
        None
    }

    async fn put(&self, key: &[u8], value: &[u8], ttl: Duration) {
        if ttl.as_millis() == 0 {
            return self.remove(key).await;
        }
        let expires = self.clock.boot().after(ttl.min(LONGEST_TTL));
        self.entries.insert(key.into(), Entry { value: value.into(), expires });
    }

    async fn remove(&self, key: &[u8]) {
        self.entries.remove(key);
    }

    fn failures(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ManualClock, Timestamp};

    #[tokio::test]
    async fn the_number_of_entries_is_bounded() {
        let memory = Memory::new(100, Arc::new(ManualClock::new(Timestamp::from_millis(0))));
        for n in 0..10_000_u32 {
            memory.put(&n.to_be_bytes(), b"value", Duration::from_mins(1)).await;
        }
        assert!(memory.entries.len() <= 100);
        assert!(!memory.entries.is_empty());
    }

    #[tokio::test]
    async fn an_entry_lives_until_its_time_and_then_takes_no_room() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
        let memory = Memory::new(100, Arc::clone(&clock) as Arc<dyn Clock>);
        memory.put(b"key", b"value", Duration::from_millis(100)).await;
        clock.advance(Duration::from_millis(99));
        assert_eq!(memory.get(b"key").await.as_deref(), Some(&b"value"[..]));
        clock.advance(Duration::from_millis(1));
        assert_eq!(memory.get(b"key").await, None);
        assert!(memory.entries.is_empty());
    }
}
