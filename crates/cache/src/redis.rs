//! Shared by many processes.
//!
//! No request ever waits for a connection: while there is none, every call is a miss at once, and a task of its own
//! tries to get one, at most once per [`PAUSE`].

use crate::{Cache, LONGEST_TTL};
use async_trait::async_trait;
use model::{BootTime, Clock, Error, ErrorKind};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nobody waits for a cache for long: a database answers as well.
const HASTE: Limits = Limits { call: Duration::from_millis(50), dial: Duration::from_secs(2) };
/// So many failures in a row, and calls are skipped.
const FAILURES: u32 = 3;
/// How long calls are skipped before the next attempt.
const PAUSE: Duration = Duration::from_secs(1);
/// Before every key, so that the database may be shared.
const PREFIX: &[u8] = b"sallyport:";

/// Bytes in Redis, each call bounded to 50 ms. After three failures in a row, or when the connection breaks, calls
/// cost nothing until there is a new one.
pub struct Redis {
    link: Arc<Link>,
}

/// Longest waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// For an answer.
    pub call: Duration,
    /// For a connection.
    pub dial: Duration,
}

struct Link {
    client: Client,
    limits: Limits,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    failures: AtomicU64,
}

enum State {
    /// `failed` calls in a row, on the connection with this number.
    Up { connection: MultiplexedConnection, number: u64, failed: u32 },
    /// The next attempt may start at `retry_at`, unless one is under way.
    Down { retry_at: BootTime, is_dialling: bool, next_number: u64 },
}

impl Redis {
    /// Tries once to connect; see [`crate::connect`].
    pub async fn connect(url: &str, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::connect_within(HASTE, url, clock).await
    }

    pub(crate) async fn connect_within(
        limits: Limits,
        url: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let client = Client::open(url)
            .map_err(|error| Error::invalid("cache", "must be a Redis URL").with_cause(error))?;
        let state = State::Down { retry_at: clock.boot(), is_dialling: true, next_number: 1 };
        let link = Link { client, limits, clock, state: Mutex::new(state), failures: AtomicU64::new(0) };
        let outcome = link.dial().await;
        if let Err(Failure::Redis(error)) = &outcome
            && error.kind() == redis::ErrorKind::AuthenticationFailed
        {
            let refusal = "Redis refuses the credentials of the cache's URL";
            return Err(Error::new(ErrorKind::NotReady, "CACHE_REFUSED", refusal));
        }
        link.dialled(outcome);
        Ok(Self { link: Arc::new(link) })
    }

    /// `None` for every failure, which has then been dealt with.
    async fn call<T: FromRedisValue>(&self, command: Cmd) -> Option<T> {
        let Some((mut connection, number)) = self.link.connection() else {
            self.link.count_failure();
            return None;
        };
        let limit = self.link.limits.call;
        let failure = match tokio::time::timeout(limit, command.query_async(&mut connection)).await {
            Ok(Ok(value)) => {
                self.link.succeeded(number);
                return Some(value);
            }
            Ok(Err(error)) => Failure::Redis(error),
            Err(_) => Failure::TimedOut(limit),
        };
        self.link.count_failure();
        self.link.failed(number, &failure);
        None
    }
}

#[async_trait]
impl Cache for Redis {
    async fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.call::<Option<Vec<u8>>>(command("GET", key)).await.flatten()
    }

    async fn put(&self, key: &[u8], value: &[u8], ttl: Duration) {
        let millis = u64::try_from(ttl.min(LONGEST_TTL).as_millis()).unwrap_or_default();
        if millis == 0 {
            return self.remove(key).await;
        }
        let mut set = command("SET", key);
        set.arg(value).arg("PX").arg(millis);
        self.call::<()>(set).await;
    }

    async fn remove(&self, key: &[u8]) {
        self.call::<()>(command("DEL", key)).await;
    }

    fn failures(&self) -> u64 {
        self.link.failures.load(Ordering::Relaxed)
    }
}

fn command(name: &str, key: &[u8]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg([PREFIX, key].concat());
    command
}

/// Why a call or an attempt to connect did not work.
enum Failure {
    Redis(RedisError),
    TimedOut(Duration),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(error) => write!(f, "{error}"),
            Self::TimedOut(limit) => write!(f, "no answer within {limit:?}"),
        }
    }
}

impl Link {
    /// The connection and its number; without one, perhaps starts to look for one.
    fn connection(self: &Arc<Self>) -> Option<(MultiplexedConnection, u64)> {
        match &mut *self.state.lock() {
            State::Up { connection, number, .. } => return Some((connection.clone(), *number)),
            State::Down { retry_at, is_dialling, .. } => {
                if *is_dialling || self.clock.boot() < *retry_at {
                    return None;
                }
                *is_dialling = true;
            }
        }
        let link = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = link.dial().await;
            link.dialled(outcome);
        });
        None
    }

    async fn dial(&self) -> Result<MultiplexedConnection, Failure> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let dialling = self.client.get_multiplexed_async_connection_with_config(&config);
        match tokio::time::timeout(self.limits.dial, dialling).await {
            Ok(outcome) => outcome.map_err(Failure::Redis),
            Err(_) => Err(Failure::TimedOut(self.limits.dial)),
        }
    }

    fn dialled(&self, outcome: Result<MultiplexedConnection, Failure>) {
        let mut state = self.state.lock();
        let State::Down { retry_at, is_dialling, next_number } = &mut *state else { return };
        match outcome {
            Ok(connection) => {
                tracing::info!("the cache is connected to Redis");
                *state = State::Up { connection, number: *next_number, failed: 0 };
            }
            Err(failure) => {
                // Said when it began; an attempt every second would only repeat it.
                tracing::debug!(%failure, "Redis is still away");
                if *next_number == 1 {
                    tracing::warn!(%failure, "Redis is away: the cache is off until it is back");
                    *next_number += 1;
                }
                *is_dialling = false;
                *retry_at = self.clock.boot().after(PAUSE);
            }
        }
    }

    fn succeeded(&self, call_number: u64) {
        if let State::Up { number, failed, .. } = &mut *self.state.lock()
            && *number == call_number
        {
            *failed = 0;
        }
    }

    /// Gives the connection up when it broke or when this was one failure too many. Calls that were under way on an
    /// older connection say nothing about this one.
    fn failed(&self, call_number: u64, failure: &Failure) {
        let mut state = self.state.lock();
        let State::Up { number, failed, .. } = &mut *state else { return };
        if *number != call_number {
            return;
        }
        *failed += 1;
        let is_broken = matches!(failure, Failure::Redis(error) if error.is_unrecoverable_error());
        if !is_broken && *failed < FAILURES {
            tracing::debug!(%failure, "a call to Redis failed");
            return;
        }
        tracing::warn!(%failure, "Redis is away: the cache is off until it is back");
        // A broken connection says nothing about the server: it may have been restarted. Silence does.
        let pause = if is_broken { Duration::ZERO } else { PAUSE };
        let retry_at = self.clock.boot().after(pause);
        *state = State::Down { retry_at, is_dialling: false, next_number: call_number + 1 };
    }

    fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
pub(crate) mod tests;
