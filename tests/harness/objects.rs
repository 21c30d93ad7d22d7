//! Tokens, applications and policies, made by one line each.

use crate::http::Reply;
use crate::world::World;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub struct Token {
    pub id: String,
    pub name: String,
    pub client_id: String,
    pub client_secret: String,
    /// The whole answer.
    pub shown: Value,
}

#[derive(Debug, Clone)]
pub struct App {
    pub id: String,
    pub aud: String,
    pub domain: String,
    /// The whole answer.
    pub shown: Value,
}

impl Token {
    pub fn of(shown: Value) -> Self {
        let of = |name| field(&shown, name);
        Self {
            id: of("id"),
            name: of("name"),
            client_id: of("client_id"),
            client_secret: of("client_secret"),
            shown,
        }
    }

    pub fn path(&self) -> String {
        format!("access/service_tokens/{}", self.id)
    }

    /// The rule that names it.
    pub fn rule(&self) -> Value {
        json!({"service_token": {"token_id": self.id}})
    }

    #[must_use]
    pub fn with_secret(&self, client_secret: &str) -> Self {
        Self { client_secret: client_secret.to_owned(), ..self.clone() }
    }
}

impl App {
    pub fn of(shown: Value) -> Self {
        let of = |name| field(&shown, name);
        Self { id: of("id"), aud: of("aud"), domain: of("domain"), shown }
    }

    pub fn path(&self) -> String {
        format!("access/apps/{}", self.id)
    }

    /// The path of one of its policies.
    pub fn policy(&self, index: usize) -> String {
        let policy = self
            .shown
            .pointer(&format!("/policies/{index}"))
            .unwrap_or_else(|| panic!("no policy: {self:?}"));
        format!("{}/policies/{}", self.path(), field(policy, "id"))
    }
}

fn field(of: &Value, name: &str) -> String {
    let text = of.get(name).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("{name} is missing: {of}")).to_owned()
}

/// A policy whose `include` is a list of rules.
pub fn policy(decision: &str, include: &Value) -> Value {
    json!({"name": format!("{decision} policy"), "decision": decision, "include": include})
}

pub fn service_auth(tokens: &[&Token]) -> Value {
    policy("non_identity", &tokens.iter().map(|token| token.rule()).collect())
}

/// A block policy.
pub fn deny(include: &Value) -> Value {
    policy("deny", include)
}

impl World {
    pub async fn token(&self) -> Token {
        self.token_with(json!({})).await
    }

    /// With these fields beside its name.
    pub async fn token_with(&self, fields: Value) -> Token {
        let mut body = json!({"name": self.unique()});
        merge(&mut body, fields);
        Token::of(self.rest.post("access/service_tokens", &body).await.result(201))
    }

    /// At a host of its own.
    pub async fn app(&self, policies: &[Value]) -> App {
        self.app_with(json!({"policies": policies})).await
    }

    /// With these fields; at a host of its own unless they say where.
    pub async fn app_with(&self, fields: Value) -> App {
        App::of(self.try_app(fields).await.result(201))
    }

    pub async fn try_app(&self, fields: Value) -> Reply {
        let mut body = json!({"type": "self_hosted", "domain": self.unique_host()});
        merge(&mut body, fields);
        self.rest.post("access/apps", &body).await
    }

    /// An application that a new token opens.
    pub async fn opened(&self) -> (App, Token) {
        self.opened_with(json!({})).await
    }

    pub async fn opened_with(&self, mut fields: Value) -> (App, Token) {
        let token = self.token().await;
        merge(&mut fields, json!({"policies": [service_auth(&[&token])]}));
        (self.app_with(fields).await, token)
    }
}

fn merge(into: &mut Value, fields: Value) {
    if let (Value::Object(into), Value::Object(fields)) = (into, fields) {
        into.extend(fields);
    }
}
