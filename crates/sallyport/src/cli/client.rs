//! The management API: one call, and the address it goes to. [`Answer`] is what comes of it.

mod answer;

pub use answer::Answer;

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
        self.list_of(Root::Contract, path, query).await
    }

    /// The same of what is ours alone.
    pub async fn list_own(&self, path: &[&str]) -> Outcome<Vec<Value>> {
        self.list_of(Root::Ours, path, &[]).await
    }

    async fn list_of(&self, root: Root, path: &[&str], query: Query<'_>) -> Outcome<Vec<Value>> {
        let mut all = Vec::new();
        for page in 1_u32.. {
            let (page, per_page) = (page.to_string(), PER_PAGE.to_string());
            let mut query = query.to_vec();
            query.extend([("page", page.as_str()), ("per_page", per_page.as_str())]);
            let page = self.call(root, Method::GET, path, &query, None).await?;
            let Value::Array(objects) = page.result else {
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
        answer::read(status, &text, propagation)
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

impl Wait {
    pub const fn query(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("wait", "none"),
            Self::Confirmed => ("wait", "confirmed"),
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
}
