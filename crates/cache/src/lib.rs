//! The expiring key-value port: `memory.rs` for one process, `redis.rs` for many. Sole owner of `redis`.
//!
//! A cache may be slower, never wrong. So a caller must be right whatever it answers: an entry may vanish before
//! its time, be an older one than was put last, or have been written by somebody else. Put into the value what is
//! needed to judge it, a seal and the feed position at which it was read, and judge it on every use. Keys must name
//! everything that the value depends on, each part with its length, best as a digest.
//!
//! To add an adapter: one file, one line in [`connect`], one line in `conformance.rs`.

mod memory;
mod redis;

#[cfg(test)]
mod conformance;

pub use memory::Memory;
pub use redis::Redis;

use async_trait::async_trait;
use model::{Clock, Error};
use std::sync::Arc;
use std::time::Duration;

/// Nothing is kept longer, whatever was asked.
pub const LONGEST_TTL: Duration = Duration::from_hours(31 * 24);

/// Bytes by key, each for its own time. Nothing here fails: what goes wrong is logged when it begins and when it
/// ends, counted, and answered as a miss.
#[async_trait]
pub trait Cache: Send + Sync {
    /// What was put under this key and has not expired, if it is still there.
    async fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Keeps `value` for `ttl` at most, to the millisecond, in place of what was there. A `ttl` under a millisecond
    /// only removes.
    async fn put(&self, key: &[u8], value: &[u8], ttl: Duration);

    /// Forgets what is under this key. A failed removal leaves it to expire.
    async fn remove(&self, key: &[u8]);

    /// Calls that failed or were skipped because the store is away, since the start.
    fn failures(&self) -> u64;
}

/// The adapter for `memory:`, `redis://[user:password@]host[:port][/database]` or the same with `rediss:` (TLS,
/// judged by the machine's own root certificates).
///
/// # Errors
/// The URL is neither, or Redis refuses the credentials. A Redis that is away is no error: it is tried again later.
pub async fn connect(url: &str, clock: Arc<dyn Clock>) -> Result<Arc<dyn Cache>, Error> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("memory") => Ok(Arc::new(Memory::new(Memory::ENTRIES, clock))),
        Some("redis" | "rediss") => Ok(Arc::new(Redis::connect(url, clock).await?)),
        // The URL may hold a password: it is not repeated.
        _ => Err(Error::invalid("cache", "must be a URL of the scheme memory:, redis: or rediss:")),
    }
}
