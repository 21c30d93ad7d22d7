//! The management plane.

use crate::http::{Call, Client, Reply};
use crate::secrets::Secrets;
use http::Method;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Clone)]
pub struct Rest {
    pub address: SocketAddr,
    pub account_id: String,
    pub api_token: String,
    pub client: Client,
    pub secrets: Arc<Secrets>,
}

/// Paths are below the account: `access/apps`.
impl Rest {
    /// With the API token, not yet sent.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let path = format!("/client/v4/accounts/{}/{path}", self.account_id);
        self.client
            .call(self.address, method, &path)
            .header("authorization", &format!("Bearer {}", self.api_token))
    }

    /// The same below the account's part of what is ours alone.
    pub fn call_own(&self, method: Method, path: &str) -> Call {
        let path = format!("/sallyport/v1/accounts/{}/{path}", self.account_id);
        let call = self.client.call(self.address, method, &path);
        call.header("authorization", &format!("Bearer {}", self.api_token))
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        let call = self.call(method, path);
        let reply = body.into_iter().fold(call, Call::json).send().await;
        if let Ok(answer) = serde_json::from_slice(&reply.body) {
            self.secrets.note_all(&answer);
        }
        reply
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Without a body.
    pub async fn command(&self, path: &str) -> Reply {
        self.send(Method::POST, path, None).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }
}

impl Reply {
    /// The result in an envelope of success.
    pub fn result(&self, status: u16) -> Value {
        let envelope = self.json();
        let is_success = envelope.get("success") == Some(&Value::Bool(true));
        let errors = envelope.get("errors").and_then(Value::as_array);
        assert!(
            self.status == status && is_success && errors.is_some_and(Vec::is_empty),
            "not {status}: {self:?}"
        );
        assert!(envelope.get("messages").is_some_and(Value::is_array), "no messages: {self:?}");
        envelope.get("result").cloned().unwrap_or_else(|| panic!("no result: {self:?}"))
    }

    /// The first error in an envelope of failure.
    pub fn failure(&self, status: u16) -> Value {
        let envelope = self.json();
        let is_failure = envelope.get("success") == Some(&Value::Bool(false));
        let is_null = envelope.get("result").is_some_and(Value::is_null);
        assert!(self.status == status && is_failure && is_null, "not a failure with {status}: {self:?}");
        let first = envelope.get("errors").and_then(|errors| errors.get(0)).cloned();
        let first = first.unwrap_or_else(|| panic!("no error: {self:?}"));
        let code = first.get("code").and_then(Value::as_u64).unwrap_or_default();
        let message = first.get("message").and_then(Value::as_str).unwrap_or_default();
        assert!(code >= 1000 && !message.is_empty(), "without code or message: {self:?}");
        first
    }
}
