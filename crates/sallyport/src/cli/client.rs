//! The management API: one call, its answer, and how far a change has come.

use super::exit::{Code, Failure, Outcome};
use super::output::Out;
use super::progress::Progress;
use super::target::{self, Common, Target};
use clap::{Args, ValueEnum};
use reqwest::{Method, Url, redirect};
use serde_json::{Value, json};
use std::time::Duration;

/// The API itself waits 10 s for a confirmation.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
const PER_PAGE: usize = 500;
const NOT_CONFIRMED: [u64; 2] = [12_201, 12_203];

/// Whether to wait until every enforcement point has a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wait {
    /// Answer once it is committed.
    None,
    /// Answer once every enforcement point has it.
    Confirmed,
}

#[derive(Args, Debug, Clone)]
pub struct Change {
    /// Whether to wait until every enforcement point has the change.
    #[arg(long, value_enum, default_value = "confirmed", value_name = "HOW")]
    pub wait: Wait,
}

/// A success.
#[derive(Debug)]
pub struct Answer {
    pub result: Value,
    messages: Vec<Value>,
    propagation: Option<String>,
    /// Of a page.
    info: Value,
}

pub struct Client {
    http: reqwest::Client,
    pub target: Target,
    pub out: Out,
}

/// Below the account: the public contract, or what is ours alone.
#[derive(Clone, Copy)]
pub enum Root {
    Contract,
    Ours,
}

pub type Query<'a> = &'a [(&'a str, &'a str)];

/// That of the management API: a redirect would take the token somewhere else.
pub fn http() -> Outcome<reqwest::Client> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(PATIENCE)
        .user_agent(concat!("sallyport/", env!("CARGO_PKG_VERSION")));
    client.build().map_err(|error| Failure::failed(format!("no HTTP client: {error}")))
}

impl Client {
    pub fn new(common: &Common, out: Out) -> Outcome<Self> {
        Self::of(target::resolve(common, target::environment)?, out)
    }

    pub fn of(target: Target, out: Out) -> Outcome<Self> {
        Ok(Self { http: http()?, target, out })
    }

    pub async fn get(&self, path: &[&str], query: Query<'_>) -> Outcome<Value> {
        Ok(self.call(Root::Contract, Method::GET, path, query, None).await?.result)
    }

    /// What the presented token is worth. Any good one may ask.
    pub async fn verify(&self) -> Outcome<Value> {
        self.get(&["tokens", "verify"], &[]).await
    }

    /// Every object of a list, page after page.
    pub async fn list(&self, path: &[&str], query: Query<'_>) -> Outcome<Vec<Value>> {
        let mut all = Vec::new();
        for page in 1_u32.. {
            let (page, per_page) = (page.to_string(), PER_PAGE.to_string());
            let mut query = query.to_vec();
            query.extend([("page", page.as_str()), ("per_page", per_page.as_str())]);
            let Value::Array(objects) = self.get(path, &query).await? else {
                return Err(Failure::failed("the API did not answer with a list"));
            };
            let count = objects.len();
            all.extend(objects);
            if count < PER_PAGE {
                break;
            }
        }
        Ok(all)
    }

    pub async fn post(&self, path: &[&str], body: &Value) -> Outcome<Answer> {
        self.call(Root::Contract, Method::POST, path, &[], Some(body)).await
    }

    /// A change that waits as it is told.
    pub async fn change(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
        Change { wait }: &Change,
    ) -> Outcome<Answer> {
        self.call(Root::Contract, method, path, &[wait.query()], body).await
    }

    pub async fn call(
        &self,
        root: Root,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Outcome<Answer> {
        let root: &[&str] = match root {
            Root::Contract => &["client", "v4", "accounts"],
            Root::Ours => &["sallyport", "v1", "accounts"],
        };
        let path: Vec<&str> =
            root.iter().copied().chain([self.target.account.as_str()]).chain(path.iter().copied()).collect();
        self.send(method, &path, query, body).await
    }

    /// A path from the API's root.
    pub async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Outcome<Answer> {
        let url = below(&self.target.admin, path, query)?;
        let request = self.http.request(method, url).bearer_auth(self.target.api_token.expose());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let waiting = Progress::start(&self.out, "waiting for the management API");
        let answer = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = answer.status().as_u16();
        let header = answer.headers().get("sallyport-propagation").and_then(|it| it.to_str().ok());
        let propagation = header.map(str::to_owned);
        let text = answer.bytes().await.map_err(|error| self.unreachable(error))?;
        drop(waiting);
        read(status, &text, propagation)
    }

    /// Asks without reading an envelope: whether somebody is there, and what time it is for them.
    pub async fn date(&self) -> Outcome<Option<String>> {
        let url = below(&self.target.admin, &["client", "v4"], &[])?;
        let answer = self.http.get(url).send().await.map_err(|error| self.unreachable(error))?;
        Ok(answer.headers().get("date").and_then(|it| it.to_str().ok()).map(str::to_owned))
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let why = if error.is_timeout() {
            "no answer in time".to_owned()
        } else {
            // The innermost cause says what happened.
            let mut cause: &dyn std::error::Error = &error;
            while let Some(source) = cause.source() {
                cause = source;
            }
            cause.to_string()
        };
        Failure::new(Code::Unavailable, format!("cannot ask {}: {why}", self.target.admin))
    }
}

fn below(admin: &Url, path: &[&str], query: Query<'_>) -> Outcome<Url> {
    let mut url = admin.clone();
    // "." and ".." would leave the path that is meant.
    if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err(Failure::usage("an id or name must not be empty, . or .."));
    }
    url.path_segments_mut().map_err(|()| Failure::usage("not a base address"))?.pop_if_empty().extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

fn read(status: u16, text: &[u8], propagation: Option<String>) -> Outcome<Answer> {
    let mut envelope: Value = serde_json::from_slice(text).unwrap_or_default();
    let mut taken = |name: &str| envelope.get_mut(name).map(Value::take);
    let list = |value: Option<Value>| match value {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let messages = list(taken("messages"));
    match (status, taken("result")) {
        (200..300, Some(result)) => {
            Ok(Answer { result, messages, propagation, info: taken("result_info").unwrap_or_default() })
        }
        (200..300, None) => Err(Failure::failed("what answers there is not the management API")),
        _ => Err(Failure::refused(status, list(taken("errors")))),
    }
}

impl Wait {
    pub const fn query(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("wait", "none"),
            Self::Confirmed => ("wait", "confirmed"),
        }
    }
}

impl Answer {
    /// Where the next page begins; empty: there is none.
    pub fn cursor(&self) -> &str {
        self.info.get("cursor").and_then(Value::as_str).unwrap_or_default()
    }

    /// Says what the API noted, and how far the change has come.
    ///
    /// # Errors
    /// [`Code::NotConfirmed`]: the change stands, and not every enforcement point has it.
    pub fn settle(&self, out: &Out) -> Outcome {
        let mut doubts = Vec::new();
        for message in &self.messages {
            let text = message.get("message").and_then(Value::as_str).unwrap_or_default();
            let code = message.get("code").and_then(Value::as_u64).unwrap_or_default();
            if NOT_CONFIRMED.contains(&code) {
                doubts.push(text);
            } else {
                out.note(&format!("note: {text}"));
            }
        }
        if doubts.is_empty() {
            if let Some(propagation) = &self.propagation {
                out.note(&told(propagation));
            }
            return Ok(());
        }
        Err(Failure::new(Code::NotConfirmed, doubts.join("; ")))
    }
}

/// `position=3; confirmed=2; fenced=0; …` for people.
fn told(propagation: &str) -> String {
    let part = |name: &str| {
        let found = propagation.split("; ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or("?").to_owned()
    };
    match (part("confirmed").as_str(), part("fenced").as_str()) {
        ("0", "0") => "committed, without waiting for the enforcement points".to_owned(),
        (confirmed, "0") => format!("confirmed by {confirmed} in {} ms", part("elapsed_ms")),
        (confirmed, fenced) => {
            format!(
                "confirmed by {confirmed} in {} ms; {fenced} have lost their lease and admit nobody",
                part("elapsed_ms")
            )
        }
    }
}

/// The members that are given.
pub fn body<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let mut body = json!({});
    for (name, value) in members {
        if let Some(value) = value {
            set(&mut body, name, value);
        }
    }
    body
}

/// Puts one member into a body.
pub fn set(body: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = body {
        members.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_path() {
        let admin = target::url("https://admin.example.com/prefix/").unwrap();
        let url = below(&admin, &["client", "v4", "a/b?c#d"], &[("name", "x&y=z")]).unwrap();
        assert_eq!(url.as_str(), "https://admin.example.com/prefix/client/v4/a%2Fb%3Fc%23d?name=x%26y%3Dz");
        for wrong in ["..", ".", ""] {
            assert_eq!(below(&admin, &["access", wrong], &[]).unwrap_err().code, Code::Usage);
        }
    }

    #[test]
    fn what_is_not_confirmed_ends_with_a_code_of_its_own() {
        let out = Out::new(true);
        let text = r#"{"success":true,"errors":[],"messages":[{"code":12201,"message":"gw-2 has not"}],"result":{"id":"1"}}"#;
        let answer = read(200, text.as_bytes(), None).unwrap();
        assert_eq!(answer.result, json!({"id": "1"}));
        let failure = answer.settle(&out).unwrap_err();
        assert_eq!((failure.code, failure.message.as_str()), (Code::NotConfirmed, "gw-2 has not"));
        let inert = r#"{"messages":[{"code":12202,"message":"without effect"}],"result":null}"#;
        read(200, inert.as_bytes(), None).unwrap().settle(&out).unwrap();
    }

    #[test]
    fn what_is_not_an_envelope_is_not_a_success() {
        assert_eq!(read(200, b"<html>", None).unwrap_err().code, Code::Failed);
        assert_eq!(read(502, b"<html>", None).unwrap_err().code, Code::Unavailable);
        let gone = br#"{"errors":[{"code":12135,"message":"gone"}],"result":null}"#;
        assert_eq!(read(404, gone, None).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        let page = br#"{"result":[],"result_info":{"count":0,"cursor":"7.a1"}}"#;
        assert_eq!(read(200, page, None).unwrap().cursor(), "7.a1");
        assert_eq!(read(200, br#"{"result":[]}"#, None).unwrap().cursor(), "");
    }

    #[test]
    fn propagation_is_told_in_words() {
        let of = |confirmed: u32, fenced: u32| {
            told(&format!(
                "position=3; confirmed={confirmed}; fenced={fenced}; not_confirmed=0; elapsed_ms=12"
            ))
        };
        assert_eq!(of(2, 0), "confirmed by 2 in 12 ms");
        assert_eq!(of(1, 1), "confirmed by 1 in 12 ms; 1 have lost their lease and admit nobody");
        assert!(of(0, 0).contains("without waiting"));
    }
}
