//! Webhook destinations.

use super::fields::Fields;
use super::time;
use model::Error;
use proto::notifier::{CreateWebhookRequest, UpdateWebhookRequest, Webhook};
use serde_json::{Value, json};

pub fn read_create(account_id: String, fields: &mut Fields) -> Result<CreateWebhookRequest, Error> {
    let (name, url) = (fields.required_text("name")?, fields.required_text("url")?);
    Ok(CreateWebhookRequest { account_id, name, url, secret: fields.text("secret")? })
}

/// Only what is given changes.
pub fn read_update(
    account_id: String,
    id: String,
    fields: &mut Fields,
) -> Result<UpdateWebhookRequest, Error> {
    let (name, url, secret) = (fields.text("name")?, fields.text("url")?, fields.text("secret")?);
    Ok(UpdateWebhookRequest { account_id, id, name, url, secret })
}

/// Without its secret, which is written only.
pub fn view(webhook: Webhook) -> Value {
    let Webhook {
        id,
        account_id: _,
        name,
        url,
        r#type,
        created_at_ms,
        last_success_at_ms,
        last_failure_at_ms,
    } = webhook;
    json!({
        "id": id,
        "name": name,
        "url": url,
        "type": r#type,
        "created_at": time(created_at_ms),
        "last_success": last_success_at_ms.map(time),
        "last_failure": last_failure_at_ms.map(time),
    })
}
