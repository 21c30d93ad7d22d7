//! Requests through the gateways.

use super::World;
use super::case::Case;
use crate::chance::Chance;
use crate::http::Reply;
use crate::recorder::history::{Credential, Session};
use crate::recorder::{Asked, Outcome};
use crate::upstream::MARK;
use bytes::Bytes;
use futures::future::join_all;
use http::header::{COOKIE, HOST};
use http::{HeaderName, Method};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const CLIENT_ID: HeaderName = HeaderName::from_static("cf-access-client-id");
const CLIENT_SECRET: HeaderName = HeaderName::from_static("cf-access-client-secret");

impl World {
    /// One request with this credential through the gateway with this index, judged. Whether it was admitted.
    pub async fn ask(&self, case: &Case, credential: Credential, gateway: usize) -> bool {
        let (Some(text), Some(address)) = (case.text(credential), self.gateways.get(gateway)) else {
            return false;
        };
        let cookie;
        let host = (HOST, case.names.host.as_str());
        let headers = match credential {
            Credential::Pair(_) => vec![host, (CLIENT_ID, &case.client_id), (CLIENT_SECRET, &text)],
            Credential::Session(_) => {
                cookie = format!("CF_Authorization={text}");
                vec![host, (COOKIE, &cookie)]
            }
        };
        let sent = self.recorder.clock.now();
        let reply = self.clients.send(*address, Method::GET, "/", &headers, Bytes::new()).await;
        let received = self.recorder.clock.now();
        if let (Credential::Pair(secret), Ok(reply)) = (credential, &reply)
            && let Some(session) = session(reply)
        {
            case.keep_session(&self.recorder, Session { secret, asked: sent, received }, session);
        }
        let outcome = read(reply);
        let is_admitted = outcome == Outcome::Admitted;
        let asked = Asked { credential, gateway: gateway + 1, sent, received, outcome };
        self.recorder.asked(&case.history, &case.names, &asked);
        is_admitted
    }

    /// The same at every gateway at once. Whether all admitted it.
    pub async fn ask_everywhere(&self, case: &Case, credential: Credential) -> bool {
        let asked = (0..self.gateways.len()).map(|gateway| self.ask(case, credential, gateway));
        join_all(asked).await.into_iter().all(|is_admitted| is_admitted)
    }

    pub fn any_gateway(&self, chance: &mut Chance) -> usize {
        chance.below(self.gateways.len())
    }

    /// A client that uses the case's credentials, new and old, at any gateway until `end`.
    pub async fn use_until(self: Arc<Self>, case: Arc<Case>, mut chance: Chance, end: CancellationToken) {
        let use_it = async {
            loop {
                let credential = match chance.below(10) {
                    0..4 => case.newest_pair(),
                    4..8 => case.newest_session(),
                    _ => case.any(&mut chance),
                };
                if let Some(credential) = credential {
                    self.ask(&case, credential, self.any_gateway(&mut chance)).await;
                }
                let pause = u64::try_from(self.volume.pause.as_micros()).unwrap_or_default();
                let pause = pause / 2 + chance.next() % pause.max(1);
                tokio::time::sleep(Duration::from_micros(pause)).await;
            }
        };
        let _: Option<()> = end.run_until_cancelled(use_it).await;
    }
}

fn read(reply: Result<Reply, String>) -> Outcome {
    match reply {
        Err(error) => Outcome::Unavailable(error),
        Ok(reply) if reply.headers.contains_key(MARK) => Outcome::Admitted,
        Ok(reply) if (400..500).contains(&reply.status) => {
            Outcome::Refused(reply.status, reply.header("cf-access-error").unwrap_or_default().to_owned())
        }
        Ok(reply) => Outcome::Unavailable(reply.status.to_string()),
    }
}

/// The session that an answer brings.
fn session(reply: &Reply) -> Option<&str> {
    let lines = reply.headers.get_all("set-cookie");
    let line = lines.iter().find_map(|line| line.to_str().ok()?.strip_prefix("CF_Authorization="))?;
    line.split(';').next().filter(|session| !session.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    fn reply(status: u16, headers: &[(&'static str, &'static str)]) -> Reply {
        let lines = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Reply { status, headers: lines.collect::<HeaderMap>(), body: Bytes::new() }
    }

    #[test]
    fn admitted_is_what_the_application_answered_and_nothing_else() {
        assert_eq!(read(Ok(reply(200, &[("x-prove-admitted", "yes")]))), Outcome::Admitted);
        assert_eq!(read(Ok(reply(404, &[("x-prove-admitted", "yes")]))), Outcome::Admitted);
        assert_eq!(read(Ok(reply(200, &[]))), Outcome::Unavailable("200".to_owned()));
        let refused = Outcome::Refused(401, "TOKEN_UNKNOWN".to_owned());
        assert_eq!(read(Ok(reply(401, &[("cf-access-error", "TOKEN_UNKNOWN")]))), refused);
        assert_eq!(read(Ok(reply(503, &[]))), Outcome::Unavailable("503".to_owned()));
        assert_eq!(read(Err("reset".to_owned())), Outcome::Unavailable("reset".to_owned()));
    }

    #[test]
    fn a_session_is_read_out_of_its_cookie() {
        let line = "CF_Authorization=a.b.c; Path=/; HttpOnly";
        assert_eq!(session(&reply(200, &[("set-cookie", line)])), Some("a.b.c"));
        assert_eq!(session(&reply(200, &[("set-cookie", "other=1")])), None);
    }
}
