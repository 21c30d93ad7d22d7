//! A verdict and the engine's explanation, for people.

use super::output::clean;
use serde_json::Value;
use std::fmt::Write as _;

/// Ends with a line feed.
pub fn render(verdict: &Value) -> String {
    let of = |value: &Value, name: &str| clean(value.get(name).and_then(Value::as_str).unwrap_or_default());
    let is = |value: &Value, name: &str| value.get(name) == Some(&Value::Bool(true));
    let items =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let policy = of(verdict, "policy_name");
    let by = if policy.is_empty() { String::new() } else { format!(" by policy {policy}") };
    let mut text = if is(verdict, "admitted") {
        format!("yes: {}{by}\n", of(verdict, "outcome"))
    } else {
        format!("no: {}{by}\n", of(verdict, "reason"))
    };
    for trace in items(verdict, "explanation") {
        let matched = if is(&trace, "matched") { "matches" } else { "does not match" };
        let _ = writeln!(text, "  {} ({}) {matched}", of(&trace, "policy_name"), of(&trace, "decision"));
        for rule in items(&trace, "rules") {
            let held = if is(&rule, "held") { "holds" } else { "does not hold" };
            let _ = writeln!(text, "    {} {}: {held}", of(&rule, "list"), of(&rule, "rule"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_verdict_says_why() {
        let rule = |list: &str, rule: &str, held: bool| json!({"list": list, "index": 0, "rule": rule, "held": held});
        let mut verdict = json!({
            "admitted": true, "reason": null, "outcome": "service_auth", "policy_name": "robots",
            "explanation": [{"policy_name": "robots", "decision": "non_identity", "matched": true,
                "rules": [rule("include", "service_token 1", true), rule("require", "ip 10.0.0.0/8", true)]}],
        });
        assert_eq!(
            render(&verdict),
            "yes: service_auth by policy robots\n  robots (non_identity) matches\n    \
             include service_token 1: holds\n    require ip 10.0.0.0/8: holds\n"
        );
        verdict["admitted"] = json!(false);
        verdict["reason"] = json!("POLICY_NO_MATCH");
        verdict["policy_name"] = json!(null);
        assert!(render(&verdict).starts_with("no: POLICY_NO_MATCH\n"));
    }
}
