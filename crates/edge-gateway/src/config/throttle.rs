use serde::Deserialize;
use std::num::NonZeroU32;
use std::time::Duration;

/// `[edge_gateway.throttle]`: what is done about guessing, and how much may wait for the session issuer.
///
/// A limit of so many a minute is a bucket of so many that fills evenly: all at once, then one every so often.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// Wrong secrets a minute for one Client ID from one source (an IPv4 address, an IPv6 /64).
    pub wrong_per_client_id: NonZeroU32,
    /// Wrong secrets a minute from one source, whatever the Client IDs.
    pub wrong_per_source: NonZeroU32,
    /// How many credentials are asked about at once; more wait their turn, first come, first served.
    pub max_exchanges: NonZeroU32,
    /// How many requests may wait for a credential to be asked about; more are answered 503.
    pub max_waiting: NonZeroU32,
    /// Seconds that a request waits for its turn and for the answer; then 503.
    pub exchange_timeout_s: NonZeroU32,
}

impl Default for Throttle {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX);
        Self {
            wrong_per_client_id: number(20),
            wrong_per_source: number(200),
            max_exchanges: number(256),
            max_waiting: number(10_000),
            exchange_timeout_s: number(10),
        }
    }
}

impl Throttle {
    pub(crate) fn exchange_timeout(&self) -> Duration {
        Duration::from_secs(self.exchange_timeout_s.get().into())
    }
}
