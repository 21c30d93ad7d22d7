//! What an application's further fields say that concerns requests, for enforcement points: typed, and read once.

use super::Broken;
use super::text::check_settings;
use directory::{Cors, Denial};
use model::Error;
use proto::policy_evaluator::{CorsHeaders, RequestSettings};
use serde_json::{Map, Value};

/// Names every field that is wrong.
pub fn check(settings: &Map<String, Value>, broken: &mut Broken) {
    drop(read(settings, broken));
}

/// Of what is stored. What cannot be read is left out, as if it had not been given, but for the binding of sessions, which
/// is then asked for; `None`: there is nothing.
pub fn request_settings(settings_json: &str) -> Option<RequestSettings> {
    let settings = check_settings(settings_json).unwrap_or_default();
    let mut read = read(&settings, &mut Broken::default());
    let binding = settings.get("enable_binding_cookie");
    read.enable_binding_cookie |= binding.is_some_and(|given| !given.is_null() && !given.is_boolean());
    (read != RequestSettings::default()).then_some(read)
}

fn read(settings: &Map<String, Value>, broken: &mut Broken) -> RequestSettings {
    let given = |name: &str| settings.get(name).filter(|value| !value.is_null());
    let mut flag = |name: &str| broken.check(boolean(given(name), name)).unwrap_or_default();
    let (enable_binding_cookie, allow_iframe) = (flag("enable_binding_cookie"), flag("allow_iframe"));
    let mut text = |name: &str, set: fn(&mut RequestSettings, String)| {
        let mut alone = RequestSettings::default();
        set(&mut alone, broken.check(string(given(name), name))?);
        broken.check(Denial::read(&alone)).map(|_| alone)
    };
    let message = text("custom_deny_message", |it, text| it.custom_deny_message = text);
    let url = text("custom_deny_url", |it, text| it.custom_deny_url = text);
    let other = text("custom_non_identity_deny_url", |it, text| it.custom_non_identity_deny_url = text);
    RequestSettings {
        cors_headers: given("cors_headers").and_then(|value| cors(value, broken)),
        custom_deny_message: message.unwrap_or_default().custom_deny_message,
        custom_deny_url: url.unwrap_or_default().custom_deny_url,
        custom_non_identity_deny_url: other.unwrap_or_default().custom_non_identity_deny_url,
        enable_binding_cookie,
        allow_iframe,
    }
}

/// `None`: no origin may do anything, or something is wrong.
fn cors(value: &Value, broken: &mut Broken) -> Option<CorsHeaders> {
    let Some(members) = value.as_object() else {
        return broken.check(Err(Error::invalid("cors_headers", "must be an object")));
    };
    let given = |name: &str| members.get(name).filter(|value| !value.is_null());
    let at = |name: &str| format!("cors_headers/{name}");
    let mut flag = |name: &str| broken.check(boolean(given(name), &at(name)));
    let flags = [
        flag("allow_all_headers"),
        flag("allow_all_methods"),
        flag("allow_all_origins"),
        flag("allow_credentials"),
    ];
    let mut list = |name: &str| broken.check(strings(given(name), &at(name)));
    let lists = [list("allowed_headers"), list("allowed_methods"), list("allowed_origins")];
    let max_age_s = broken.check(seconds(given("max_age"), &at("max_age")));
    let ([headers, methods, origins, credentials], [allowed_headers, allowed_methods, allowed_origins]) =
        (flags, lists);
    let read = CorsHeaders {
        allow_all_headers: headers?,
        allow_all_methods: methods?,
        allow_all_origins: origins?,
        allow_credentials: credentials?,
        allowed_headers: allowed_headers?,
        allowed_methods: allowed_methods?,
        allowed_origins: allowed_origins?,
        max_age_s: max_age_s?,
    };
    broken.check(Cors::read(&read)).flatten().map(|_| read)
}

fn boolean(value: Option<&Value>, field: &str) -> Result<bool, Error> {
    let wrong = || Error::invalid(field, "must be true or false");
    value.map_or(Ok(false), |value| value.as_bool().ok_or_else(wrong))
}

fn string(value: Option<&Value>, field: &str) -> Result<String, Error> {
    let wrong = || Error::invalid(field, "must be a string");
    value.map_or_else(|| Ok(String::new()), |value| value.as_str().map(str::to_owned).ok_or_else(wrong))
}

fn strings(value: Option<&Value>, field: &str) -> Result<Vec<String>, Error> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or_else(|| Error::invalid(field, "must be a list"))?;
    let item = |(at, item)| string(Some(item), &format!("{field}/{at}"));
    items.iter().enumerate().map(item).collect()
}

/// A whole number. Some clients write every number with a point.
fn seconds(value: Option<&Value>, field: &str) -> Result<Option<i32>, Error> {
    let Some(value) = value else { return Ok(None) };
    let number = value.as_f64().filter(|number| number.fract() == 0.0);
    let whole = number.and_then(|number| format!("{number:.0}").parse().ok());
    whole.map(Some).ok_or_else(|| Error::invalid(field, "must be a whole number from -1 to 86400"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wrong(settings: &Value) -> Vec<String> {
        let mut broken = Broken::default();
        check(settings.as_object().unwrap(), &mut broken);
        broken.refuse().map_or_else(
            |error| error.violations().iter().map(|it| it.field.clone()).collect(),
            |()| Vec::new(),
        )
    }

    #[test]
    fn what_is_stored_is_read_out() {
        let settings = json!({
            "cors_headers": {"allowed_origins": ["https://a.example"], "allow_credentials": true, "max_age": 60.0,
                "allowed_methods": null, "a later member": 1},
            "custom_deny_message": "no", "custom_deny_url": "", "custom_non_identity_deny_url": "https://b.example/",
            "enable_binding_cookie": true, "allow_iframe": null, "logo_url": "x",
        });
        assert_eq!(wrong(&settings), [""; 0]);
        let read = request_settings(&settings.to_string()).unwrap();
        let cors = read.cors_headers.as_ref().unwrap();
        assert_eq!(
            (cors.allowed_origins.as_slice(), cors.max_age_s),
            (&["https://a.example".into()][..], Some(60))
        );
        assert!(cors.allow_credentials && read.enable_binding_cookie && !read.allow_iframe);
        assert_eq!(read.custom_deny_message, "no");
        assert_eq!(
            (read.custom_deny_url.as_str(), read.custom_non_identity_deny_url.as_str()),
            ("", "https://b.example/")
        );
    }

    #[test]
    fn a_binding_that_cannot_be_read_is_asked_for() {
        for (stored, is_on) in [(r#""true""#, true), ("1", true), ("null", false), ("false", false)] {
            let read = request_settings(&format!(r#"{{"enable_binding_cookie":{stored}}}"#));
            assert_eq!(read.is_some_and(|it| it.enable_binding_cookie), is_on, "{stored}");
        }
    }

    #[test]
    fn nothing_is_nothing() {
        for settings in
            ["", "{}", r#"{"cors_headers":{"max_age":-1,"allowed_methods":[]},"custom_deny_message":""}"#]
        {
            assert_eq!(request_settings(settings), None, "{settings}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_named_and_left_out() {
        let settings = json!({
            "cors_headers": {"allowed_origins": ["null"], "allow_all_methods": "yes"},
            "custom_deny_url": "javascript:alert(1)", "custom_non_identity_deny_url": 5,
            "enable_binding_cookie": true,
        });
        let expected = ["custom_deny_url", "custom_non_identity_deny_url", "cors_headers/allow_all_methods"];
        assert_eq!(wrong(&settings), expected);
        let read = request_settings(&settings.to_string()).unwrap();
        assert_eq!(read, RequestSettings { enable_binding_cookie: true, ..RequestSettings::default() });
        let origin =
            json!({"cors_headers": {"allowed_origins": ["https://a.example", "null"], "max_age": 1.5}});
        assert_eq!(wrong(&origin), ["cors_headers/max_age"]);
        assert_eq!(
            wrong(&json!({"cors_headers": {"allowed_origins": ["null"]}})),
            ["cors_headers/allowed_origins/0"]
        );
        assert_eq!(wrong(&json!({"cors_headers": []})), ["cors_headers"]);
    }
}
