//! The cache, watched.

use async_trait::async_trait;
use cache::Cache;
use parking_lot::Mutex;
use std::time::Duration;

/// A cache that remembers what was asked of it.
pub struct Watched {
    memory: cache::Memory,
    pub gets: Mutex<usize>,
    puts: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Watched {
    pub fn new(memory: cache::Memory) -> Self {
        Self { memory, gets: Mutex::new(0), puts: Mutex::default() }
    }

    pub fn puts(&self) -> usize {
        self.puts.lock().len()
    }

    /// Key and value of what was put last.
    pub fn last_put(&self) -> (Vec<u8>, Vec<u8>) {
        self.puts.lock().last().unwrap().clone()
    }

    /// As somebody does who can write to the cache.
    pub async fn plant(&self, key: &[u8], value: &[u8]) {
        self.memory.put(key, value, cache::LONGEST_TTL).await;
    }
}

#[async_trait]
impl Cache for Watched {
    async fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        *self.gets.lock() += 1;
        self.memory.get(key).await
    }

    async fn put(&self, key: &[u8], value: &[u8], ttl: Duration) {
        self.puts.lock().push((key.to_vec(), value.to_vec()));
        self.memory.put(key, value, ttl).await;
    }

    async fn remove(&self, key: &[u8]) {
        self.memory.remove(key).await;
    }

    fn failures(&self) -> u64 {
        0
    }
}
