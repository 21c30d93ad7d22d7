//! `[edge_gateway.limits]`.

use serde::Deserialize;
use std::num::NonZeroU32;
use std::time::Duration;

/// `[edge_gateway.limits]`: how long somebody is waited for, and how much there may be at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Seconds that an application may take for the head of its answer, from the last that the client sent of its body.
    pub upstream_timeout_s: NonZeroU32,
    /// Seconds that connecting to one address of an application may take, its TLS handshake included.
    pub upstream_connect_timeout_s: NonZeroU32,
    /// Seconds for which a connection to an application is kept that nobody uses.
    pub upstream_idle_s: NonZeroU32,
    /// How many connections in HTTP/1 may be open to one address of an application; requests wait for one for as long as
    /// connecting may take.
    pub upstream_connections: NonZeroU32,
    /// Seconds that a client may take for the head of a request, and be silent within a body.
    pub client_timeout_s: NonZeroU32,
    /// Seconds that a client may take for what comes before HTTP: PROXY protocol and TLS handshake.
    pub handshake_timeout_s: NonZeroU32,
    /// Seconds that a connection with an open stream (an event stream, a tunnel, a gRPC call) may be silent in both
    /// directions.
    pub stream_timeout_s: NonZeroU32,
    /// How many connections of clients may be open; more wait.
    pub max_connections: NonZeroU32,
    /// How many sessions are remembered that came as a JWT, so that their signature is checked once: at most 200 bytes
    /// each. And an eighth as many Client IDs and Client Secrets with the session that each was exchanged for: at most
    /// 1.6 KB each.
    pub max_sessions: NonZeroU32,
    /// How many requests of one HTTP/2 connection may be open.
    pub max_streams: NonZeroU32,
    /// Longest head of a request in bytes, from 8,192 on: 431 beyond. Also how much of a body is read ahead of the
    /// application.
    pub max_header_bytes: NonZeroU32,
    /// How many headers a request may have: 431 beyond.
    pub max_headers: NonZeroU32,
    /// Seconds that the gateway goes on accepting connections once it is told to stop, with `/readyz` failing already: as
    /// long as load balancers take to see that.
    pub drain_delay_s: u32,
    /// Seconds that open connections have after that to finish.
    pub drain_s: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX);
        Self {
            upstream_timeout_s: number(100),
            upstream_connect_timeout_s: number(5),
            upstream_idle_s: number(30),
            upstream_connections: number(1000),
            client_timeout_s: number(30),
            handshake_timeout_s: number(10),
            stream_timeout_s: number(3600),
            max_connections: number(10_000),
            max_sessions: number(1_000_000),
            max_streams: number(256),
            max_header_bytes: number(64 * 1024),
            max_headers: number(100),
            drain_delay_s: 0,
            drain_s: number(5),
        }
    }
}

/// The HTTP library reads no less than this at once.
const LEAST_HEADER_BYTES: u32 = 8192;

impl Limits {
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(LEAST_HEADER_BYTES..=1024 * 1024).contains(&self.max_header_bytes.get()) {
            problems.push("edge_gateway.limits.max_header_bytes: must be 8,192 to 1,048,576".to_owned());
        }
        if self.max_headers.get() > 10_000 {
            problems.push("edge_gateway.limits.max_headers: must be 10,000 at most".to_owned());
        }
        problems
    }

    pub(crate) fn upstream_timeout(&self) -> Duration {
        seconds(self.upstream_timeout_s)
    }

    pub(crate) fn upstream_connect_timeout(&self) -> Duration {
        seconds(self.upstream_connect_timeout_s)
    }

    pub(crate) fn upstream_idle(&self) -> Duration {
        seconds(self.upstream_idle_s)
    }

    pub(crate) fn upstream_connections(&self) -> usize {
        size(self.upstream_connections)
    }

    pub(crate) fn client_timeout(&self) -> Duration {
        seconds(self.client_timeout_s)
    }

    pub(crate) fn handshake_timeout(&self) -> Duration {
        seconds(self.handshake_timeout_s)
    }

    pub(crate) fn stream_timeout(&self) -> Duration {
        seconds(self.stream_timeout_s)
    }

    pub(crate) fn max_connections(&self) -> usize {
        size(self.max_connections)
    }

    pub(crate) fn max_sessions(&self) -> usize {
        size(self.max_sessions)
    }

    /// Pairs take as many bytes in all as sessions do.
    pub(crate) fn max_pairs(&self) -> usize {
        self.max_sessions().div_ceil(8)
    }

    pub(crate) fn max_header_bytes(&self) -> usize {
        size(self.max_header_bytes)
    }

    pub(crate) fn max_headers(&self) -> usize {
        size(self.max_headers)
    }

    pub(crate) fn drain_delay(&self) -> Duration {
        Duration::from_secs(self.drain_delay_s.into())
    }

    pub(crate) fn drain(&self) -> Duration {
        seconds(self.drain_s)
    }
}

fn seconds(number: NonZeroU32) -> Duration {
    Duration::from_secs(number.get().into())
}

fn size(number: NonZeroU32) -> usize {
    usize::try_from(number.get()).unwrap_or(usize::MAX)
}
