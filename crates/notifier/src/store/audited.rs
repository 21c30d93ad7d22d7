//! What is recorded of a change: the object before and after. Of a webhook no secret, and of its URL where it leads, since
//! with some services the rest is the secret.

use crate::alert_policy::AlertPolicy;
use crate::webhook::{Webhook, parse_url};
use audit::Record;
use audit::state::settings;
use serde_json::{Value, json};

pub(super) fn of_policy<'a>(
    operation: &'static str,
    before: Option<&'a AlertPolicy>,
    after: Option<&'a AlertPolicy>,
) -> Record<'a> {
    let shown = |policy: &AlertPolicy| -> Value {
        let spec = &policy.spec;
        json!({
            "name": spec.name,
            "description": spec.description,
            "alert_type": spec.alert_type,
            "enabled": spec.enabled,
            "emails": spec.emails,
            "webhooks": spec.webhooks,
            "token_ids": spec.token_ids,
            "alert_interval": spec.alert_interval,
            "settings": settings(&spec.settings_json),
        })
    };
    let (account_id, object_id) =
        after.or(before).map(|policy| (&*policy.account_id, &*policy.id)).unwrap_or_default();
    Record {
        account_id,
        operation,
        object_kind: "alert_policy",
        object_id,
        before: before.map(shown),
        after: after.map(shown),
    }
}

/// A webhook and its sealed secret.
pub(super) type WithSecret<'a> = (&'a Webhook, Option<&'a [u8]>);

pub(super) fn of_webhook<'a>(
    operation: &'static str,
    before: Option<WithSecret<'a>>,
    after: Option<WithSecret<'a>>,
) -> Record<'a> {
    let shown = |(webhook, secret): WithSecret<'_>| {
        json!({
            "name": webhook.name,
            "type": webhook.kind.as_str(),
            "url": place(&webhook.url),
            "has_secret": secret.is_some(),
        })
    };
    let mut now = after.map(shown);
    // What cannot be seen of it is named.
    if let (Some(before), Some(after), Some(Value::Object(now))) = (before, after, &mut now) {
        let is_changed = [("url", before.0.url != after.0.url), ("secret", before.1 != after.1)];
        let changed: Vec<_> = is_changed.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        now.insert("changed".to_owned(), json!(changed));
    }
    let (account_id, object_id) =
        after.or(before).map(|(webhook, _)| (&*webhook.account_id, &*webhook.id)).unwrap_or_default();
    Record { account_id, operation, object_kind: "webhook", object_id, before: before.map(shown), after: now }
}

/// Scheme, host and port.
fn place(url: &str) -> String {
    parse_url(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}
