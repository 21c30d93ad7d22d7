//! The first application, policy and token, made through the public API as an operator would.

use crate::dev::places::Places;
use crate::dev::state::{Application, ServiceToken, State};
use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method};
use serde_json::{Value, json};

const DOMAIN: &str = "app.localhost";

/// What there is to try.
pub struct Seeded {
    pub account_id: String,
    pub api_token: String,
    pub application: Application,
    pub service_token: ServiceToken,
    /// Only at the start that created it.
    pub client_secret: Option<String>,
}

struct Api<'a> {
    client: Client,
    base: String,
    token: &'a str,
}

impl Api<'_> {
    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        let request =
            self.client.request(method, format!("{}/{path}", self.base)).bearer_auth(self.token).json(&body);
        let answer = request.send().await.with_context(|| format!("calling the management API: {path}"))?;
        let status = answer.status();
        let envelope: Value = answer.json().await.context("the management API's answer is not JSON")?;
        match envelope.get("result") {
            Some(result) if status.is_success() => Ok(result.clone()),
            _ => bail!("the management API refused {path}: {status} {envelope}"),
        }
    }
}

fn text(result: &Value, field: &str) -> Result<String> {
    result
        .get(field)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("the answer has no {field}"))
}

/// Makes what is missing. Each step is remembered, so that a start that was cut off is taken up where it ended.
pub async fn seed(mut state: State, places: &Places, domain: Option<&str>) -> Result<Seeded> {
    let base = format!("http://{}/client/v4/accounts/{}/access", places.admin, state.memory.account_id);
    let api_token = state.memory.api_token.clone();
    let api = Api { client: Client::builder().no_proxy().build()?, base, token: &api_token };
    let mut client_secret = None;
    let service_token = if let Some(token) = state.memory.service_token.clone() {
        token
    } else {
        let created = api.call(Method::POST, "service_tokens", json!({ "name": "sample machine" })).await?;
        client_secret = Some(text(&created, "client_secret")?);
        let token = ServiceToken { id: text(&created, "id")?, client_id: text(&created, "client_id")? };
        state.memory.service_token = Some(token.clone());
        state.save()?;
        token
    };
    let application = match state.memory.application.clone() {
        Some(application) if domain.is_none_or(|domain| domain == application.domain) => application,
        Some(Application { id, .. }) => {
            let body = body(domain.unwrap_or(DOMAIN), None);
            read(&api.call(Method::PUT, &format!("apps/{id}"), body).await?)?
        }
        None => read(
            &api.call(Method::POST, "apps", body(domain.unwrap_or(DOMAIN), Some(&service_token.id))).await?,
        )?,
    };
    state.memory.application = Some(application.clone());
    state.save()?;
    Ok(Seeded {
        account_id: state.memory.account_id.clone(),
        api_token,
        application,
        service_token,
        client_secret,
    })
}

fn body(domain: &str, token_id: Option<&str>) -> Value {
    let policies = token_id.map(|token_id| {
        json!([{
            "name": "sample machine may enter",
            "decision": "non_identity",
            "include": [{ "service_token": { "token_id": token_id } }],
        }])
    });
    json!({ "type": "self_hosted", "name": "sample application", "domain": domain, "policies": policies })
}

fn read(result: &Value) -> Result<Application> {
    Ok(Application { id: text(result, "id")?, aud: text(result, "aud")?, domain: text(result, "domain")? })
}
