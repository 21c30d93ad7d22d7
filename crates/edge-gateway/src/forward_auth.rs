//! Decisions for other proxies, over HTTP: the proxy asks before it forwards a request, and this gateway forwards nothing.
//!
//! Each dialect has its own endpoint and its own headers. None falls back to another's: a proxy that speaks one of them
//! passes the others' headers on as its client sent them. What a proxy has let through it carries to the end: an open
//! stream is not ended by a revocation, as it is by the gateway's own listener.
//!
//! | module | holds |
//! |---|---|
//! | `server` | the listener, and who may ask |
//! | `told` | one header that a proxy must set |
//! | `auth_request` | `/authz/auth-request`: nginx |
//! | `forwarded` | `/authz/forward-auth`: Caddy, Traefik, `HAProxy` |
//! | `ext_authz` | `/authz/ext-authz/…`: Envoy over HTTP |
//! | `answer` | what a proxy is answered |
//!
//! To add a dialect: a file that reads a [`Question`], a row in [`Dialect::of`], and what is different in `answer`.

mod answer;
mod auth_request;
mod ext_authz;
mod forwarded;
mod server;
mod told;

use crate::refusal::Refusal;
use crate::request::canonical::Target;
use http::Method;
use http::request::Parts;

pub use server::Front;

/// How a proxy asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    AuthRequest,
    Forwarded,
    ExtAuthz,
}

/// The client's request, as its proxy tells it.
struct Question<'a> {
    method: Method,
    target: Target<'a>,
}

/// Why there is no question to decide.
enum Unasked {
    /// The proxy asks wrongly: its operator has to do something.
    Proxy(Refusal),
    /// The client's request is at fault.
    Client(Refusal),
}

impl Dialect {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/authz/auth-request" => Some(Self::AuthRequest),
            "/authz/forward-auth" => Some(Self::Forwarded),
            path => ext_authz::is_for(path).then_some(Self::ExtAuthz),
        }
    }

    fn read(self, parts: &Parts) -> Result<Question<'_>, Unasked> {
        match self {
            Self::AuthRequest => auth_request::read(parts),
            Self::Forwarded => forwarded::read(parts),
            Self::ExtAuthz => ext_authz::read(parts),
        }
    }

    /// How the client's address is told, for the operator of a proxy that does not.
    const fn address(self) -> told::Header {
        let how = match self {
            Self::AuthRequest => "proxy_set_header X-Forwarded-For $remote_addr",
            Self::Forwarded => "Caddy and Traefik set it; HAProxy by the script of deploy/haproxy",
            Self::ExtAuthz => "use_remote_address: true, and x-forwarded-for among allowed_headers",
        };
        told::Header { name: crate::request::client::FORWARDED_FOR, how }
    }
}

impl From<Refusal> for Unasked {
    fn from(refusal: Refusal) -> Self {
        Self::Client(refusal)
    }
}
