//! What is recorded of a change: the object before and after, without digests.

use crate::api_token::ApiToken;
use crate::token::Token;
use audit::Record;
use model::Timestamp;
use serde_json::{Value, json};

fn time(millis: i64) -> String {
    Timestamp::from_millis(millis).to_string()
}

pub(super) fn of_token<'a>(
    operation: &'static str,
    before: Option<&'a Token>,
    after: Option<&'a Token>,
) -> Record<'a> {
    let shown = |token: &Token| -> Value {
        json!({
            "name": token.name,
            "client_id": token.client_id,
            "duration": token.duration,
            "enabled": token.enabled,
            "expires_at": time(token.expires_at_ms),
            "client_secret_version": token.secret_version,
            "previous_client_secret_expires_at": token.previous_expires_at_ms.map(time),
        })
    };
    let (account_id, object_id) =
        after.or(before).map(|token| (&*token.account_id, &*token.id)).unwrap_or_default();
    Record {
        account_id,
        operation,
        object_kind: "service_token",
        object_id,
        before: before.map(shown),
        after: after.map(shown),
    }
}

pub(super) fn of_api_token<'a>(
    operation: &'static str,
    before: Option<&'a ApiToken>,
    after: Option<&'a ApiToken>,
) -> Record<'a> {
    let shown = |token: &ApiToken| -> Value {
        json!({
            "name": token.name,
            "scopes": token.scopes,
            "enabled": token.enabled,
            "expires_on": token.expires_at_ms.map(time),
        })
    };
    let (account_id, object_id) =
        after.or(before).map(|token| (&*token.account_id, &*token.id)).unwrap_or_default();
    Record {
        account_id,
        operation,
        object_kind: "api_token",
        object_id,
        before: before.map(shown),
        after: after.map(shown),
    }
}
