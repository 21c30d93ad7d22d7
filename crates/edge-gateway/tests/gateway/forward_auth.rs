//! Decisions for other proxies, as each kind of proxy asks for them.
//!
//! | module | holds |
//! |---|---|
//! | `decisions` | what is decided, in every dialect |
//! | `trust` | who may ask, and which headers count |
//! | `connections` | proxies' connections |

mod connections;
mod decisions;
mod trust;

use crate::client::{Answer, Client};
use crate::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    AuthRequest,
    Forwarded,
    ExtAuthz,
}

pub const ALL: [Dialect; 3] = [Dialect::AuthRequest, Dialect::Forwarded, Dialect::ExtAuthz];

impl Dialect {
    /// The target of the proxy's request.
    fn endpoint(self, path: &str) -> String {
        match self {
            Self::AuthRequest => "/authz/auth-request".into(),
            Self::Forwarded => "/authz/forward-auth?x=1".into(),
            Self::ExtAuthz => format!("/authz/ext-authz{path}"),
        }
    }

    /// What the proxy says of its client's request.
    fn lines(self, method: &str, host: &str, path: &str) -> Vec<String> {
        match self {
            Self::AuthRequest => vec![
                "Host: 127.0.0.1:9001".into(),
                format!("X-Original-Method: {method}"),
                format!("X-Original-URL: https://{host}{path}"),
                "X-Forwarded-For: 203.0.113.9".into(),
            ],
            Self::Forwarded => vec![
                "Host: gateway.internal".into(),
                format!("X-Forwarded-Method: {method}"),
                "X-Forwarded-Proto: https".into(),
                format!("X-Forwarded-Host: {host}"),
                format!("X-Forwarded-Uri: {path}"),
                "X-Forwarded-For: 203.0.113.9".into(),
            ],
            Self::ExtAuthz => vec![format!("Host: {host}"), "X-Forwarded-For: 203.0.113.9".into()],
        }
    }

    /// The proxy's whole request. `client`: header lines of its client's.
    pub fn request(self, method: &str, host: &str, path: &str, client: &str) -> String {
        let own = if self == Self::ExtAuthz { method } else { "GET" };
        let lines = self.lines(method, host, path).join("\r\n");
        format!("{own} {} HTTP/1.1\r\n{lines}\r\n{client}\r\n", self.endpoint(path))
    }

    /// Where nginx can pass on only 401 and 403.
    pub fn or_403(self, status: u16) -> u16 {
        if self == Self::AuthRequest { 403 } else { status }
    }
}

/// A proxy's connection to the gateway.
pub struct Asker(pub Client);

impl World {
    pub async fn asker(&self) -> Asker {
        Asker(Client::connect(self.forward_auth).await)
    }
}

impl Asker {
    pub async fn raw(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.0.send(request).await;
        self.0.answer(false).await.expect("an answer")
    }

    pub async fn ask(&mut self, dialect: Dialect, host: &str, path: &str, client: &str) -> Answer {
        self.raw(dialect.request("GET", host, path, client)).await
    }
}

/// The answer's only header of this name.
pub fn only<'a>(answer: &'a Answer, name: &str) -> &'a str {
    match answer.headers(name)[..] {
        [value] => value,
        ref other => panic!("{name}: {other:?} in {answer:?}"),
    }
}

pub fn outcome(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.reason())
}
