//! What a record says of an object: without secrets, and of bounded length.

use serde_json::{Map, Value, json};

/// Bytes of one state. A list of a thousand rules passes.
pub const LONGEST: usize = 64 * 1024;
/// Of a state that is longer, the members that are kept.
const LONGEST_MEMBER: usize = 2 * 1024;
/// Parts of the names of members that hold secrets.
const SECRET: [&str; 8] =
    ["secret", "password", "passphrase", "pwd", "token", "credential", "_key", "authorization"];
const REDACTED: &str = "[redacted]";

/// Settings that are stored as they were given, of whose members only the names are known: what may be a secret by its
/// name is taken out, as deep as it lies. Text that is no JSON object is no setting: null.
pub fn settings(json: &str) -> Value {
    match serde_json::from_str(json) {
        Ok(Value::Object(members)) => Value::Object(redacted(members, false)),
        _ => Value::Null,
    }
}

fn redacted(members: Map<String, Value>, is_secret: bool) -> Map<String, Value> {
    let hide = |(name, value): (String, Value)| {
        let lower = name.to_ascii_lowercase();
        let is_secret = is_secret || SECRET.iter().any(|part| lower.contains(part));
        (name, hidden(value, is_secret))
    };
    members.into_iter().map(hide).collect()
}

fn hidden(value: Value, is_secret: bool) -> Value {
    match value {
        Value::Object(members) => Value::Object(redacted(members, is_secret)),
        Value::Array(items) => items.into_iter().map(|item| hidden(item, is_secret)).collect(),
        Value::String(_) | Value::Number(_) if is_secret => REDACTED.into(),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => value,
    }
}

/// As it is stored; empty: there was none. Of one that is too long the long members become their length.
pub(crate) fn text(state: Option<Value>) -> String {
    let Some(state) = state else { return String::new() };
    let text = state.to_string();
    if text.len() <= LONGEST {
        return text;
    }
    let Value::Object(members) = state else { return json!({"omitted_bytes": text.len()}).to_string() };
    let shorten = |(name, value): (String, Value)| {
        let length = value.to_string().len();
        (name, if length > LONGEST_MEMBER { json!({"omitted_bytes": length}) } else { value })
    };
    let shortened = Value::Object(members.into_iter().map(shorten).collect()).to_string();
    if shortened.len() <= LONGEST { shortened } else { json!({"omitted_bytes": text.len()}).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// O8.
    #[test]
    fn what_may_be_a_secret_by_its_name_is_taken_out_however_deep() {
        let given = json!({
            "saas_app": {"client_secret": "s1", "redirect_uris": ["https://a.example"]},
            "scim": [{"Authentication": {"Password": "s2", "scheme": "basic"}}],
            "accessTokens": ["s3", {"value": "s4", "n": 5}],
            "enable_token_check": true,
        });
        let shown = settings(&given.to_string());
        let text = shown.to_string();
        for secret in ["s1", "s2", "s3", "s4", "5"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("https://a.example") && text.contains("basic"));
        assert_eq!(shown["enable_token_check"], true);
        assert_eq!(settings(""), Value::Null);
        assert_eq!(settings("[1]"), Value::Null);
    }

    #[test]
    fn a_state_is_never_longer_than_its_bound() {
        let long = "x".repeat(LONGEST);
        let text_of = |state| text(Some(state));
        assert_eq!(text_of(json!({"name": "a"})), r#"{"name":"a"}"#);
        let cut: Value = serde_json::from_str(&text_of(json!({"name": "a", "rules": [long]}))).unwrap();
        assert_eq!((&cut["name"], &cut["rules"]["omitted_bytes"]), (&json!("a"), &json!(LONGEST + 4)));
        let many: Map<_, _> = (0..LONGEST).map(|it| (it.to_string(), json!("a"))).collect();
        assert!(text_of(Value::Object(many)).len() < 100);
        assert!(text_of(json!([long])).len() < 100);
        assert_eq!(text(None), "");
    }
}
