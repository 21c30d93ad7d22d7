//! What is recorded of a change: its subject before and after. Policies and groups with their rules as people read them,
//! settings without what may be a secret.

use crate::rpc::find_policy;
use crate::store::{Tables, find_application_state};
use audit::Record;
use audit::state::settings;
use directory::convert;
use model::{Error, Timestamp};
use proto::policy_evaluator as wire;
use serde_json::{Map, Value, json};
use wire::SessionSignature;
use wire::failure_mode::Mode;

/// What a change is about, within the account that asks.
#[derive(Debug, Clone)]
pub enum Subject {
    /// With its failure mode, and its policies in order.
    Application(String),
    /// As one application sees it; with an empty application a reusable one.
    Policy {
        application: String,
        id: String,
    },
    Group(String),
    Organization,
    /// By its name before and after.
    Tag {
        before: String,
        after: String,
    },
    Certificate(String),
    CertificateSettings,
}

impl Subject {
    pub async fn before(&self, tables: &mut dyn Tables, account: &str) -> Result<Option<Value>, Error> {
        let tag = if let Self::Tag { before, .. } = self { before } else { "" };
        self.state(tables, account, tag).await
    }

    pub async fn after(&self, tables: &mut dyn Tables, account: &str) -> Result<Option<Value>, Error> {
        let tag = if let Self::Tag { after, .. } = self { after } else { "" };
        self.state(tables, account, tag).await
    }

    /// `None`: it is not there.
    async fn state(&self, tables: &mut dyn Tables, account: &str, tag: &str) -> Result<Option<Value>, Error> {
        Ok(match self {
            Self::Application(id) => find_application_state(tables, account, id).await?.map(application),
            Self::Policy { application, id } => match find_policy(tables, account, application, id).await? {
                Some(row) => Some(policy(row.into_wire()?, application)),
                None => None,
            },
            Self::Group(id) => match tables.group(account, id).await? {
                Some(row) => Some(group(row.spec()?)),
                None => None,
            },
            Self::Organization => match tables.organization(account).await? {
                Some(row) => Some(organization(row.into_wire()?)),
                None => None,
            },
            Self::Tag { .. } => tables.tag(account, tag).await?.map(|row| json!({"name": row.name})),
            Self::Certificate(id) => match tables.certificate(account, id).await? {
                Some(row) => Some(certificate(row.into_wire()?)),
                None => None,
            },
            Self::CertificateSettings => {
                let rows = tables.hostname_settings(account).await?;
                let setting = |it: crate::store::HostnameSettingRow| {
                    let flags = json!({
                        "china_network": it.china_network,
                        "client_certificate_forwarding": it.client_certificate_forwarding,
                    });
                    (it.hostname, flags)
                };
                Some(Value::Object(rows.into_iter().map(setting).collect()))
            }
        })
    }

    pub fn record<'a>(
        &'a self,
        account_id: &'a str,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Record<'a> {
        let (object_kind, object_id) = match self {
            Self::Application(id) => ("application", &**id),
            Self::Policy { id, .. } => ("policy", &**id),
            Self::Group(id) => ("group", &**id),
            Self::Organization => ("organization", account_id),
            Self::Tag { before, after } => ("tag", if after.is_empty() { &**before } else { &**after }),
            Self::Certificate(id) => ("certificate", &**id),
            Self::CertificateSettings => ("certificate_settings", account_id),
        };
        let operation = match (&before, &after) {
            (None, _) => "create",
            (Some(_), Some(_)) => "update",
            // It goes on without this application.
            (Some(before), None) if self.is_linked(before) => "unlink",
            (Some(_), None) => "delete",
        };
        Record { account_id, operation, object_kind, object_id, before, after }
    }

    fn is_linked(&self, state: &Value) -> bool {
        let is_reusable = state.get("reusable").and_then(Value::as_bool).unwrap_or_default();
        matches!(self, Self::Policy { application, .. } if !application.is_empty()) && is_reusable
    }
}

fn rules(rules: &[wire::Rule]) -> Vec<String> {
    let told = |rule| convert::rule(rule).map_or_else(|_| "unknown".to_owned(), |rule| rule.to_string());
    rules.iter().map(told).collect()
}

fn policy_spec(spec: wire::PolicySpec) -> Map<String, Value> {
    let wire::PolicySpec { name, decision, include, require, exclude, session_duration, settings_json } =
        spec;
    let decision = convert::decision(decision).map_or_else(|_| "unknown".to_owned(), |it| it.to_string());
    let shown = [
        ("name", json!(name)),
        ("decision", json!(decision)),
        ("include", json!(rules(&include))),
        ("require", json!(rules(&require))),
        ("exclude", json!(rules(&exclude))),
        ("session_duration", json!(session_duration)),
        ("settings", settings(&settings_json)),
    ];
    shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn policy(policy: wire::Policy, application: &str) -> Value {
    let mut shown = policy_spec(policy.spec.unwrap_or_default());
    shown.insert("reusable".to_owned(), json!(policy.reusable));
    if !application.is_empty() {
        shown.insert("application_id".to_owned(), json!(application));
        shown.insert("precedence".to_owned(), json!(policy.precedence));
    }
    Value::Object(shown)
}

/// A policy of an application. One that others may link too has records of its own.
fn linked(policy: wire::Policy) -> Value {
    let spec = policy.spec.unwrap_or_default();
    let mut shown = if policy.reusable {
        Map::from_iter([("name".to_owned(), json!(spec.name))])
    } else {
        policy_spec(spec)
    };
    shown.insert("id".to_owned(), json!(policy.id));
    shown.insert("reusable".to_owned(), json!(policy.reusable));
    shown.insert("precedence".to_owned(), json!(policy.precedence));
    Value::Object(shown)
}

fn application(state: wire::ApplicationState) -> Value {
    // Read out of what the application says itself.
    let signature = state.session_signature();
    let wire::ApplicationState { application, failure_mode, request_settings: _, session_signature: _ } =
        state;
    let wire::Application { id: _, account_id: _, aud, spec, policies, .. } = application.unwrap_or_default();
    let wire::ApplicationSpec {
        name,
        r#type,
        domain,
        destinations,
        session_duration,
        read_service_tokens_from_header,
        service_auth_401_redirect,
        options_preflight_bypass,
        http_only_cookie_attribute,
        same_site_cookie_attribute,
        path_cookie_attribute,
        settings_json,
    } = spec.unwrap_or_default();
    json!({
        "name": name,
        "type": r#type,
        "aud": aud,
        "domain": domain,
        "destinations": destinations,
        "session_duration": session_duration,
        "read_service_tokens_from_header": read_service_tokens_from_header,
        "service_auth_401_redirect": service_auth_401_redirect,
        "options_preflight_bypass": options_preflight_bypass,
        "http_only_cookie_attribute": http_only_cookie_attribute,
        "same_site_cookie_attribute": same_site_cookie_attribute,
        "path_cookie_attribute": path_cookie_attribute,
        "settings": settings(&settings_json),
        "failure_mode": mode(failure_mode.and_then(|it| it.mode)),
        "session_signature": match signature {
            SessionSignature::Es256 => "ES256",
            SessionSignature::Rs256 | SessionSignature::Unspecified => "RS256",
        },
        "policies": policies.into_iter().map(linked).collect::<Vec<_>>(),
    })
}

fn mode(mode: Option<Mode>) -> Value {
    match mode {
        None | Some(Mode::Closed(_)) => "closed".into(),
        Some(Mode::LastKnownGood(it)) => format!("last_known_good {}", it.max_staleness).into(),
        Some(Mode::Open(_)) => "open".into(),
    }
}

fn group(spec: wire::GroupSpec) -> Value {
    let wire::GroupSpec { name, include, require, exclude, is_default } = spec;
    json!({
        "name": name,
        "include": rules(&include),
        "require": rules(&require),
        "exclude": rules(&exclude),
        "is_default": is_default,
    })
}

fn organization(organization: wire::Organization) -> Value {
    let wire::Organization {
        account_id: _,
        name,
        auth_domain,
        issuer,
        session_duration,
        strict_service_token_auth,
        deny_unmatched_requests,
        settings_json,
        created_at_ms: _,
        updated_at_ms: _,
    } = organization;
    json!({
        "name": name,
        "auth_domain": auth_domain,
        "issuer": issuer,
        "session_duration": session_duration,
        "strict_service_token_auth": strict_service_token_auth,
        "deny_unmatched_requests": deny_unmatched_requests,
        "settings": settings(&settings_json),
    })
}

fn certificate(certificate: wire::Certificate) -> Value {
    let wire::Certificate {
        id: _,
        account_id: _,
        name,
        fingerprint,
        expires_at_ms,
        associated_hostnames,
        created_at_ms: _,
        updated_at_ms: _,
    } = certificate;
    json!({
        "name": name,
        "fingerprint": fingerprint,
        "expires_at": Timestamp::from_millis(expires_at_ms).to_string(),
        "associated_hostnames": associated_hostnames,
    })
}
