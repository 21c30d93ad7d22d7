//! Settings of an application that its requests meet, in every front: what pages of other origins are told, what whoever
//! is refused is told, what a session is bound to; and what a client is told that has none.

mod bindings;
mod denials;
mod metadata;
mod origins;

use crate::client::Client;
use crate::ext_authz::{Asked, Envoy};
use crate::forward_auth::Dialect;
use crate::world::World;
use serde_json::Value;

impl World {
    /// Replaces an application's further settings. Returns when the gateway has them.
    pub async fn set(&self, domain: &str, settings: Value) {
        self.edit(domain, |spec| spec.settings_json = settings.to_string(), None).await;
    }

    async fn ask(&self, front: Front, method: &str, host: &str, lines: &[(&str, &str)]) -> Told {
        let text =
            lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
        let answer = match front {
            Front::Proxy => {
                let mut client = self.connect().await;
                client.send(format!("{method} / HTTP/1.1\r\nHost: {host}\r\n{text}\r\n")).await;
                client.answer(false).await.unwrap()
            }
            Front::Asked(dialect) => {
                let mut client = Client::connect(self.forward_auth).await;
                client.send(dialect.request(method, host, "/", &text)).await;
                client.answer(false).await.unwrap()
            }
            Front::Envoy => {
                let mut asked = Asked { method: method.to_owned(), ..Asked::new(host, "/") };
                for (name, value) in lines {
                    asked = asked.with(&name.to_ascii_lowercase(), value);
                }
                let verdict = Envoy::of(self).await.ask(&asked).await;
                let lines = if verdict.status == 200 { verdict.response } else { verdict.set };
                return Told { status: verdict.status, lines, body: verdict.body };
            }
        };
        let lines = answer.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let lines = lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Told { status: answer.status, lines, body: String::from_utf8(answer.body).unwrap() }
    }
}

/// Where a request is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Front {
    Proxy,
    /// By gRPC.
    Envoy,
    Asked(Dialect),
}

const FRONTS: [Front; 5] = [
    Front::Proxy,
    Front::Envoy,
    Front::Asked(Dialect::ExtAuthz),
    Front::Asked(Dialect::Forwarded),
    Front::Asked(Dialect::AuthRequest),
];

impl Front {
    /// It can pass on any answer of ours.
    fn carries_all(self) -> bool {
        !matches!(self, Self::Asked(Dialect::Forwarded | Dialect::AuthRequest))
    }

    fn is_nginx(self) -> bool {
        self == Self::Asked(Dialect::AuthRequest)
    }
}

/// What the client is told.
#[derive(Debug)]
struct Told {
    status: u16,
    lines: Vec<(String, String)>,
    body: String,
}

impl Told {
    fn all(&self, name: &str) -> Vec<&str> {
        self.lines.iter().filter(|(it, _)| it == name).map(|(_, value)| value.as_str()).collect()
    }

    /// `-`: it is not there.
    fn only(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [] => "-",
            [value] => value,
            ref several => panic!("{name}: {several:?}"),
        }
    }

    fn outcome(&self) -> (u16, &str) {
        (self.status, self.only("cf-access-error"))
    }

    fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.all("set-cookie");
        let mut values = lines.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        values.next()?.split(';').next().map(str::to_owned)
    }
}
