//! Acts through the management API.

use super::World;
use super::case::Case;
use crate::http::{Client, Reply};
use crate::recorder::history::{Act, Answer, History};
use crate::recorder::{Finding, Names};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Between two attempts.
const RETRY: Duration = Duration::from_millis(200);

/// Where the management API is, and who we are there.
pub struct Api {
    pub address: SocketAddr,
    pub account_id: String,
    pub token: String,
}

pub struct Management {
    address: SocketAddr,
    /// Of the account.
    path: String,
    authorization: String,
    client: Client,
}

/// One request to the management API, below the account's `access/`.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
}

impl Request {
    pub fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        Self { method, path: path.into(), body }
    }
}

/// An application and its policy.
pub struct Application {
    pub id: String,
    pub policy_id: String,
}

impl Management {
    pub fn new(api: Api, client: Client) -> Self {
        let Api { address, account_id, token } = api;
        let path = format!("/client/v4/accounts/{account_id}/access");
        Self { address, path, authorization: format!("Bearer {token}"), client }
    }

    async fn send(&self, request: &Request) -> Result<Reply, String> {
        let Request { method, path, body } = request;
        let headers = [(AUTHORIZATION, self.authorization.as_str()), (CONTENT_TYPE, "application/json")];
        let headers = headers.get(..if body.is_some() { 2 } else { 1 }).unwrap_or_default();
        let path = format!("{}/{path}", self.path);
        let body = body.as_ref().map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        self.client.send(self.address, method.clone(), &path, headers, body).await
    }

    async fn must(&self, request: Request) -> Result<Value> {
        match self.send(&request).await {
            Ok(reply) if (200..300).contains(&reply.status) => result(&reply).context("no result"),
            Ok(reply) => bail!("{}: {}", reply.status, String::from_utf8_lossy(&reply.body)),
            Err(error) => bail!("{error}"),
        }
    }

    pub async fn make_open_application(&self, host: &str) -> Result<()> {
        let policy = json!({
            "name": "any live token", "decision": "non_identity", "include": [{"any_valid_service_token": {}}]
        });
        let body = json!({"type": "self_hosted", "name": host, "domain": host, "policies": [policy]});
        self.must(Request::new(Method::POST, "apps", Some(body))).await.map(drop)
    }

    /// Its id.
    pub async fn make_token(&self, name: &str) -> Result<String> {
        let made =
            self.must(Request::new(Method::POST, "service_tokens", Some(json!({"name": name})))).await?;
        text(&made, "id").context("no id")
    }
}

fn result(reply: &Reply) -> Option<Value> {
    let mut envelope: Value = serde_json::from_slice(&reply.body).ok()?;
    envelope.get_mut("result").map(Value::take)
}

fn text(value: &Value, name: &str) -> Option<String> {
    Some(value.get(name)?.as_str()?.to_owned())
}

/// What an answer says about its act.
fn read(act: Act, reply: &Result<Reply, String>) -> Answer {
    let Ok(reply) = reply else { return Answer::Unknown };
    match reply.status {
        // It promises nothing to anybody else, so nobody need confirm it.
        200..300 if act == Act::Create => Answer::Confirmed,
        200..300 => match reply.header("sallyport-propagation") {
            Some(header) if header.split("; ").any(|part| part == "not_confirmed=0") => Answer::Confirmed,
            _ => Answer::Unconfirmed,
        },
        400..500 => Answer::Refused,
        _ => Answer::Unknown,
    }
}

impl World {
    /// Sends one act on an existing case. What the answer says, and its result.
    pub async fn act(&self, case: &Case, act: Act, request: &Request) -> (Answer, Option<Value>) {
        let index = case.history.lock().invoke(act, self.recorder.clock.now());
        let reply = self.management.send(request).await;
        let mut answer = read(act, &reply);
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        if status == 404 {
            answer = self.gone(case, act);
        }
        let result = reply.ok().and_then(|reply| result(&reply));
        let secret = result.as_ref().and_then(|result| text(result, "client_secret"));
        let kept = self.recorder.answered(&case.history, &case.names, index, answer, secret.is_some());
        if let (Some(index), Some(secret)) = (kept, secret) {
            case.keep_secret(index, secret);
        }
        (answer, result)
    }

    /// What "not found" says: that an earlier attempt to delete it worked, or that something was lost.
    fn gone(&self, case: &Case, act: Act) -> Answer {
        let history = case.history.lock();
        let was_tried = history.done.iter().any(|done| {
            done.act == act && matches!(done.ended, Some((_, Answer::Unknown | Answer::Unconfirmed)))
        });
        if was_tried && matches!(act, Act::Delete | Act::DeleteApplication) {
            return Answer::Unconfirmed;
        }
        let Names { token, host } = &case.names;
        let evidence = format!("{act:?} of token {token} at {host} was answered 404: {:?}", history.done);
        drop(history);
        self.recorder.violation(Finding::Lost, evidence);
        Answer::Refused
    }

    /// Repeats an act until its end is known. `None` when the run is over first, or it cannot be done.
    pub async fn act_until_known(&self, case: &Case, act: Act, request: &Request) -> Option<()> {
        let (mut act, mut request) = (act, request.clone());
        for _ in 0..200 {
            self.pace.turn().await;
            if self.is_over() {
                return None;
            }
            match self.act(case, act, &request).await.0 {
                Answer::Confirmed | Answer::Unconfirmed => return Some(()),
                // It may have made a secret that nobody knows: only one without overlap makes an end of that.
                Answer::Unknown if act == Act::RotateWithOverlap => {
                    act = Act::Rotate;
                    request.body = None;
                }
                Answer::Refused | Answer::Unknown => {}
            }
            tokio::time::sleep(RETRY).await;
        }
        None
    }

    /// A new token at this host. `included` are the times of the policy edit that lets it in, if that has been made.
    pub async fn create_token(&self, host: &str, included: bool) -> Option<Arc<Case>> {
        let mut history = History::default();
        if included {
            let (invoked, answered) = self.open_since;
            let index = history.invoke(Act::Include, invoked);
            history.answer(index, answered, Answer::Confirmed, false);
        }
        let index = history.invoke(Act::Create, self.recorder.clock.now());
        let request = Request::new(Method::POST, "service_tokens", Some(json!({"name": "prove"})));
        let reply = self.management.send(&request).await;
        let answer = read(Act::Create, &reply);
        let made = reply.ok().and_then(|reply| result(&reply));
        let field = |name: &str| made.as_ref().and_then(|made| text(made, name));
        let names = Names { token: field("id").unwrap_or_default(), host: host.to_owned() };
        let case = Arc::new(Case::new(names, field("client_id").unwrap_or_default(), history));
        let secret = field("client_secret");
        let kept = self.recorder.answered(&case.history, &case.names, index, answer, secret.is_some());
        case.keep_secret(kept?, secret?);
        Some(case)
    }

    /// A new application at the case's host that lets its token in.
    pub async fn create_application(&self, case: &Case) -> Option<Application> {
        let policy = self.policy(case, true);
        let host = &case.names.host;
        let body = json!({"type": "self_hosted", "name": host, "domain": host, "policies": [policy]});
        let (answer, made) =
            self.act(case, Act::Include, &Request::new(Method::POST, "apps", Some(body))).await;
        if !matches!(answer, Answer::Confirmed | Answer::Unconfirmed) {
            return None;
        }
        let made = made?;
        Some(Application { id: text(&made, "id")?, policy_id: text(made.pointer("/policies/0")?, "id")? })
    }

    /// The application's policy, with the case's token in it or not.
    pub fn policy(&self, case: &Case, is_in: bool) -> Value {
        let named = |id: &str| json!({"service_token": {"token_id": id}});
        let mut include = vec![named(&self.decoy)];
        if is_in {
            include.push(named(&case.names.token));
        }
        json!({"name": "by name", "decision": "non_identity", "include": include})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    fn answered(act: Act, status: u16, propagation: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(propagation) = propagation {
            headers.insert("sallyport-propagation", HeaderValue::from_static(propagation));
        }
        read(act, &Ok(Reply { status, headers, body: Bytes::new() }))
    }

    #[test]
    fn only_what_says_that_nobody_is_left_is_confirmed() {
        let all = "position=3; confirmed=2; fenced=0; not_confirmed=0; elapsed_ms=2";
        let one_left = "position=3; confirmed=2; fenced=0; not_confirmed=1; elapsed_ms=10000";
        assert_eq!(answered(Act::Delete, 200, Some(all)), Answer::Confirmed);
        assert_eq!(answered(Act::EndSessions, 202, Some(all)), Answer::Confirmed);
        assert_eq!(answered(Act::Delete, 200, Some(one_left)), Answer::Unconfirmed);
        assert_eq!(answered(Act::Delete, 200, Some("not_confirmed=01")), Answer::Unconfirmed);
        assert_eq!(answered(Act::Delete, 200, None), Answer::Unconfirmed);
        assert_eq!(answered(Act::Create, 201, None), Answer::Confirmed);
    }

    #[test]
    fn an_error_of_the_server_or_none_at_all_says_nothing() {
        assert_eq!(answered(Act::Delete, 409, None), Answer::Refused);
        assert_eq!(answered(Act::Delete, 503, None), Answer::Unknown);
        assert_eq!(read(Act::Delete, &Err("reset".to_owned())), Answer::Unknown);
    }
}
