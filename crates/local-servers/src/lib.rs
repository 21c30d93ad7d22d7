//! Real PostgreSQL, Redis and NATS with JetStream, on free loopback ports, for `sallyport dev --distributed` and for
//! tests; and other people's proxies, for tests alone.
//!
//! | module | holds |
//! |---|---|
//! | [`search`] | where the programs are, and what to say when one is missing |
//! | [`process`] | [`Server`]: one running program, and how it ends |
//! | [`postgres`] [`redis`] [`nats`] | how each is configured and started |
//! | [`proxy`] | Envoy, nginx, Caddy, `HAProxy` and Traefik, with a configuration of the caller's |
//!
//! Every server but the proxies listens on 127.0.0.1 alone and asks for a password, which is in its URL and in a file that only its
//! user can read, never on a command line. A server ends when it is told to, when its value is dropped, and when
//! the process that started it ends in any way (where `setpriv` of util-linux is there; otherwise not on `kill -9`).
//!
//! In a test, one line is enough:
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! let redis = local_servers::Redis::throwaway(&local_servers::Search::workspace()).await?;
//! println!("{}", redis.url());
//! # Ok(()) }
//! ```

pub mod nats;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod search;

mod family;
mod launch;

pub use launch::free_port;
pub use nats::Nats;
pub use postgres::Postgres;
pub use process::Server;
pub use proxy::Proxy;
pub use redis::Redis;
pub use search::Search;

use anyhow::{Context as _, Result};
use std::path::Path;
use tempfile::TempDir;

/// What a PostgreSQL cluster is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// What was committed survives the machine's crash.
    Durable,
    /// Nothing is forced to disk: several times faster, and lost with the machine.
    Throwaway,
}

/// All three.
#[derive(Debug)]
pub struct Servers {
    pub postgres: Postgres,
    pub redis: Redis,
    pub nats: Nats,
}

impl Servers {
    /// Starts them in `directory`, one folder each. The `PostgreSQL` cluster and the `JetStream` store that are
    /// there already are used again; ports and the passwords of Redis and NATS are new at every start.
    pub async fn start(directory: &Path, search: &Search, durability: Durability) -> Result<Self> {
        let (postgres, redis, nats) = tokio::try_join!(
            Postgres::start(directory, search, durability),
            Redis::start(directory, search),
            Nats::start(directory, search),
        )?;
        Ok(Self { postgres, redis, nats })
    }

    /// Starts them in a temporary directory, removed when this value goes.
    pub async fn throwaway(search: &Search) -> Result<Self> {
        let directory = temporary()?;
        let mut servers = Self::start(directory.path(), search, Durability::Throwaway).await?;
        // The last field is the last to be dropped.
        servers.nats.server.keep(directory);
        Ok(servers)
    }

    /// Stops all three, and says what did not stop by itself.
    pub async fn stop(&mut self) -> Result<()> {
        let (postgres, redis, nats) =
            tokio::join!(self.postgres.server.stop(), self.redis.server.stop(), self.nats.server.stop());
        postgres.and(redis).and(nats)
    }
}

pub(crate) fn temporary() -> Result<TempDir> {
    tempfile::Builder::new().prefix("sallyport-").tempdir().context("cannot make a temporary directory")
}

/// For a URL: 128 bits, letters and digits only.
pub(crate) fn new_password() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
