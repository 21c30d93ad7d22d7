//! The organization: one per account, always merged.

use super::fields::{Fields, Item};
use super::settings::{self, Absent, Setting};
use super::time;
use model::{Error, SessionDuration};
use proto::change_feed::Wait;
use proto::policy_evaluator::{Organization, PutOrganizationRequest};
use serde_json::{Map, Value, json};

pub const SETTINGS: &[Setting] = &[
    Setting::object("login_design").cosmetic(),
    Setting::flag("allow_authenticate_via_warp"),
    Setting::flag("auto_redirect_to_identity"),
    Setting::object("custom_pages"),
    Setting::flag("is_ui_read_only"),
    Setting::text("ui_read_only_toggle_reason").cosmetic(),
    Setting::text("user_seat_expiration_inactive_time"),
    Setting::text("warp_auth_session_duration"),
    Setting::flag("warp_auth_non_browser_401").shown(Absent::Omitted),
    Setting::list("deny_unmatched_requests_exempted_zone_names"),
    Setting::object("mfa_config"),
    Setting::object("mfa_piv_key_requirements"),
    Setting::flag("mfa_required_for_all_apps").shown(Absent::Omitted),
    Setting::object("service_token_inactivity").acted_on(),
];

/// What a request changes; what it does not name stays.
#[derive(Debug)]
pub struct Changes {
    name: Option<String>,
    auth_domain: Option<String>,
    session_duration: Option<String>,
    strict_service_token_auth: Option<bool>,
    deny_unmatched_requests: Option<bool>,
    settings: Map<String, Value>,
    taken_away: Vec<&'static str>,
    /// Paths of fields that are kept and do nothing.
    pub inert: Vec<String>,
}

pub fn read(fields: &mut Fields) -> Result<Changes, Error> {
    let mut inert = Vec::new();
    let names = SETTINGS.iter().map(|setting| setting.name);
    Ok(Changes {
        taken_away: names.filter(|name| fields.is_taken_away(name)).collect(),
        name: fields.text("name")?,
        auth_domain: fields.text("auth_domain")?,
        session_duration: fields.text("session_duration")?,
        strict_service_token_auth: fields.flag("strict_service_token_auth")?,
        deny_unmatched_requests: fields.flag("deny_unmatched_requests")?,
        settings: read_settings(fields, &mut inert)?,
        inert,
    })
}

/// For POST, which must name both.
pub fn read_create(fields: &mut Fields) -> Result<Changes, Error> {
    let changes = read(fields)?;
    match (&changes.name, &changes.auth_domain) {
        (None, _) => Err(fields.missing("name")),
        (_, None) => Err(fields.missing("auth_domain")),
        (Some(_), Some(_)) => Ok(changes),
    }
}

fn read_settings(fields: &mut Fields, inert: &mut Vec<String>) -> Result<Map<String, Value>, Error> {
    let kept = settings::read(SETTINGS, fields, inert)?;
    if let Some(Value::Object(members)) = kept.get("service_token_inactivity") {
        let within = |error: Error| error.within("service_token_inactivity");
        let mut inactivity = Fields::of(Item {
            at: "service_token_inactivity".to_owned(),
            value: Value::Object(members.clone()),
        })?;
        let enabled = inactivity.flag("enabled")?;
        let days = inactivity.integer("inactivity_threshold_days")?;
        let action = inactivity.text("action")?;
        check_inactivity(enabled, days, action.as_deref()).map_err(within)?;
    }
    Ok(kept)
}

fn check_inactivity(enabled: Option<bool>, days: Option<i64>, action: Option<&str>) -> Result<(), Error> {
    if enabled.is_none() {
        return Err(Error::invalid("enabled", "is required"));
    }
    if !days.is_some_and(|days| (30..=365).contains(&days)) {
        return Err(Error::invalid("inactivity_threshold_days", "must be a whole number between 30 and 365"));
    }
    if !matches!(action, Some("disable" | "delete")) {
        return Err(Error::invalid("action", "must be disable or delete"));
    }
    Ok(())
}

impl Changes {
    /// The call that makes them, all in one. The issuer follows the team domain at its owner.
    pub fn request(self, account_id: String, wait: Wait) -> PutOrganizationRequest {
        let Self {
            name,
            auth_domain,
            session_duration,
            strict_service_token_auth,
            deny_unmatched_requests,
            settings,
            taken_away,
            inert: _,
        } = self;
        let mut changes: Map<String, Value> =
            taken_away.into_iter().map(|name| (name.to_owned(), Value::Null)).collect();
        changes.extend(settings);
        let settings_changes_json = (!changes.is_empty()).then(|| Value::Object(changes).to_string());
        PutOrganizationRequest {
            account_id,
            name,
            auth_domain,
            issuer: None,
            session_duration,
            strict_service_token_auth,
            deny_unmatched_requests,
            settings_json: None,
            wait: wait.into(),
            settings_changes_json,
        }
    }
}

pub fn view(organization: Organization) -> Value {
    let Organization {
        account_id: _,
        name,
        auth_domain,
        issuer: _,
        session_duration,
        strict_service_token_auth,
        deny_unmatched_requests,
        settings_json,
        created_at_ms,
        updated_at_ms,
    } = organization;
    let session_duration =
        if session_duration.is_empty() { SessionDuration::DEFAULT } else { &session_duration };
    let mut shown = json!({
        "name": name,
        "auth_domain": auth_domain,
        "session_duration": session_duration,
        "strict_service_token_auth": strict_service_token_auth,
        "deny_unmatched_requests": deny_unmatched_requests,
        "created_at": time(created_at_ms),
        "updated_at": time(updated_at_ms),
    });
    if let Value::Object(shown) = &mut shown {
        settings::view(SETTINGS, &settings_json, shown);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(body: Value) -> Result<Changes, Error> {
        let Value::Object(body) = body else { panic!() };
        read(&mut Fields::body(body))
    }

    #[test]
    fn what_is_not_named_stays() {
        let strict = changes(json!({"strict_service_token_auth": true, "name": null})).unwrap();
        let request = strict.request("a".into(), Wait::None);
        assert_eq!(request.strict_service_token_auth, Some(true));
        assert_eq!((request.name, request.auth_domain), (None, None));
        assert_eq!((request.settings_json, request.settings_changes_json), (None, None));

        let colored = changes(json!({"login_design": {"text_color": "#000"}})).unwrap();
        let changed = colored.request("a".into(), Wait::None).settings_changes_json;
        assert_eq!(changed.as_deref(), Some(r##"{"login_design":{"text_color":"#000"}}"##));
    }

    #[test]
    fn null_takes_a_setting_away_and_nothing_else() {
        let less = changes(json!({"warp_auth_session_duration": null, "session_duration": null})).unwrap();
        let request = less.request("a".into(), Wait::None);
        assert_eq!(request.session_duration, None);
        assert_eq!(request.settings_changes_json.as_deref(), Some(r#"{"warp_auth_session_duration":null}"#));
    }

    #[test]
    fn an_inactivity_rule_is_complete_and_acted_on() {
        let with = |inactivity: Value| changes(json!({"service_token_inactivity": inactivity}));
        let good = json!({"enabled": true, "inactivity_threshold_days": 30, "action": "disable"});
        assert!(with(good).unwrap().inert.is_empty());
        for (bad, field) in [
            (json!({}), "enabled"),
            (
                json!({"enabled": true, "inactivity_threshold_days": 29, "action": "disable"}),
                "inactivity_threshold_days",
            ),
            (json!({"enabled": true, "inactivity_threshold_days": 30, "action": "keep"}), "action"),
        ] {
            let error = with(bad).unwrap_err();
            assert_eq!(error.violations()[0].field, format!("service_token_inactivity/{field}"));
        }
    }
}
