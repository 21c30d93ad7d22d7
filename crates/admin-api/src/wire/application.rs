//! Applications of type `self_hosted`.

use super::destinations::{self, Destinations};
use super::fields::Fields;
use super::settings::{self, Absent, Setting};
use super::{json as text, policy, time};
use model::{Error, SessionDuration};
use proto::policy_evaluator::{Application, ApplicationSpec, PolicyLinks};
use serde_json::{Map, Value, json};

pub const SETTINGS: &[Setting] = &[
    Setting::flag("allow_authenticate_via_warp").shown(Absent::Omitted),
    Setting::flag("allow_iframe").acted_on(),
    Setting::list("allowed_idps").shown(Absent::EmptyList),
    Setting::flag("app_launcher_visible").shown(Absent::True).cosmetic(),
    Setting::flag("auto_redirect_to_identity"),
    Setting::object("cors_headers").acted_on(),
    Setting::text("custom_deny_message").acted_on(),
    Setting::text("custom_deny_url").acted_on(),
    Setting::text("custom_non_identity_deny_url").acted_on(),
    Setting::list("custom_pages"),
    Setting::flag("eager_redirect_cookie_setting").shown(Absent::Omitted),
    Setting::flag("enable_binding_cookie").acted_on(),
    Setting::text("logo_url").cosmetic(),
    Setting::object("mfa_config"),
    Setting::object("oauth_configuration"),
    Setting::object("scim_config"),
    Setting::flag("skip_interstitial").cosmetic(),
    Setting::list("tags").shown(Absent::EmptyList).cosmetic(),
    Setting::flag("use_clientless_isolation_app_launcher_url"),
];

/// An application as a request describes it.
#[derive(Debug)]
pub struct Description {
    pub spec: ApplicationSpec,
    /// `None`: not given.
    pub policies: Option<PolicyLinks>,
    /// Paths of fields that are kept and do nothing.
    pub inert: Vec<String>,
}

pub fn read(fields: &mut Fields) -> Result<Description, Error> {
    let kind = fields.required_text("type")?;
    if kind != "self_hosted" {
        return Err(Error::invalid("type", "only self_hosted applications are supported by this version"));
    }
    let destinations = destinations::read(fields)?;
    let name = destinations.name();
    let Destinations { domain, all } = destinations;
    let mut inert = Vec::new();
    let policies = policy::read_links(fields, &mut inert)?;
    let mut kept = settings::read(SETTINGS, fields, &mut inert)?;
    let mut text = |name: &str| match fields.text(name)? {
        // Absent for all that acts on it, and yet shown as it was given.
        Some(text) if text.is_empty() => {
            kept.insert(name.to_owned(), json!(""));
            Ok(String::new())
        }
        text => Ok::<_, Error>(text.unwrap_or_default()),
    };
    let (header, same_site) = (text("read_service_tokens_from_header")?, text("same_site_cookie_attribute")?);
    let spec = ApplicationSpec {
        name: fields.text("name")?.unwrap_or(name),
        r#type: kind,
        domain,
        destinations: all,
        session_duration: fields.text("session_duration")?,
        read_service_tokens_from_header: header,
        service_auth_401_redirect: fields.flag("service_auth_401_redirect")?.unwrap_or_default(),
        options_preflight_bypass: fields.flag("options_preflight_bypass")?.unwrap_or_default(),
        http_only_cookie_attribute: fields.flag("http_only_cookie_attribute")?,
        same_site_cookie_attribute: same_site,
        path_cookie_attribute: fields.flag("path_cookie_attribute")?.unwrap_or_default(),
        settings_json: Value::Object(kept).to_string(),
    };
    Ok(Description { spec, policies, inert })
}

/// With every policy in full, and defaults where nothing was given.
pub fn view(application: Application) -> Value {
    let Application { id, account_id: _, aud, spec, policies, created_at_ms, updated_at_ms } = application;
    let policies: Vec<Value> = policies.into_iter().map(|it| policy::view(it, true)).collect();
    let mut shown = Map::new();
    for (field, value) in [("id", json!(id)), ("uid", json!(id)), ("aud", json!(aud))] {
        shown.insert(field.to_owned(), value);
    }
    view_spec(spec.unwrap_or_default(), &mut shown);
    for (field, value) in [
        ("policies", Value::Array(policies)),
        ("created_at", json!(time(created_at_ms))),
        ("updated_at", json!(time(updated_at_ms))),
    ] {
        shown.insert(field.to_owned(), value);
    }
    Value::Object(shown)
}

fn view_spec(spec: ApplicationSpec, shown: &mut Map<String, Value>) {
    let ApplicationSpec {
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
    } = spec;
    let mut show = |field: &str, value: Value| shown.insert(field.to_owned(), value);
    show("name", json!(name));
    show("type", json!(r#type));
    show("domain", json!(domain));
    show("destinations", destinations::view(&destinations));
    show("self_hosted_domains", json!(destinations));
    show("session_duration", json!(session_duration.as_deref().unwrap_or(SessionDuration::DEFAULT)));
    show("service_auth_401_redirect", json!(service_auth_401_redirect));
    show("options_preflight_bypass", json!(options_preflight_bypass));
    show("http_only_cookie_attribute", json!(http_only_cookie_attribute.unwrap_or(true)));
    show("path_cookie_attribute", json!(path_cookie_attribute));
    let stored = text::stored(&settings_json);
    for (field, value) in [
        ("read_service_tokens_from_header", read_service_tokens_from_header),
        ("same_site_cookie_attribute", same_site_cookie_attribute),
    ] {
        if !value.is_empty() || stored.contains_key(field) {
            show(field, json!(value));
        }
    }
    settings::view(SETTINGS, &settings_json, shown);
    sort_tags(shown);
}

/// Alphabetically, whatever the order they were given in.
fn sort_tags(shown: &mut Map<String, Value>) {
    if let Some(Value::Array(tags)) = shown.get_mut("tags") {
        tags.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: Value) -> Result<Description, Error> {
        let Value::Object(body) = body else { panic!() };
        read(&mut Fields::body(body))
    }

    #[test]
    fn defaults_are_filled_in() {
        let given = of(json!({"type": "self_hosted", "domain": "app.test", "name": null})).unwrap();
        assert_eq!(given.policies, None);
        assert_eq!(given.spec.settings_json, "{}");
        let shown = view(Application {
            id: "a1".into(),
            aud: "ff".into(),
            spec: Some(given.spec),
            ..Application::default()
        });
        for (field, value) in [
            ("uid", json!("a1")),
            ("name", json!("app.test")),
            ("session_duration", json!("24h")),
            ("app_launcher_visible", json!(true)),
            ("http_only_cookie_attribute", json!(true)),
            ("enable_binding_cookie", json!(false)),
            ("allowed_idps", json!([])),
            ("tags", json!([])),
            ("policies", json!([])),
        ] {
            assert_eq!(shown[field], value, "{field}");
        }
        for absent in [
            "allow_authenticate_via_warp",
            "cors_headers",
            "same_site_cookie_attribute",
            "read_service_tokens_from_header",
        ] {
            assert!(shown.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn what_is_not_acted_on_is_kept_and_said() {
        let cors = json!({"allowed_origins": ["https://x.test"], "max_age": -1, "allow_credentials": null});
        let body = json!({
            "type": "self_hosted", "domain": "app.test", "cors_headers": cors, "mfa_config": {"mfa_disabled": true}, "tags": ["b", "a"],
            "http_only_cookie_attribute": false, "policies": [], "aud": "mine", "id": 3, "unknown": {},
        });
        let given = of(body).unwrap();
        assert_eq!(given.inert, ["mfa_config"]);
        assert_eq!(given.policies, Some(PolicyLinks::default()));
        let shown = view(Application { spec: Some(given.spec), ..Application::default() });
        assert_eq!(shown["cors_headers"], cors);
        assert_eq!(shown["tags"], json!(["a", "b"]));
        assert_eq!(shown["http_only_cookie_attribute"], false);
        assert_eq!((&shown["aud"], shown.get("unknown")), (&json!(""), None));
    }

    #[test]
    fn every_field_is_shown_as_it_was_given() {
        let shown =
            |body: Value| view(Application { spec: Some(of(body).unwrap().spec), ..Application::default() });
        let given = json!({
            "name": "Ünïcode – 名前 🚪", "session_duration": "", "custom_deny_message": "", "custom_deny_url": "https://x.test/?a=%20",
            "custom_non_identity_deny_url": "", "logo_url": "", "read_service_tokens_from_header": "",
            "same_site_cookie_attribute": "", "custom_pages": [], "allowed_idps": ["b", "a"],
            "allow_authenticate_via_warp": true, "allow_iframe": true, "app_launcher_visible": false,
            "auto_redirect_to_identity": true, "eager_redirect_cookie_setting": false, "enable_binding_cookie": true,
            "http_only_cookie_attribute": false, "options_preflight_bypass": true, "path_cookie_attribute": true,
            "service_auth_401_redirect": true, "skip_interstitial": true, "use_clientless_isolation_app_launcher_url": true,
            "cors_headers": {"allowed_methods": [], "max_age": null, "allow_all_origins": false},
            "mfa_config": {"allowed_authenticators": ["totp"], "mfa_disabled": null, "session_duration": ""},
            "oauth_configuration": {"enabled": false, "grant": {}, "dynamic_client_registration": {"allowed_uris": []}},
            "scim_config": {}, "tags": ["a", "b"],
        });
        let mut body = given.clone();
        (body["type"], body["domain"]) = (json!("self_hosted"), json!("app.test"));
        let echoed = shown(body.clone());
        for (field, value) in given.as_object().unwrap() {
            assert_eq!(echoed.get(field), Some(value), "{field}");
        }
        // And what is shown may be sent back.
        assert_eq!(shown(echoed.clone()), echoed);
        // `null` is absent: each shows its default, or nothing.
        let nulls = given.as_object().unwrap().keys().map(|field| (field.clone(), Value::Null));
        let mut empty: Map<String, Value> = nulls.collect();
        empty.extend([("type".to_owned(), json!("self_hosted")), ("domain".to_owned(), json!("app.test"))]);
        assert_eq!(shown(Value::Object(empty)), shown(json!({"type": "self_hosted", "domain": "app.test"})));
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for (body, field) in [
            (json!({"type": "saas"}), "type"),
            (json!({"domain": "a.test"}), "type"),
            (json!({"type": "self_hosted"}), "domain"),
            (json!({"type": "self_hosted", "domain": "a", "allow_iframe": 1}), "allow_iframe"),
        ] {
            assert_eq!(of(body.clone()).unwrap_err().violations()[0].field, field, "{body}");
        }
    }
}
