//! Protobuf to domain and back. Every field is named, so that a new one breaks the build here.

use crate::alert_policy::{AlertPolicy, Spec};
use crate::store::SentRow;
use crate::webhook::Webhook;
use proto::notifier as pb;

pub fn spec(spec: pb::AlertPolicySpec) -> Spec {
    let pb::AlertPolicySpec {
        name,
        description,
        alert_type,
        enabled,
        mechanisms,
        token_ids,
        alert_interval,
        settings_json,
    } = spec;
    let pb::Mechanisms { email, webhooks } = mechanisms.unwrap_or_default();
    Spec {
        name,
        description,
        alert_type,
        enabled,
        emails: email,
        webhooks,
        token_ids,
        alert_interval,
        settings_json,
    }
}

/// Puts the given fields of an update over what is stored.
pub fn updated(stored: Spec, request: pb::UpdateAlertPolicyRequest) -> Spec {
    let pb::UpdateAlertPolicyRequest {
        account_id: _,
        id: _,
        name,
        description,
        alert_type,
        enabled,
        mechanisms,
        filter,
        alert_interval,
        settings_json,
    } = request;
    let (emails, webhooks) = match mechanisms {
        Some(pb::Mechanisms { email, webhooks }) => (email, webhooks),
        None => (stored.emails, stored.webhooks),
    };
    Spec {
        name: name.unwrap_or(stored.name),
        description: description.unwrap_or(stored.description),
        alert_type: alert_type.unwrap_or(stored.alert_type),
        enabled: enabled.unwrap_or(stored.enabled),
        emails,
        webhooks,
        token_ids: filter.map_or(stored.token_ids, |filter| filter.token_ids),
        alert_interval: alert_interval.unwrap_or(stored.alert_interval),
        settings_json: settings_json.unwrap_or(stored.settings_json),
    }
}

pub fn policy(policy: AlertPolicy) -> pb::AlertPolicy {
    let AlertPolicy { id, account_id, spec, created_at_ms, modified_at_ms } = policy;
    let Spec {
        name,
        description,
        alert_type,
        enabled,
        emails,
        webhooks,
        token_ids,
        alert_interval,
        settings_json,
    } = spec;
    let spec = pb::AlertPolicySpec {
        name,
        description,
        alert_type,
        enabled,
        mechanisms: Some(pb::Mechanisms { email: emails, webhooks }),
        token_ids,
        alert_interval,
        settings_json,
    };
    pb::AlertPolicy { id, account_id, spec: Some(spec), created_at_ms, modified_at_ms }
}

pub fn webhook(webhook: Webhook) -> pb::Webhook {
    let Webhook { id, account_id, name, url, kind, created_at_ms, last_success_at_ms, last_failure_at_ms } =
        webhook;
    pb::Webhook {
        id,
        account_id,
        name,
        url,
        r#type: kind.as_str().to_owned(),
        created_at_ms,
        last_success_at_ms,
        last_failure_at_ms,
    }
}

pub fn delivery(row: SentRow) -> pb::Delivery {
    let SentRow {
        id,
        policy_id,
        policy_name,
        policy_description,
        alert_type,
        alert_body,
        mechanism,
        mechanism_type,
        ended_at_ms,
    } = row;
    pb::Delivery {
        id,
        policy_id,
        name: policy_name,
        description: policy_description,
        alert_type,
        alert_body,
        mechanism,
        mechanism_type,
        sent_at_ms: ended_at_ms,
    }
}
