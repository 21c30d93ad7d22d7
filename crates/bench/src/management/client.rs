//! Who manages tokens: one keep-alive connection to the REST API.

use super::site::API_TOKEN;
use crate::load::Connection;
use crate::series::now;
use anyhow::{Context as _, Result, ensure};
use model::AccountId;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// Whether a change is answered before the gateway has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    None,
    Confirmed,
}

pub struct Client {
    connection: Connection,
    tokens: String,
}

impl Client {
    pub async fn open(address: SocketAddr, account: AccountId) -> Result<Self> {
        let connection = Connection::open(address).await?;
        Ok(Self { connection, tokens: format!("/client/v4/accounts/{account}/access/service_tokens") })
    }

    /// How long it took, and how many tokens the page shows.
    pub async fn page(&mut self, number: u32, size: u32) -> Result<(Duration, u32)> {
        let rest = format!("?page={number}&per_page={size}");
        let (took, result) = self.call("GET", &rest, "", 200).await?;
        Ok((took, u32::try_from(result.as_array().context("the page is no list")?.len())?))
    }

    /// How long it took, and the new token's id.
    pub async fn create(&mut self) -> Result<(Duration, String)> {
        let (took, result) = self.call("POST", "", r#"{"name":"benchmark"}"#, 201).await?;
        let id = result.get("id").and_then(Value::as_str).context("the new token has no id")?;
        Ok((took, id.to_owned()))
    }

    pub async fn read(&mut self, id: &str) -> Result<Duration> {
        Ok(self.call("GET", &format!("/{id}"), "", 200).await?.0)
    }

    /// Disables it, so that there is something to enforce.
    pub async fn update(&mut self, id: &str, wait: Wait) -> Result<Duration> {
        let rest = format!("/{id}?wait={}", wait.word());
        Ok(self.call("PUT", &rest, r#"{"name":"changed","enabled":false}"#, 200).await?.0)
    }

    pub async fn delete(&mut self, id: &str, wait: Wait) -> Result<Duration> {
        Ok(self.call("DELETE", &format!("/{id}?wait={}", wait.word()), "", 200).await?.0)
    }

    /// How long the answer took, and its `result`. A confirmed change must have been confirmed by the one gateway.
    async fn call(
        &mut self,
        method: &str,
        rest: &str,
        body: &str,
        expected: u16,
    ) -> Result<(Duration, Value)> {
        let request = format!(
            "{method} {}{rest} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {API_TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.tokens,
            body.len()
        );
        let begun = now();
        let (head, body) = self.connection.exchange(request.as_bytes()).await?;
        let took = now().since(begun);
        let head = String::from_utf8_lossy(head);
        ensure!(
            head.starts_with(&format!("HTTP/1.1 {expected} ")),
            "{method}: the answer is not {expected}: {head}{}",
            String::from_utf8_lossy(body)
        );
        if rest.ends_with("wait=confirmed") {
            // The gateway, and the registry's own replica.
            let is_confirmed = head.contains(" confirmed=2; fenced=0; not_confirmed=0;");
            ensure!(is_confirmed, "{method}: the gateway did not confirm it: {head}");
        }
        let mut answer: Value = serde_json::from_slice(body).context("the answer is no JSON")?;
        Ok((took, answer.get_mut("result").map(Value::take).unwrap_or_default()))
    }
}

impl Wait {
    const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Confirmed => "confirmed",
        }
    }
}
