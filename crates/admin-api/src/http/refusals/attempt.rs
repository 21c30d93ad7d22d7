//! What is recorded of a request that was refused: which call, about what, whose. Nothing of its body, and of its path
//! nothing but ids.

use crate::http::listen::Peer;
use crate::http::observe::RequestId;
use axum::extract::Request;
use http::header::USER_AGENT;
use http::{Method, StatusCode};
use model::AccountId;
use proto::audit::{Actor, AuditRecord};
use uuid::Uuid;

/// Of a user agent, as it is recorded.
const LONGEST_AGENT: usize = 64;

/// Who asked with a good API token, and the account that it is of. In a response's extensions.
#[derive(Clone)]
pub struct Asking {
    pub actor: Actor,
    pub account_id: String,
}

/// What is known of a caller who has not shown an API token.
pub fn seen(request: &Request) -> Actor {
    let agent = request.headers().get(USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let product = agent.split_whitespace().next().unwrap_or_default();
    // Somebody's secret in the wrong place is no product.
    let is_secret = ["spst_", "spat_"].iter().any(|prefix| product.contains(prefix));
    let product = if is_secret { "" } else { product };
    let extensions = request.extensions();
    Actor {
        kind: "unknown".to_owned(),
        address: extensions.get::<Peer>().map(|Peer(ip)| ip.to_string()).unwrap_or_default(),
        agent: product.chars().take(LONGEST_AGENT).collect(),
        request_id: extensions.get::<RequestId>().map(|RequestId(id)| id.clone()).unwrap_or_default(),
        ..Actor::default()
    }
}

/// A request that may be refused.
pub struct Attempt {
    record: AuditRecord,
}

impl Attempt {
    /// `route` is the template.
    pub fn of(request: &Request, method: &Method, route: &str) -> Self {
        let path = request.uri().path();
        let (object_kind, id) = object(route);
        let object_id = parameter(route, path, id).filter(|it| is_id(it, object_kind));
        let record = AuditRecord {
            id: Uuid::new_v4().simple().to_string(),
            account_id: parameter(route, path, "{account_id}").unwrap_or_default(),
            actor: Some(seen(request)),
            operation: operation(method, route).to_owned(),
            object_kind: object_kind.to_owned(),
            object_id: object_id.unwrap_or_default(),
            call: format!("{method} {route}"),
            outcome: "refused".to_owned(),
            attempts: 1,
            ..AuditRecord::default()
        };
        Self { record }
    }

    /// `None`: it was about no account.
    pub fn refused(self, asking: Option<Asking>, status: StatusCode, code: u64) -> Option<AuditRecord> {
        let mut record = self.record;
        if let Some(Asking { actor, account_id }) = asking {
            record.actor = Some(actor);
            record.account_id = account_id;
        }
        record.account_id.parse::<AccountId>().ok()?;
        record.status = status.as_u16().into();
        record.error_code = u32::try_from(code).unwrap_or_default();
        Some(record)
    }
}

/// What stands in the path where the template has `name`, read as the router reads it.
fn parameter(route: &str, path: &str, name: &str) -> Option<String> {
    let place = route.split('/').position(|segment| segment == name)?;
    path.split('/').nth(place).and_then(decoded)
}

/// Without its percent-encoding; `None` if it is no text.
fn decoded(segment: &str) -> Option<String> {
    let mut parts = segment.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let octet = part.get(..2).and_then(|digits| hex::decode(digits).ok());
        let rest = if let Some(octet) = octet {
            bytes.extend(octet);
            part.get(2..).unwrap_or_default()
        } else {
            bytes.push(b'%');
            part
        };
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// A UUID or 32 hex digits; of keys 64. Anything else may be what does not belong there.
fn is_id(text: &str, object_kind: &str) -> bool {
    let is_hex = |length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_uuid = || text.len() == 36 && Uuid::try_parse(text).is_ok();
    is_hex(32) || is_uuid() || (object_kind == "signing_key" && is_hex(64))
}

/// By the beginning of what follows the account; the more special before. With the parameter that is the object's id.
const OBJECTS: [(&str, &str, &str); 19] = [
    ("access/service_tokens", "service_token", "{id}"),
    ("tokens", "api_token", "{id}"),
    ("access/apps/{app_id}/policies", "policy", "{id}"),
    ("access/apps", "application", "{app_id}"),
    ("apps", "application", "{app_id}"),
    ("access/policies", "policy", "{id}"),
    ("access/policy-tests", "policy_test", "{id}"),
    ("access/groups", "group", "{id}"),
    ("access/organizations", "organization", "{account_id}"),
    ("access/tags", "tag", "{id}"),
    ("access/certificates/settings", "certificate_settings", "{account_id}"),
    ("access/certificates", "certificate", "{id}"),
    ("access/keys/rotate", "signing_key", ""),
    ("access/keys", "key_settings", "{account_id}"),
    ("keys", "signing_key", "{id}"),
    ("sessions", "session", ""),
    ("alerting/v3/policies", "alert_policy", "{id}"),
    ("alerting/v3/destinations/webhooks", "webhook", "{id}"),
    ("audit_logs", "audit_log", ""),
];

/// The words of the services' own records, where they have such objects.
fn object(route: &str) -> (&'static str, &'static str) {
    let rest = route.split_once("{account_id}/").map_or("", |(_, rest)| rest);
    let is_of =
        |prefix: &str| rest.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let found = OBJECTS.iter().find(|(prefix, ..)| is_of(prefix));
    found.map_or(("", ""), |(_, kind, id)| (kind, id))
}

fn operation(method: &Method, route: &str) -> &'static str {
    let last = route.rsplit('/').next().unwrap_or_default();
    if route.ends_with("/sessions/revoke") {
        return "revoke_sessions";
    }
    match (method.as_str(), last) {
        ("GET" | "HEAD" | "OPTIONS", _) | ("POST", "policy_test") => "read",
        ("POST", "refresh") => "refresh",
        ("POST", "rotate") => "rotate",
        ("POST", "revoke") => "revoke",
        ("POST", "revoke_tokens" | "revoke_user") => "revoke_sessions",
        ("PUT", "value") => "roll",
        ("POST", _) => "create",
        ("DELETE", _) => "delete",
        _ => "update",
    }
}
