//! Service tokens.

use super::fields::Fields;
use super::time;
use model::Error;
use proto::change_feed::Wait;
use proto::token_registry::{CreateTokenRequest, RotateTokenRequest, Token, UpdateTokenRequest};
use serde_json::{Map, Value, json};

pub fn read_create(account_id: String, fields: &mut Fields) -> Result<CreateTokenRequest, Error> {
    Ok(CreateTokenRequest {
        account_id,
        name: fields.required_text("name")?,
        duration: fields.text("duration")?,
        client_secret_version: fields.integer("client_secret_version")?,
        previous_client_secret_expires_at_ms: fields.time("previous_client_secret_expires_at")?,
        enabled: fields.flag("enabled")?,
    })
}

/// Only what is given changes.
pub fn read_update(
    account_id: String,
    id: String,
    wait: Wait,
    fields: &mut Fields,
) -> Result<UpdateTokenRequest, Error> {
    Ok(UpdateTokenRequest {
        account_id,
        id,
        name: fields.text("name")?,
        duration: fields.text("duration")?,
        enabled: fields.flag("enabled")?,
        client_secret_version: fields.integer("client_secret_version")?,
        previous_client_secret_expires_at_ms: fields.time("previous_client_secret_expires_at")?,
        wait: wait.into(),
    })
}

pub fn read_rotate(
    account_id: String,
    id: String,
    wait: Wait,
    fields: &mut Fields,
) -> Result<RotateTokenRequest, Error> {
    let previous_client_secret_expires_at_ms = fields.time("previous_client_secret_expires_at")?;
    Ok(RotateTokenRequest { account_id, id, previous_client_secret_expires_at_ms, wait: wait.into() })
}

/// `client_secret` is shown by the calls that have just made it, and never again.
pub fn view(token: Token, client_secret: Option<String>) -> Value {
    let Token {
        id,
        account_id: _,
        name,
        client_id,
        duration,
        enabled,
        created_at_ms,
        updated_at_ms,
        expires_at_ms,
        client_secret_version,
        previous_client_secret_expires_at_ms,
        last_seen_at_ms,
        revoked_as_of: _,
        previous_client_secret_version: _,
        restored_client_secret_version: _,
    } = token;
    let mut shown = Map::new();
    let mut show = |field: &str, value: Value| shown.insert(field.to_owned(), value);
    show("id", json!(id));
    show("name", json!(name));
    show("client_id", json!(client_id));
    if let Some(client_secret) = client_secret {
        show("client_secret", json!(client_secret));
    }
    show("client_secret_version", json!(client_secret_version));
    if let Some(at) = previous_client_secret_expires_at_ms {
        show("previous_client_secret_expires_at", json!(time(at)));
    }
    show("duration", json!(duration));
    show("enabled", json!(enabled));
    show("created_at", json!(time(created_at_ms)));
    show("updated_at", json!(time(updated_at_ms)));
    show("expires_at", json!(time(expires_at_ms)));
    if let Some(at) = last_seen_at_ms {
        show("last_seen_at", json!(time(at)));
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_as_the_contract_says() {
        let token = Token {
            id: "4f0c".into(),
            client_secret_version: 2,
            expires_at_ms: 253_370_764_800_000,
            duration: "forever".into(),
            ..Token::default()
        };
        let shown = view(token.clone(), None);
        assert_eq!(shown["expires_at"], "9999-01-01T00:00:00Z");
        assert_eq!(shown["client_secret_version"].to_string(), "2");
        for absent in ["client_secret", "previous_client_secret_expires_at", "last_seen_at", "account_id"] {
            assert!(shown.get(absent).is_none(), "{absent}");
        }
        assert_eq!(view(token, Some("spst_x".into()))["client_secret"], "spst_x");
    }

    #[test]
    fn what_a_caller_may_not_set_is_ignored() {
        let Value::Object(body) = json!({"name": "ci", "id": 5, "client_id": [], "account_id": "other", "expires_at": {}, "enabled": null})
        else {
            panic!()
        };
        let request = read_create("mine".into(), &mut Fields::body(body)).unwrap();
        assert_eq!(
            (request.account_id.as_str(), request.name.as_str(), request.enabled),
            ("mine", "ci", None)
        );
    }
}
