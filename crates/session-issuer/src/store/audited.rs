//! What is recorded of a change. Keys by their names alone.

use super::{Revoked, Settings};
use audit::Record;
use serde_json::{Value, json};
use session_token::KeyId;

/// Sessions are stored nowhere: there is no state before, and after it the feed's position.
pub(super) fn of_sessions<'a>(
    account_id: &'a str,
    revoked: Revoked,
    object_id: &'a str,
    revoked_as_of: u64,
) -> Record<'a> {
    let object_kind = match revoked {
        Revoked::Application(_) => "application",
        Revoked::Token(_) => "service_token",
        Revoked::Session(_) => "session",
    };
    let after = Some(json!({"sessions_revoked_as_of": revoked_as_of}));
    Record { account_id, operation: "revoke_sessions", object_kind, object_id, before: None, after }
}

pub(super) fn of_settings<'a>(account_id: &'a str, before: &Settings, after: &Settings) -> Record<'a> {
    let shown = |settings: &Settings| -> Option<Value> {
        Some(json!({
            "key_rotation_interval_days": settings.interval_days,
            "last_key_rotation_at": settings.last_rotation_at.to_string(),
        }))
    };
    Record {
        account_id,
        operation: "update",
        object_kind: "key_settings",
        object_id: account_id,
        before: shown(before),
        after: shown(after),
    }
}

/// What has become of an account's keys.
pub(super) struct KeyChange {
    pub signing: KeyId,
    /// If the change has made one.
    pub next: Option<KeyId>,
    /// The key that the change was about, and what it was.
    pub before: Option<(KeyId, &'static str)>,
}

pub(super) fn of_key<'a>(
    operation: &'static str,
    account_id: &'a str,
    object_id: &'a str,
    change: &KeyChange,
) -> Record<'a> {
    let KeyChange { signing, next, before } = change;
    let before = before.map(|(kid, usage)| json!({"kid": kid.to_string(), "use": usage}));
    let next = next.map(|kid| kid.to_string());
    let after = json!({"signing_kid": signing.to_string(), "next_kid": next});
    Record { account_id, operation, object_kind: "signing_key", object_id, before, after: Some(after) }
}
